"""UIDs in the one box: straight to the object, a choice between holders, or what is known of a UID that is not here."""

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.views.decorators.http import require_safe

from pacsbrowser.access.scope import Scope, scope_of
from pacsbrowser.archive import search
from pacsbrowser.archive.models import Level, Reference
from pacsbrowser.archive.search import Holder, Query
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.dicom.uids import is_valid_uid, uid_kind, uid_name
from pacsbrowser.pages.list_rows import study_link
from pacsbrowser.pages.render import page
from pacsbrowser.pages.wording import REFERENCES

KINDS = {
    "sop_class": "SOP class",
    "transfer_syntax": "Transfer syntax",
    "frame_of_reference": "Frame of reference",
}


@dataclass(frozen=True, slots=True)
class Line:
    """An object in the answer, with where it stands."""

    level: str
    uid: str
    href: str
    holder: Holder
    text: str


@dataclass(slots=True)
class Answer:
    """What is known of one UID. `is_partial`: the lines have UIDs that begin or end with it."""

    uid: str
    lines: list[Line] = field(default_factory=list)
    name: str = ""
    kind: str = ""
    is_partial: bool = False
    is_valid: bool = True
    frame_of_reference: list[Line] = field(default_factory=list)
    references: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether anything can be said of it."""
        return bool(self.lines or self.name or self.frame_of_reference)


def answer(request: HttpRequest, query: Query) -> HttpResponseBase:
    """Answer a search for UIDs: the only holder of the only UID gets the reader to its page."""
    scope = scope_of(request.user)
    answers = find(scope, query.uids)
    record(
        Action.QUERY,
        request=request,
        object=query.uids[0] if len(query.uids) == 1 else "",
        detail={"uids": list(query.uids[:20]), "found": sum(bool(one.lines) for one in answers)},
    )
    if len(answers) == 1 and len(answers[0].lines) == 1 and not answers[0].name:
        return HttpResponseRedirect(answers[0].lines[0].href)
    return _page(request, answers, query)


def answer_end(request: HttpRequest, query: Query) -> HttpResponseBase | None:
    """Answer a number that no patient or study has but that ends a study's or series' UID; None if none does."""
    end = query.uid_end
    if not end or not search.find_partial(scope_of(request.user), end):
        return None
    return answer(request, search.parse_query(f"uid:{end}"))


@require_safe
def uid_holders(request: HttpRequest, uid: str) -> HttpResponse:
    """Everything known of one UID; always the page, also with one holder."""
    query = search.parse_query(f"uid:{uid}")
    answers = find(scope_of(request.user), query.uids)
    record(Action.QUERY, request=request, object=uid, detail={"uids": [uid]})
    return _page(request, answers, query)


def find(scope: Scope, uids: tuple[str, ...]) -> list[Answer]:
    """Return what is known of each UID. Only a single one is also looked for by its beginning or end."""
    holders = search.find_holders(scope, uids)
    answers = []
    for uid in uids:
        kind = uid_kind(uid)
        one = Answer(uid, [line(holder) for holder in holders.get(uid, ())], is_valid=is_valid_uid(uid))
        one.name = (uid_name(uid) or "") if kind else ""
        one.kind = KINDS.get(kind or "", "")
        answers.append(one)
    if len(answers) == 1:
        _look_further(scope, answers[0])
    return answers


def _look_further(scope: Scope, one: Answer) -> None:
    one.frame_of_reference = [line(holder) for holder in search.find_frame_of_reference(scope, one.uid)]
    if one.is_known:
        return
    one.references = [_reference(row) for row in search.find_references(scope, one.uid)]
    if not one.references:
        one.lines = [line(holder) for holder in search.find_partial(scope, one.uid)]
        one.is_partial = bool(one.lines)


def line(holder: Holder) -> Line:
    """Return an object as a line of the answer."""
    study = holder.study
    text = study.study_description
    if holder.series:
        text = holder.series.series_description or f"Series {holder.series.series_number}".strip()
    if holder.instance:
        number = holder.instance.instance_number
        text = f"Instance {number} of {text}" if number else f"Instance of {text}"
    return Line(Level(holder.level).label, holder.uid, address(holder), holder, text)


def address(holder: Holder) -> str:
    """Return where an object's page is."""
    path = study_link(holder.study.study_instance_uid, holder.study.pk, 1)
    if holder.series:
        path += f"series/{holder.series.series_instance_uid}/"
    if holder.instance:
        path += f"instances/{holder.instance.sop_instance_uid}/"
    return f"{path}?holder={holder.study.pk}" if holder.is_shared else path


def _reference(row: Reference) -> dict[str, Any]:
    instance = row.instance
    holder = Holder(
        Level.INSTANCE, instance.sop_instance_uid, instance.series.study, instance.series, instance, is_shared=True
    )
    return {"line": line(holder), "kind": REFERENCES.get(row.kind, row.kind.replace("_", " "))}


def _page(request: HttpRequest, answers: list[Answer], query: Query) -> HttpResponse:
    found = sum(bool(one.lines) and not one.is_partial for one in answers)
    context = {"answers": answers, "query": query, "found": found, "one": answers[0] if len(answers) == 1 else None}
    return page(request, "pages/uid_holders.html", context)
