"""A data set or an item of a sequence by the keywords of its attributes, whatever the object holds in their place.

What is absent, empty or not of its kind is '', None or (): a page about a broken object shows what it can.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from pacsbrowser.dicom.json_model import JsonModel, tag_and_vr
from pacsbrowser.dicom.json_reader import LEFT_IN_FILE, read_json, read_wanted
from pacsbrowser.dicom.model_values import items, values
from pacsbrowser.dicom.names import PersonName
from pacsbrowser.dicom.part10 import open_data_set
from pacsbrowser.dicom.sr.content import Code

# An object for a page is read this far; what has more elements is lists of numbers that no page shows.
MOST_ELEMENTS = 200_000
MOST_TEXT = 4_000


@dataclass(frozen=True, slots=True)
class DataItem:
    """Attributes by keyword. The keywords are those of the dictionary; any other is an error of the program.

    `problem` says of a whole data set what was not read of it, and why; '' where all was.
    """

    model: JsonModel = field(default_factory=dict)
    problem: str = ""

    def values(self, keyword: str) -> list[Any]:
        """Return all values."""
        return values(self.model, tag_and_vr(keyword)[0])

    def text(self, keyword: str) -> str:
        """Return the first value as text; of a person's name the form that people read."""
        found = self.values(keyword)
        return _text(found[0]) if found else ""

    def texts(self, keyword: str) -> tuple[str, ...]:
        """Return all values as texts, empty ones left out."""
        return tuple(text for text in (_text(value) for value in self.values(keyword)) if text)

    def number(self, keyword: str) -> float | None:
        """Return the first value if it is a finite number."""
        found = self.numbers(keyword)
        return found[0] if found else None

    def integer(self, keyword: str) -> int | None:
        """Return the first value if it is a whole number."""
        number = self.number(keyword)
        return int(number) if number is not None and number == int(number) else None

    def numbers(self, keyword: str) -> tuple[float, ...]:
        """Return all values if they are finite numbers, () if one is not: half a position is none."""
        found = self.values(keyword)
        if not all(isinstance(value, int | float) and _is_finite(value) for value in found):
            return ()
        return tuple(float(value) for value in found)

    def items(self, keyword: str) -> "list[DataItem]":
        """Return the items of a sequence."""
        return [DataItem(item) for item in items(self.model, tag_and_vr(keyword)[0])]

    def first(self, keyword: str) -> "DataItem":
        """Return the first item of a sequence, one without attributes where there is none."""
        found = self.items(keyword)
        return found[0] if found else DataItem()

    def code(self, keyword: str) -> Code | None:
        """Return the first concept of a code sequence."""
        found = self.codes(keyword)
        return found[0] if found else None

    def codes(self, keyword: str) -> tuple[Code, ...]:
        """Return the concepts of a code sequence."""
        return tuple(code for code in (_code(item) for item in self.items(keyword)) if code)

    def bulk_path(self, keyword: str) -> str:
        """Return the path of a value that was left in the file, '' where it was not (`bulkdata.find_value`)."""
        return str(self.model.get(tag_and_vr(keyword)[0], {}).get("BulkDataURI", ""))


def read_object(file: BinaryIO, apart: frozenset[int] = frozenset()) -> DataItem:
    """Return the data set of a file, as far as it can be read and a page can show it.

    Args:
        apart: attributes that are only told by their paths (`DataItem.bulk_path`).

    Raises:
        DicomError: the file cannot be opened as DICOM at all.
    """
    reading = read_json(file, str, most_elements=MOST_ELEMENTS, apart=apart)
    if reading.is_cut:
        return DataItem(reading.model, reading.problem)
    return DataItem(reading.model, LEFT_IN_FILE if reading.left_in_file else "")


def read_attributes(file: BinaryIO, keywords: Collection[str]) -> DataItem:
    """Return some attributes of the data set of a file, with all that they hold; what is between them is passed over.

    Raises:
        DicomError: the file cannot be opened as DICOM at all.
    """
    tags = frozenset(int(tag_and_vr(keyword)[0], 16) for keyword in keywords)
    return DataItem(read_wanted(open_data_set(file), tags.__contains__))


def _code(item: DataItem) -> Code | None:
    value = item.text("CodeValue") or item.text("LongCodeValue") or item.text("URNCodeValue")
    meaning = item.text("CodeMeaning")
    return Code(value, item.text("CodingSchemeDesignator"), meaning) if value or meaning else None


def _is_finite(value: float) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        groups = [str(value.get(name, "")) for name in ("Alphabetic", "Ideographic", "Phonetic")]
        return PersonName.parse("=".join(groups).rstrip("=")).display if any(groups) else ""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)[:MOST_TEXT]
