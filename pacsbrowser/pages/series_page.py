"""What the series page shows: one page of the instances in the stored order, its rule in words, ranges and gaps."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count
from django.http import QueryDict
from django.urls import reverse

from pacsbrowser.archive import browsing, ordering
from pacsbrowser.archive.browsing import Gap, SeriesWindow
from pacsbrowser.archive.models import Instance, Series
from pacsbrowser.archive.viewing import has_pictures
from pacsbrowser.pages.lookup import SeriesPlace
from pacsbrowser.pages.study_page import banner, findings_context
from pacsbrowser.pages.thumbs import Thumb, instance_thumb

# Name in the URL, icon, label.
VIEWS = (("grid", "grid", "Grid"), ("table", "rows", "Table"))
RULER_WIDTH = 800
RULER_MARKS = 3
# A tally of classes and encodings reads every row of the series.
TALLY_WITHIN = 5_000
RULES = {
    "instance_number": (
        "Instance Number", "(0020,0013)", "present and unique in all instances"
    ),
    "slice": (
        "position along the slice normal", "(0020,0032)", "instance numbers are missing or repeat"
    ),
    "time": (
        "time of acquisition", "(0008,002A)", "there are no usable instance numbers and no slice positions"
    ),
    "uid": (
        "SOP Instance UID", "(0008,0018)", "there are no usable numbers, positions or times"
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """How the instances are ordered, in words, with the tag it rests on and why it was chosen."""

    name: str
    tag: str
    why: str


@dataclass(frozen=True, slots=True)
class Tile:
    """An instance on the page, the gap before it, its thumbnail, and how many further objects came under its UID."""

    instance: Instance
    gap: Gap | None
    thumb: Thumb
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of the ruler, in its units."""

    x: float
    width: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Ruler:
    """The numbers of a series as a line: where gaps are, and which part the page shows."""

    first: int
    last: int
    here: Mark
    missing: list[Mark]
    words: str


def context(place: SeriesPlace, query: QueryDict) -> dict[str, Any]:
    """Return the context of a series' page."""
    series = place.series
    window = browsing.window(series, _integer(query.get("from", "")))
    first, last = browsing.bounds(series)
    gaps = browsing.find_gaps([series])[series.pk]
    previous, following = browsing.neighbours_of_series(series, place.scope)
    view = query.get("view", "")
    return {
        "place": place,
        "patient": place.patient,
        "study": place.study,
        "series": series,
        "window": window,
        "tiles": tiles(window, gaps, place),
        "ruler": ruler(window, gaps, first, last) if last > first else None,
        "gaps": gaps,
        "whole_count": series.instance_count + series.missing_count,
        "rule": rule_of(series),
        "by_number": series.order_rule == ordering.BY_NUMBER,
        "views": VIEWS,
        "view": view if view == "table" else "grid",
        "kept": [(name, value) for name, value in query.items() if name not in ("n", "from")],
        "previous": previous,
        "following": following,
        "is_viewable": has_pictures(series),
        **_tallies(series, window),
        **banner(place),
        **findings_context(place),
    }


def jump(place: SeriesPlace, query: QueryDict) -> str:
    """Return the address of the page that begins at an Instance Number."""
    wanted = _integer(query.get("n", ""))
    position = browsing.position_of_number(place.series, wanted) if wanted is not None else None
    kept = query.copy()
    for name in ("n", "from"):
        kept.pop(name, None)
    if position is not None:
        kept["from"] = str(position)
    address = reverse("series_detail", args=place.url_arguments)
    return f"{address}?{kept.urlencode()}" if kept else address


def rule_of(series: Series) -> Rule:
    """Return the rule by which the instances of a series are ordered."""
    return Rule(*RULES.get(series.order_rule, RULES["uid"]))


def tiles(window: SeriesWindow, gaps: list[Gap], place: SeriesPlace) -> list[Tile]:
    """Return the instances of a page, each with the gap that lies before it."""
    before = {gap.last + 1: gap for gap in gaps}
    return [
        Tile(
            instance,
            before.get(instance.position),
            instance_thumb(instance, place.series, place),
            window.copies.get(instance.pk, 0),
        )
        for instance in window.instances
    ]


def ruler(window: SeriesWindow, gaps: list[Gap], first: int, last: int) -> Ruler:
    """Return the line of numbers from the first to the last."""
    unit = RULER_WIDTH / (last - first + 1)

    def mark(start: int, end: int, least: float, label: str = "") -> Mark:
        width = max((end - start + 1) * unit, least)
        return Mark(round(min((start - first) * unit, RULER_WIDTH - width), 1), round(width, 1), label)

    missing = [mark(gap.first, gap.last, 3, str(gap)) for gap in gaps]
    told = ", ".join(str(gap) for gap in gaps[:RULER_MARKS])
    more = f" and {len(gaps) - RULER_MARKS} more gaps" if len(gaps) > RULER_MARKS else ""
    lack = f", {told}{more} missing" if gaps else ""
    words = f"{first} to {last}{lack}; this page shows {window.first} to {window.last}"
    return Ruler(first, last, mark(window.first, window.last, 4), missing, words)


def _tallies(series: Series, window: SeriesWindow) -> dict[str, Any]:
    """Count SOP classes and transfer syntaxes; in a very long series only what this page shows is named."""
    if series.instance_count > TALLY_WITHIN:
        classes = {row.sop_class_uid for row in window.instances}
        syntaxes = {row.transfer_syntax_uid for row in window.instances}
        return {
            "sop_classes": [(uid, None) for uid in sorted(classes)],
            "transfer_syntaxes": [(uid, None) for uid in sorted(syntaxes)],
        }
    rows = browsing.live_instances(series).order_by()
    return {
        name: rows.values_list(column).annotate(found=Count("pk")).order_by("-found", column)
        for name, column in (("sop_classes", "sop_class_uid"), ("transfer_syntaxes", "transfer_syntax_uid"))
    }


def _integer(text: str) -> int | None:
    text = text.strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else None
