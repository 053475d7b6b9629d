"""QIDO-RS (PS3.18 10.6): studies, series and instances by matching keys, page by page, as JSON or XML."""

import json
from collections.abc import Sequence

from django.http import HttpResponse, HttpResponseBase

from pacsbrowser.archive.in_files import MOST_CANDIDATES, FileReader, TooMuchToRead
from pacsbrowser.archive.models import Level, Study
from pacsbrowser.archive.search import ObjectRow, count_objects, find_objects
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import did_lately, record, record_view
from pacsbrowser.dicom.json_paths import matches
from pacsbrowser.dicom.native_xml import native_xml
from pacsbrowser.dicomweb.accept import DICOM_JSON, DICOM_XML, JSON, Offer
from pacsbrowser.dicomweb.found import Found, describe
from pacsbrowser.dicomweb.multipart import Part, multipart_related
from pacsbrowser.dicomweb.problems import Problem
from pacsbrowser.dicomweb.query import Query, parse_query
from pacsbrowser.dicomweb.resource import Call

# Remaining results are counted up to this.
_COUNTED = 10_000
_TOO_MUCH = (
    "Attributes that are not in the index are read from the files, and these are too large for one answer. Narrow the "
    "search by its other keys, or ask for fewer results at once."
)
_OFFERS = (Offer(DICOM_JSON), Offer(JSON), Offer(DICOM_XML, is_multipart=True), Offer(DICOM_XML))


def search_studies(call: Call) -> HttpResponseBase:
    """All studies."""
    return _search(call, Level.STUDY)


def search_series(call: Call, study: str = "") -> HttpResponseBase:
    """The series of a study, or all series."""
    return _search(call, Level.SERIES, StudyInstanceUID=study)


def search_instances(call: Call, study: str = "", series: str = "") -> HttpResponseBase:
    """The instances of a series or study, or all instances."""
    return _search(call, Level.INSTANCE, StudyInstanceUID=study, SeriesInstanceUID=series)


def _search(call: Call, level: Level, **uids: str) -> HttpResponseBase:
    """Answer a search. An unknown study or series in the path has no members: that is an empty list, not an error."""
    offer = call.choose(*_OFFERS)
    within = {keyword: uid for keyword, uid in uids.items() if uid}
    query = parse_query(call.request, level, within)
    try:
        files = FileReader(query.level)
        rows, has_more = _find(call, query, files)
        found = describe(call, query, rows, files, is_nested=bool(within))
    except TooMuchToRead:
        raise Problem(400, _TOO_MUCH) from None
    _record(call, query, within, rows)
    response = _answer(offer, found)
    if has_more:
        response.headers["Warning"] = f'299 pacsbrowser "{_warning(call, query, len(rows))}"'
    return response


def _find(call: Call, query: Query, files: FileReader) -> tuple[list[ObjectRow], bool]:
    """Return the page and whether there are more results.

    What is not in the index is compared in the files, if the index leaves few enough to read.
    """
    if not query.in_files:
        # one more than is returned tells whether there are more, which counting them would cost much to say
        rows = find_objects(call.scope, query.search, query.page + 1, query.offset)
        return rows[: query.page], len(rows) > query.page
    rows = find_objects(call.scope, query.search, MOST_CANDIDATES + 1)
    if len(rows) > MOST_CANDIDATES:
        names = ", ".join(".".join(path) for path, _ in query.in_files)
        raise Problem(
            400,
            f"{names} is not in the index, so files are searched for it, {MOST_CANDIDATES} at most. "
            "Narrow the search by its other keys.",
        )
    models = files.read(rows)
    hits = [row for row in rows if all(matches(models.get(row.id, {}), path, match) for path, match in query.in_files)]
    end = query.offset + query.page
    return hits[query.offset : end], len(hits) > end


def _answer(offer: Offer, found: Sequence[Found]) -> HttpResponseBase:
    """Write the results; a multipart body without parts does not exist, so no results are 204 there."""
    if offer.media_type != DICOM_XML:
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        return HttpResponse(text.encode("utf-8", "replace"), content_type=offer.media_type)
    if not found:
        return HttpResponse(status=204)
    return multipart_related((Part(DICOM_XML, (native_xml(one),)) for one in found), DICOM_XML)


def _warning(call: Call, query: Query, count: int) -> str:
    """Say that there are more results (PS3.18 8.3.4.4.1), and how many where it was not the client who cut them."""
    if query.in_files or (query.limit is not None and query.limit <= query.page):
        return "There are additional results that can be requested"
    before = query.offset + count
    remaining = count_objects(call.scope, query.search, before + _COUNTED) - before
    said = f"{remaining}" if remaining < _COUNTED else f"at least {_COUNTED}"
    return f"There are {said} additional results that can be requested"


def _record(call: Call, query: Query, within: dict[str, str], rows: Sequence[ObjectRow]) -> None:
    """Looking into one study is a view of it; any other search is a query with its criteria."""
    if "StudyInstanceUID" in within:
        if rows:
            uid = within["StudyInstanceUID"]
            study = (
                Study.objects.visible_to(call.scope).filter(study_instance_uid=uid).select_related("patient").first()
            )
            record_view(call.request, "study", uid, uid, study.patient.audit_name if study else "")
        return
    detail: dict[str, object] = {"list": query.level.value, **query.criteria}
    if call.caller.token:
        detail["token"] = call.caller.token
    # the next page of the same search, or a program that asks again and again, is no new question
    if not did_lately(call.request, Action.QUERY, detail):
        record(Action.QUERY, request=call.request, detail={**detail, "found": len(rows)})
