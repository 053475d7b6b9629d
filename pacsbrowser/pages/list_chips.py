"""The chips over a list: how each word was read and what is filtered, each with a link that drops it."""

from dataclasses import dataclass, replace

from pacsbrowser.archive.search import Filters, Kind, Query
from pacsbrowser.pages.list_state import DATES, SEXES, ListState


@dataclass(frozen=True, slots=True)
class Chip:
    """One word or filter. `query` and `filters` are the search without it."""

    kind: str
    value: str
    href: str
    query: Query
    filters: Filters
    is_bad: bool = False


def chips(state: ListState) -> list[Chip]:
    """Return the chips of a list: the words of the box in their order, then the filters."""
    return [*_words(state), *_filters(state)]


def _words(state: ListState) -> list[Chip]:
    return [
        Chip(
            term.reading,
            term.value,
            state.link(q=state.query.without(term)),
            state.query.narrowed(term),
            state.filters,
            term.kind is Kind.UNREADABLE,
        )
        for term in state.query.terms
    ]


def _filters(state: ListState) -> list[Chip]:
    own, found = state.filters, []

    def add(kind: str, value: str, link: str, **off: object) -> None:
        found.append(Chip(kind, value, link, state.query, replace(own, **off)))  # type: ignore[arg-type]

    if own.modalities:
        add("Modality", " or ".join(own.modalities), state.link(modality=None), modalities=())
    if own.has_date:
        link = state.link(**{"date": None, "from": None, "to": None, "undated": None})
        add("Study date", _days(state), link, first="", last="", undated=False)
        if own.undated:
            add("Undated", "included", state.link(undated=None), undated=False)
    if own.sex:
        add("Sex", dict(SEXES).get(own.sex, own.sex), state.link(sex=None), sex="")
    if own.description:
        add("Description", own.description, state.link(description=None), description="")
    if own.accession:
        add("Accession", own.accession, state.link(accession=None), accession="")
    if own.unidentified:
        add("Patient ID", "none", state.link(noid=None), unidentified=False)
    return found


def _days(state: ListState) -> str:
    first, last = (
        f"{day[:4]}-{day[4:6]}-{day[6:]}" if day else "" for day in (state.filters.first, state.filters.last)
    )
    if first == last:
        return first
    days = f"{first} to {last}" if first and last else f"from {first}" if first else f"to {last}"
    name = dict(DATES).get(state.get("date"), "") if state.get("date") != "range" else ""
    return f"{name.lower()}, {days}" if name else days
