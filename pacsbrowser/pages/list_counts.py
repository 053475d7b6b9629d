"""How many: the tabs' numbers and a long list's exact figure, which come after the page; and recording a search."""

from collections.abc import Callable, Mapping
from datetime import datetime, time
from typing import Any, Protocol

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from pacsbrowser.access.scope import Scope, scope_of
from pacsbrowser.archive import search
from pacsbrowser.archive.search import Hits
from pacsbrowser.audit.models import Action, Event
from pacsbrowser.audit.record import SEEN_AGAIN, did_lately, record
from pacsbrowser.pages.list_state import ListState, read_state
from pacsbrowser.pages.templatetags.dicom_format import counted

# The other tab's number for a search, and that of today's arrivals, is exact up to here.
TAB_COUNT = 1_000
NOUNS = {"patients": "patient", "studies": "study"}
_COUNTERS: Mapping[str, Callable[..., Hits]] = {"patients": search.count_patients, "studies": search.count_studies}
_TABS = (
    ("patients", "Patients", "/"),
    ("studies", "Studies", "/studies/"),
    ("arrivals", "Arrived today", "/arrivals/"),
)


class Figure(Protocol):
    """A number; if not exact, there are more."""

    @property
    def count(self) -> int:
        """Return the number."""

    @property
    def exact(self) -> bool:
        """Say whether it is the whole number."""


@require_safe
def list_counts(request: HttpRequest, level: str) -> HttpResponse:
    """What a list's page left out to be fast: the figures of its tabs, and its own where it said "over".

    `known` (and `over`) is the page's own figure where that was as good as it gets.
    """
    if level not in (*NOUNS, "arrivals"):
        raise Http404
    scope = scope_of(request.user)
    state = read_state(request.GET, {}, "")
    own = _known(request)
    settled = own is not None or level == "arrivals"
    figures: dict[str, Hits | None] = {level: own} if own is not None else {}
    for name in NOUNS:
        if name not in figures:
            figures[name] = _count(scope, state, name, None if name == level else TAB_COUNT)
    found = figures.get(level)
    if level in NOUNS:
        record_query(request, state, level, found, again=True)
    figures["arrivals"] = _arrived_today(scope)
    context = {
        "tabs": tabs(state, level, figures),
        "found": found,
        "summary": summary(found, level) if found and not settled else "",
        "state": state,
        "settled": settled,
        "is_settled": True,
        "oob": True,
    }
    response = render(request, "includes/list_counts.html", context)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def counts_link(state: ListState, level: str, found: Figure | None) -> str:
    """Return where the page gets the figures that it leaves out; `found` is its own if that needs no counting."""
    known = {"known": str(found.count), "over": "" if found.exact else "1"} if found else {}
    return reverse("list_counts", args=[level]) + state.link(**known)


def tabs(state: ListState | None, level: str, figures: Mapping[str, Figure | None]) -> list[dict[str, Any]]:
    """Return the tabs with those numbers that are known; a search goes along from one list to the other."""
    link = state.link(sort=None).removesuffix("?") if state else ""
    found = []
    for name, label, path in _TABS:
        figure = figures.get(name)
        found.append({"name": name, "label": label, "href": path + (link if name in NOUNS else ""),
                      "current": name == level, "count": figure.count if figure else None,
                      "exact": not figure or figure.exact})  # fmt: skip
    return found


def summary(found: Figure, level: str) -> str:
    """Return a list's heading: how many there are, as far as is known."""
    noun = NOUNS[level]
    if not found.count:
        return f"No {noun} matches" if found.exact else f"No {noun} found so far"
    return counted(found.count, noun) if found.exact else f"Over {counted(found.count, noun)}"


def _known(request: HttpRequest) -> Hits | None:
    text = request.GET.get("known", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        return None
    return Hits(int(text), exact="over" not in request.GET)


def _count(scope: Scope, state: ListState, level: str, most: int | None) -> Hits | None:
    """Count a list; another than the page's own no further than `most`, and only where that is cheap."""
    query, filters = state.query, state.filters
    # several filters of one study are read from many rows: once is enough
    several = sum(map(bool, (filters.modalities, filters.has_date, filters.description, filters.accession))) > 1
    if most and several:
        return None
    most = most if most and state.is_narrowed else search.LIMIT
    return _COUNTERS[level](scope, query, filters, most)


def _arrived_today(scope: Scope) -> Hits:
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(), time.min))
    today = search.count_arrived_since(scope, midnight, TAB_COUNT + 1)
    return Hits(min(today, TAB_COUNT), exact=today <= TAB_COUNT)


def record_query(
    request: HttpRequest,
    state: ListState,
    level: str,
    found: Figure | None = None,
    *,
    as_file: bool = False,
    again: bool = False,
) -> None:
    """Record what was asked for; a list opened without a question counts rarely.

    Going on in a list, and counting it (`again`), is no new question.
    """
    criteria = {name: " ".join(values) for name, values in state.values.items() if name not in ("after", "at", "show")}
    if not as_file:
        if (again or state.after is not None) and _did(request, level, criteria):
            return
        if not state.is_narrowed and _asked_lately(request):
            return
    detail: dict[str, Any] = {"list": level, **criteria}
    if found is not None:
        detail["found"] = found.count if found.exact else f"over {found.count}"
    if as_file:
        detail["format"] = "csv"
    record(Action.DOWNLOAD if as_file else Action.QUERY, request=request, detail=detail)


def _did(request: HttpRequest, level: str, criteria: Mapping[str, str]) -> bool:
    return did_lately(request, Action.QUERY, {"list": level, **criteria})


def _asked_lately(request: HttpRequest) -> bool:
    since = timezone.now() - SEEN_AGAIN
    return Event.objects.filter(user_id=request.user.pk, action=Action.QUERY, study="", time__gt=since).exists()
