"""A radiation dose report (PS3.16 TID 10001, 10011, 10021) at a glance: what was accumulated, and a line an event."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pacsbrowser.dicom.sr.content import Code, Item, Report
from pacsbrowser.dicom.sr.document import unit_text, value_text

MOST_EVENTS = 500
MOST_COLUMNS = 12
# Code values of DCM (PS3.16 D): the titles of dose reports, of what they accumulate, and of their events.
_REPORTS = ("113701", "113500")
_ACCUMULATED = ("113702", "113811")
_EVENTS = ("113706", "113819", "113502")
# What an event is told by, in the order of the columns; what no event of the report has is left out.
_COLUMNS = (
    "111526", "113508", "125203", "113820", "113721", "123014", "113764", "113830", "113930", "113838", "122130",
    "113738", "111631", "113507", "113733", "113734", "113735", "113736", "113824", "113742", "113825", "112011",
    "112012", "113768", "113835",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of events; the unit is empty where the events differ in it."""

    name: Code
    unit: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Event:
    """An irradiation event or administration: its values by column, '' where it has none."""

    item: Item
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dose:
    """What a dose report says. `event_count` is of all events, `events` are the first of them."""

    accumulated: tuple[tuple[str, tuple[Item, ...]], ...]
    columns: tuple[Column, ...]
    events: tuple[Event, ...]
    event_count: int


def read_dose(report: Report) -> Dose | None:
    """Return the doses of a report; None for one that is no dose report."""
    if not report.root.is_named(*_REPORTS):
        return None
    sections = [item for item in report.root.walk() if item.is_section]
    accumulated = tuple(
        (_accumulated_title(item), tuple(_numbers(item))) for item in sections if item.is_named(*_ACCUMULATED)
    )
    events = [item for item in sections if item.is_named(*_EVENTS)]
    values = [_values(event) for event in events]
    columns = _columns(values)
    rows = tuple(Event(event, _cells(found, columns)) for event, found in zip(events, values, strict=True))
    return Dose(accumulated, columns, rows[:MOST_EVENTS], len(rows))


def _accumulated_title(item: Item) -> str:
    """Return the name of accumulated data, with the plane that it is of where there are several."""
    plane = item.child("113764")
    return (
        f"{item.name.text if item.name else ''}, {value_text(plane)}" if plane else item.name.text if item.name else ""
    )


def _numbers(item: Item) -> Iterator[Item]:
    return (child for child in item.walk() if child.kind == "NUM" and child.name)


def _values(event: Item) -> dict[str, list[Item]]:
    """Return what an event says, by the code value of the concept."""
    found: dict[str, list[Item]] = {}
    for item in event.walk():
        if item is not event and item.name and not item.is_section and value_text(item):
            found.setdefault(item.name.value, []).append(item)
    return found


def _columns(values: list[dict[str, list[Item]]]) -> tuple[Column, ...]:
    held = Counter(code for found in values for code in found)
    chosen = [code for code in _COLUMNS if code in held]
    if not chosen:
        numbers = Counter(code for found in values for code, items in found.items() if items[0].kind == "NUM")
        chosen = [code for code, _ in numbers.most_common(MOST_COLUMNS)]
    return tuple(_column([item for found in values for item in found.get(code, [])]) for code in chosen[:MOST_COLUMNS])


def _column(items: list[Item]) -> Column:
    units = {unit_text(item) for item in items if item.kind == "NUM"}
    is_number = all(item.kind == "NUM" for item in items)
    return Column(items[0].name or Code(), units.pop() if is_number and len(units) == 1 else "", is_number)


def _cells(found: dict[str, list[Item]], columns: tuple[Column, ...]) -> tuple[str, ...]:
    return tuple(
        ", ".join(dict.fromkeys(_cell(item, column) for item in found.get(column.name.value, [])[:5]))
        for column in columns
    )


def _cell(item: Item, column: Column) -> str:
    return item.text if item.kind == "NUM" and item.text and column.unit else value_text(item)
