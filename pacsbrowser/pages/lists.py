"""The list of patients, which is the home page, the list of studies, and what arrived lately."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from pacsbrowser.access.models import User
from pacsbrowser.access.scope import Scope, scope_of
from pacsbrowser.archive import search
from pacsbrowser.archive.models import Door
from pacsbrowser.pages import omnibox
from pacsbrowser.pages.list_advice import close_words, without_one
from pacsbrowser.pages.list_chips import chips
from pacsbrowser.pages.list_counts import counts_link, record_query, summary, tabs
from pacsbrowser.pages.list_csv import patients_csv, studies_csv
from pacsbrowser.pages.list_rows import arrived_line, patient_lines, study_lines, study_rows
from pacsbrowser.pages.list_state import DATES, MOST, PAGE, SEXES, ListState, read_state
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.render import page

STUDIES_OF_ONE = 10
DELIVERIES = 10
PATIENT_HEADS = (
    ("name", "Patient Name", ""), ("id", "ID", ""), ("last", "Last Study", "-"), ("birth", "Birth date", ""),
    ("sex", "Sex", ""), ("studies", "Studies", "-"), ("modalities", "Modalities", ""),
)  # fmt: skip
STUDY_HEADS = (
    ("date", "Date", "-"), ("name", "Patient", ""), ("id", "ID", ""), ("modalities", "Modalities", ""),
    ("description", "Description", ""), ("accession", "Accession", ""), ("series", "Series", "-"),
    ("instances", "Instances", "-"), ("referring", "Referring physician", ""), ("institution", "Institution", ""),
)  # fmt: skip
Heads = tuple[tuple[str, str, str], ...]
_NUMBERS = {"studies", "series", "instances"}


@dataclass(frozen=True, slots=True)
class Listed:
    """One of the two lists: its level, its sort keys, its columns, and how its rows are found and shown.

    `opens_one`: where a search leaves one row, the studies of that patient are shown below it.
    """

    level: str
    sorts: Mapping[str, str]
    usual: str
    heads: Heads
    find: Callable[..., "search.Page[Any]"]
    send_csv: Callable[[Scope, ListState], StreamingHttpResponse]
    lines: Callable[[Sequence[Any], bool], list[SafeString]]
    opens_one: bool = False


_PATIENTS = Listed(
    "patients", search.PATIENTS.sorts, "-last", PATIENT_HEADS, search.find_patients, patients_csv,
    lambda rows, focus: patient_lines(rows, timezone.localdate(), focus), opens_one=True,
)  # fmt: skip
_STUDIES = Listed(
    "studies", search.STUDIES.sorts, "-date", STUDY_HEADS, search.find_studies, studies_csv, study_lines
)  # fmt: skip


@require_safe
def patient_list(request: HttpRequest) -> HttpResponseBase:
    """The patients, filtered and sorted; UIDs in the box lead to their objects instead."""
    return _list(request, _PATIENTS, "pages/patient_list.html")


@require_safe
def study_list(request: HttpRequest) -> HttpResponseBase:
    """The studies of all patients, filtered and sorted."""
    return _list(request, _STUDIES, "pages/study_list.html")


def _list(request: HttpRequest, listed: Listed, template: str) -> HttpResponseBase:
    state = read_state(request.GET, listed.sorts, listed.usual)
    if state.query.uids:
        return omnibox.answer(request, state.query)
    scope = scope_of(request.user)
    if request.GET.get("format") == "csv":
        record_query(request, state, listed.level, as_file=True)
        return listed.send_csv(scope, state)
    most = _most(request)
    found = listed.find(scope, state.query, state.filters, state.sort, state.after, state.limit, most)
    if not found.count and (objects := omnibox.answer_end(request, state.query)):
        return objects
    found = _at_least(found, state)
    record_query(request, state, listed.level, found)
    context = _context(scope, state, found, listed, is_counted=most == search.LIMIT)
    context["rows"] = listed.lines(found.rows, _wants_more(request))
    if listed.opens_one and state.is_narrowed and found.count == 1 and found.rows:
        studies = search.find_studies_of(scope, found.rows[0].id, STUDIES_OF_ONE)
        context["only_studies"] = study_rows(studies)
    return _answer(request, template, state, context)


@require_safe
def arrivals(request: HttpRequest) -> HttpResponse:
    """Did it arrive: the newest deliveries, what became of their files, which studies they brought."""
    user = signed_in(request)
    scope = scope_of(user)
    after = _uuid(request.GET.get("after", ""))
    found = search.find_arrivals(scope, user, after, limit=DELIVERIES + 1)
    context = {
        "arrivals": [_arrival(one, user) for one in found[:DELIVERIES]],
        "next": found[DELIVERIES - 1].delivery.pk if len(found) > DELIVERIES else None,
        "is_first": after is None,
        "now": timezone.now(),
        "tabs": tabs(None, "arrivals", {}),
        "counts": reverse("list_counts", args=["arrivals"]) + "?",
    }
    return page(request, "pages/arrivals.html", context, fragment="results")


def _arrival(one: "search.Arrival", user: User) -> dict[str, Any]:
    delivery = one.delivery
    return {
        "delivery": delivery,
        "has_report": user.is_administrator or (delivery.user_id == user.pk and delivery.door == Door.UPLOAD),
        "whole": one.whole,
        "is_arriving": one.is_arriving,
        "is_cut": one.is_cut,
        "counts": one.counts,
        "problems": one.problems,
        "is_many": one.study_count >= search.MOST_STUDIES,
        "more_studies": one.study_count - len(one.studies),
        "studies": [arrived_line(own, one.delivery.pk) for own in one.studies],
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _most(request: HttpRequest) -> int:
    """How far to count: no further than is cheap, for the figure comes by itself; without JavaScript by a link."""
    return search.LIMIT if "count" in request.GET else search.FEW


def _at_least(found: "search.Page[Any]", state: ListState) -> "search.Page[Any]":
    """There are at least as many rows as were shown."""
    return found if found.exact else replace(found, count=max(found.count, state.at + len(found.rows)))


def _context(
    scope: Scope, state: ListState, found: "search.Page[Any]", listed: Listed, *, is_counted: bool
) -> dict[str, Any]:
    own, level = chips(state), listed.level
    is_settled = is_counted or found.exact or found.count >= search.LIMIT
    end = state.at + len(found.rows)
    heads_shown = _heads(state, listed.heads)
    context = {
        "state": state,
        "found": found,
        "level": level,
        "chips": own,
        "heads": heads_shown,
        "summary": summary(found, level),
        "sorted_by": next(f"{head['label']}, {head['way']}" for head in heads_shown if head["way"]),
        "chosen_date": state.get("date") or ("range" if state.filters.has_date else ""),
        "from_day": state.get("from") if state.get("date") in ("", "range") else "",
        "to_day": state.get("to") if state.get("date") in ("", "range") else "",
        "first": state.at + 1,
        "end": end,
        "more": f"{state.link()}&after={found.after}&at={end}" if found.after else "",
        "tabs": tabs(state, level, {level: found}),
        "counts": counts_link(state, level, found if is_settled else None),
        "is_settled": is_settled,
        "dates": DATES,
        "sexes": SEXES,
        "modalities": _modalities(scope, state),
        "csv": state.link(format="csv"),
        "has_everything": scope.everything,
    }
    if not found.count and state.is_narrowed:
        context["without"] = without_one(scope, state, own, level)
        context["close"] = close_words(scope, state)
    return context


def _heads(state: ListState, heads: Heads) -> list[dict[str, str]]:
    """A column is sorted the way it is mostly wanted first: names from A, dates and numbers from the top."""
    shown = []
    for name, label, first in heads:
        current = state.sort.lstrip("-") == name
        way = "" if not current else "descending" if state.sort.startswith("-") else "ascending"
        other = ("" if state.sort.startswith("-") else "-") if current else first
        wanted = f"{other}{name}"
        icon = "sort-down" if way == "descending" else "sort-up" if way else "sort"
        href = state.link(sort=None if wanted == state.default_sort else wanted)
        css = "num" if name in _NUMBERS else ""
        shown.append({"name": name, "label": label, "way": way, "href": href, "icon": icon, "css": css})
    return shown


def _modalities(scope: Scope, state: ListState) -> list[str]:
    known = search.find_modalities(scope)
    return sorted({*known, *state.filters.modalities})


def _answer(request: HttpRequest, template: str, state: ListState, context: dict[str, Any]) -> HttpResponse:
    """Answer with the page, its results, or, where "load more" was followed, the further rows."""
    wants_more = _wants_more(request)
    response = page(request, template, context, fragment="more" if wants_more else "results")
    if wants_more and context["end"] <= MOST:
        response.headers["HX-Replace-Url"] = f"{request.path}{state.link()}&show={context['end']}"
    elif request.headers.get("HX-Request") and not wants_more:
        shown = {"show": str(state.limit)} if state.limit > PAGE else {}
        response.headers["HX-Push-Url"] = request.path + state.link(**shown).removesuffix("?")
    return response


def _wants_more(request: HttpRequest) -> bool:
    """Whether rows are to be added to the list that the browser shows."""
    return request.headers.get("HX-Target") == "rows"
