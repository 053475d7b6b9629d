"""Attributes of an object as pages show them: facts with labels, and tables of which each row is an item.

A table is declared once, as data; what an object does not have leaves no empty row or column behind.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pacsbrowser.dicom.attributes import tag_text
from pacsbrowser.dicom.data_item import DataItem
from pacsbrowser.dicom.json_model import tag_and_vr
from pacsbrowser.dicom.uids import uid_name
from pacsbrowser.dicom.units import unit_symbol
from pacsbrowser.dicom.values import date_text, parse_decimal, time_text
from pacsbrowser.pages.templatetags.dicom_format import short_number

ROWS = 500
MOST_ITEMS = 20_000
SHOWN = 300  # characters of one value
VALUES = 16  # values of one attribute
_NUMBERS = frozenset(("DS", "FL", "FD", "IS", "SS", "SL", "SV"))
_FLAGS = {"YES": "yes", "NO": "no"}
_LOSSY = {"00": "no", "01": "yes"}  # PS3.3 C.7.6.1.1.5


@dataclass(frozen=True, slots=True)
class Fact:
    """A label with its value, and the tag where it stands."""

    label: str
    value: str
    tag: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its label, and the attribute; of sequences on the way the first item counts ("Sequence.Keyword").

    `unit` follows the value. A keyword that ends in "#" is a sequence whose items are counted.
    """

    label: str
    path: str
    unit: str = ""
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a table with the label of its column."""

    label: str
    value: str
    is_number: bool
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Items of a sequence: those shown, and how many there are."""

    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    count: int


def facts_of(dataset: DataItem, wanted: Iterable[tuple[str, str]]) -> list[Fact]:
    """Return what an object says of the attributes wanted: pairs of label and path."""
    found = (Fact(label, *_value_and_tag(dataset, path)) for label, path in wanted)
    return [fact for fact in found if fact.value]


def items_at(dataset: DataItem, path: str) -> list[DataItem]:
    """Return the items of a sequence, or of the sequences of that name in each of its items ("Outer/Inner")."""
    found = [dataset]
    for keyword in path.split("/"):
        found = [item for one in found for item in one.items(keyword)][:MOST_ITEMS]
    return found


def table_of(title: str, items: Sequence[DataItem], columns: Sequence[Column]) -> Table | None:
    """Return items as a table, columns in which nothing stands left out; None without any."""
    rows = [[value_of(item, column.path) for column in columns] for item in items[:ROWS]]
    used = [place for place in range(len(columns)) if any(row[place][0] for row in rows)]
    if not used:
        return None
    cells = [
        [Cell(columns[place].label, _with_unit(row[place][0], columns[place].unit), columns[place].is_number,
              row[place][1]) for place in used]
        for row in rows
    ]  # fmt: skip
    return Table(title, [columns[place] for place in used], cells, len(items))


def _with_unit(value: str, unit: str) -> str:
    return f"{value} {unit}" if value and unit else value


def _value_and_tag(dataset: DataItem, path: str) -> tuple[str, str, str]:
    value, hint = value_of(dataset, path)
    tag = tag_and_vr(path.rpartition(".")[2].rstrip("#"))[0]
    return value, tag_text(int(tag, 16)), hint


def value_of(dataset: DataItem, path: str) -> tuple[str, str]:
    """Return the value of an attribute as people read it, and a hint: the code of a concept."""
    *steps, keyword = path.split(".")
    for step in steps:
        dataset = dataset.first(step)
    if keyword.endswith("#"):
        count = len(dataset.items(keyword[:-1]))
        return (f"{count:,}" if count else "", "")
    vr = tag_and_vr(keyword)[1]
    if vr == "SQ":
        codes = dataset.codes(keyword)
        return ", ".join(unit_symbol(code.text) for code in codes[:VALUES])[:SHOWN], "; ".join(
            code.label for code in codes[:VALUES]
        )
    texts = dataset.texts(keyword)
    shown = "\\".join(flag_text(keyword, _shown(text, vr)) for text in texts[:VALUES]).replace("\\", ", ")
    more = f" … {len(texts):,} values" if len(texts) > VALUES else ""
    return (shown[:SHOWN] + ("…" if len(shown) > SHOWN else "") + more, "")


def flag_text(keyword: str, text: str) -> str:
    """Return a flag as a word, any other value as it is: only coded strings are flags, a country may be NO."""
    if tag_and_vr(keyword)[1] != "CS":
        return text
    return (_LOSSY if keyword == "LossyImageCompression" else _FLAGS).get(text, text)


def _shown(text: str, vr: str) -> str:
    if vr == "DA":
        return date_text(text)
    if vr == "TM":
        return time_text(text, seconds=True)
    if vr == "DT":
        moment = text[:14]
        return f"{date_text(moment[:8])} {time_text(moment[8:], seconds=True)}".strip()
    if vr == "UI":
        return uid_name(text) or text
    return _number(text) if vr in _NUMBERS else text


def _number(text: str) -> str:
    """Return a number with few digits behind the point: nothing is known to more, and all of them are in the tags."""
    number = parse_decimal(text)
    if number is None or "." not in text:
        return text.replace("-", "−") if number is not None else text
    return short_number(number)
