"""The tag browser: the whole header of an instance, nested and lazy, filtered, with downloads as CSV and JSON.

`?tags=` filters, `?path=` opens a sequence or an item, `?value=` shows one value in full, `?format=csv|json` sends all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, BinaryIO

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from pacsbrowser.archive import storage
from pacsbrowser.archive.export_names import safe_name_of_uid
from pacsbrowser.archive.models import Instance
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record, record_view
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.tag_export import iter_csv, iter_json
from pacsbrowser.dicom.tags import NoSuchTag, TagDocument, TagRow, read_tags, read_value, search
from pacsbrowser.pages.lookup import NOT_HERE, InstancePlace, find_instance, offers_choice
from pacsbrowser.pages.render import page, wants_fragment
from pacsbrowser.pages.study_page import banner
from pacsbrowser.pages.tag_words import group_name

LONGEST_FILTER = 200
ROWS_SHOWN = 400
FORMATS = {"csv": (iter_csv, "text/csv; charset=utf-8"), "json": (iter_json, "application/json")}


@dataclass(frozen=True, slots=True)
class TagGroup:
    """Rows of one group of tags, with those nested in them; `title` is '' inside of a sequence."""

    title: str
    rows: list[TagRow]


@require_safe
@offers_choice
def instance_tags(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Show the header, or the part of it that the query names."""
    place = find_instance(request, study_uid, series_uid, instance_uid)
    if request.GET.get("format") in FORMATS:
        return _send(request, place, request.GET["format"])
    record_view(request, place.level, place.uid, place.study.study_instance_uid, place.patient.audit_name)
    if "value" in request.GET:
        return _show_value(request, place)
    context = {**_page_context(place), **tags_context(place, request.GET)}
    if "path" in request.GET and context["tags_problem"]:
        raise Http404(NOT_HERE)
    fragment = "rows" if "path" in request.GET or "first" in request.GET else "table"
    response = page(request, "pages/instance_tags.html", context, fragment=fragment)
    if wants_fragment(request) and fragment == "table":
        response.headers["HX-Replace-Url"] = _address_of_filter(place, request.GET)
    return response


def tags_context(place: InstancePlace, query: QueryDict) -> dict[str, Any]:
    """Return the rows that a query asks for, in groups."""
    words = query.get("tags", "").strip()[:LONGEST_FILTER]
    path = query.get("path", "")
    context: dict[str, Any] = {"tags_filter": words, "tags_path": path, "tags_problem": "", "tag_groups": []}
    tags_url = reverse("instance_tags", args=place.url_arguments)
    context |= {"tags_url": tags_url, "joint": "&" if place.holder_query else "?"}
    try:
        with storage.open_blob(place.instance.blob) as file:
            document = _read(file, words, path, query.get("first", ""))
    except NoSuchTag:
        return {**context, "tags_problem": "There is no such element in this object."}
    except FileNotFoundError:
        return {**context, "tags_problem": "The file of this instance is not in the store."}
    except (DicomError, OSError) as error:
        return {**context, "tags_problem": getattr(error, "reason", "The file cannot be read.")}
    return {**context, **_document_context(document, path)}


def _read(file: BinaryIO, words: str, path: str, first: str) -> TagDocument:
    if words:
        return search(file, words)
    start = int(first) if first.isascii() and first.isdecimal() and len(first) < 10 else 0
    document = read_tags(file, path, start)
    return document if path else _cut(document, start)


def _cut(document: TagDocument, first: int) -> TagDocument:
    """Return as many rows of the top level as a page shows at once."""
    if len(document.rows) <= ROWS_SHOWN:
        return document
    shown = document.rows[:ROWS_SHOWN]
    # the file meta information and notes on breaks are rows, but no children of the data set
    children = sum(row.kind != "break" and not row.path.startswith("0002") for row in shown)
    return replace(document, rows=shown, next_child=first + children)


def _document_context(document: TagDocument, path: str) -> dict[str, Any]:
    rows = document.rows
    return {
        "tag_groups": list(_groups(rows, nested=bool(path))),
        "tags_next": document.next_child,
        "tags_complete": document.is_complete,
        "tags_broken": document.is_broken,
        "tags_count": sum(row.kind not in ("item", "break") for row in rows),
        "tags_private": sum(row.is_private for row in rows),
        "tags_hits": sum(row.is_hit for row in rows),
    }


def _groups(rows: Iterable[TagRow], nested: bool) -> Iterator[TagGroup]:
    if nested:
        yield TagGroup("", list(rows))
        return
    for group, found in groupby(rows, key=lambda row: row.path[:4]):
        own = list(found)
        yield TagGroup(_title(group, own), own)


def _title(group: str, rows: list[TagRow]) -> str:
    if not group:
        return ""
    if int(group, 16) % 2:
        creators = dict.fromkeys(row.creator for row in rows if row.creator)
        told = f", creator {', '.join(f'“{creator}”' for creator in creators)}" if creators else ""
        return f"Group {group}, private{told}"
    name = group_name(group)
    return f"Group {group}, {name}" if name else f"Group {group}"


def _show_value(request: HttpRequest, place: InstancePlace) -> HttpResponse:
    """Show one value in full."""
    try:
        with storage.open_blob(place.instance.blob) as file:
            row = read_value(file, request.GET["value"])
    except (NoSuchTag, DicomError, OSError) as error:
        raise Http404(NOT_HERE) from error
    context = {**_page_context(place), "row": row, "tags_url": reverse("instance_tags", args=place.url_arguments)}
    return page(request, "pages/instance_tag_value.html", context, fragment="value")


def _send(request: HttpRequest, place: InstancePlace, format_: str) -> HttpResponseBase:
    """Send the whole header as a file."""
    record(
        Action.DOWNLOAD, request=request, patient=place.patient.audit_name, study=place.study.study_instance_uid,
        object=place.uid, detail={"level": place.level.value, "what": f"tags as {format_}"},
    )  # fmt: skip
    if not storage.blob_path(place.instance.blob).is_file():
        raise Http404(NOT_HERE)
    lines, content_type = FORMATS[format_]
    response = StreamingHttpResponse(_encoded(place.instance, lines), content_type=content_type)
    name = safe_name_of_uid(place.uid)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}_tags.{format_}"'
    return response


def _encoded(instance: Instance, lines: Any) -> Iterator[bytes]:
    with storage.open_blob(instance.blob) as file:
        for text in lines(file):
            yield text.encode("utf-8", "replace")


def _page_context(place: InstancePlace) -> dict[str, Any]:
    return {
        "place": place, "patient": place.patient, "study": place.study, "series": place.series,
        "instance": place.instance, **banner(place),
    }  # fmt: skip


def _address_of_filter(place: InstancePlace, query: QueryDict) -> str:
    """Return the address of the instance's page with this filter, which is what the browser shows."""
    kept = QueryDict(mutable=True)
    for name in ("holder", "tags"):
        if value := query.get(name):
            kept[name] = str(value)
    address = reverse("instance_detail", args=place.url_arguments)
    return f"{address}?{kept.urlencode()}" if kept else address
