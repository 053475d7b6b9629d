"""The state of a list is its URL: what is searched, filtered and sorted, where the page begins; and links to others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone

from pacsbrowser.archive.search import Filters, Query, parse_query
from pacsbrowser.dicom.values import parse_date

PAGE = 50
# Rows that one page shows at most, after "load more" was followed often and the page is reloaded.
MOST = 500
DATES = (
    ("today", "Today"),
    ("yesterday", "Yesterday"),
    ("7", "Last 7 days"),
    ("30", "Last 30 days"),
    ("year", "This year"),
    ("range", "From … to …"),
)
SEXES = (("F", "Female"), ("M", "Male"), ("O", "Other"), ("none", "Not given"))
_FILTERS = ("modality", "date", "from", "to", "undated", "sex", "description", "accession", "noid")
_TEXT = 256


@dataclass(frozen=True, slots=True)
class ListState:
    """What a list's URL says. `values` holds its parameters as they stand, without empty and unknown ones."""

    values: Mapping[str, tuple[str, ...]]
    query: Query
    filters: Filters
    sort: str
    default_sort: str
    after: int | None
    at: int
    limit: int
    problems: tuple[str, ...] = field(default=())

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is searched or filtered."""
        return bool(self.query.terms or self.filters)

    @property
    def filter_count(self) -> int:
        """How many filters are set; a range counts once."""
        return sum(name in self.values for name in _FILTERS if name not in ("from", "to", "undated"))

    def get(self, name: str) -> str:
        """Return a parameter's value, '' if it is absent."""
        return self.values.get(name, ("",))[0]

    def link(self, **changes: str | None) -> str:
        """Return this list's query string with some parameters set or, with None, left out; it begins at the top."""
        kept = {name: values for name, values in self.values.items() if name not in ("after", "at", "show")}
        for name, value in changes.items():
            kept.pop(name, None)
            if value:
                kept[name] = (value,)
        text = urlencode([(name, value) for name, values in kept.items() for value in values])
        return f"?{text}" if text else "?"


def read_state(parameters: QueryDict, sorts: Mapping[str, str], default_sort: str) -> ListState:
    """Read the URL of a list; what cannot be understood is left out and said in `problems`."""
    known = ("q", *_FILTERS, "sort", "after", "at", "show")
    values = {name: tuple(value for value in parameters.getlist(name) if value.strip()) for name in known}
    values = {name: found for name, found in values.items() if found}
    first, last, problems = _dates(values)
    query = parse_query(values.get("q", ("",))[0])
    filters = Filters(
        modalities=tuple(name.strip().upper()[:16] for name in values.get("modality", ()))[:20],
        first=first,
        last=last,
        undated="undated" in values,
        sex=values.get("sex", ("",))[0][:16],
        description=values.get("description", ("",))[0][:_TEXT].replace("\0", ""),
        accession=values.get("accession", ("",))[0][:_TEXT].replace("\0", ""),
        unidentified="noid" in values,
    )
    sort = values.get("sort", (default_sort,))[0]
    return ListState(
        values,
        query,
        filters,
        sort if sort.lstrip("-") in sorts and sort.count("-") <= 1 else default_sort,
        default_sort,
        after=_number(values, "after") or None,
        at=min(_number(values, "at"), 10**9),
        limit=min(max(_number(values, "show"), PAGE), MOST),
        problems=(*query.problems, *problems),
    )


def _number(values: Mapping[str, tuple[str, ...]], name: str) -> int:
    text = values.get(name, ("",))[0]
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _dates(values: Mapping[str, tuple[str, ...]]) -> tuple[str, str, tuple[str, ...]]:
    """Return first and last day as YYYYMMDD, and what is wrong with them."""
    chosen = values.get("date", ("range" if "from" in values or "to" in values else "",))[0]
    if chosen != "range":
        return *_preset(chosen, timezone.localdate()), ()
    ends, problems = [], []
    for name in ("from", "to"):
        text = values.get(name, ("",))[0].strip()
        day = parse_date(text.replace("-", ""))
        if text and not day:
            problems.append(f"{text[:40]} is not a date. Write it as 2026-11-22.")
        ends.append(f"{day:%Y%m%d}".rjust(8, "0") if day else "")
    if all(ends) and ends[0] > ends[1]:
        problems.append("The study date ends before it begins: no study can match.")
    return ends[0], ends[1], tuple(problems)


def _preset(name: str, today: date) -> tuple[str, str]:
    begin = {
        "today": today,
        "yesterday": today - timedelta(days=1),
        "7": today - timedelta(days=6),
        "30": today - timedelta(days=29),
        "year": today.replace(month=1, day=1),
    }.get(name)
    end = begin if name == "yesterday" else today
    return (f"{begin:%Y%m%d}", f"{end:%Y%m%d}") if begin and end else ("", "")
