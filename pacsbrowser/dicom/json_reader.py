"""A file's data set as DICOM JSON (PS3.18 F): text in UTF-8, numbers as numbers, large values to be fetched by a URI.

pydicom can do the same in ten times the time and stops at the first value that is not as it should be; this reader
takes every value as far as it goes. What cannot be a number stays the text that it is.
"""

import base64
import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, BinaryIO

from pacsbrowser.dicom.charset import DEFAULT, CharacterSets, clean, decode, parse_character_sets
from pacsbrowser.dicom.elements import ITEM, PIXEL_TAGS, UNDEFINED, Broken, Element, Walker, is_sequence
from pacsbrowser.dicom.errors import DicomError, TooLarge
from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.numbers import UNIT_SIZES, unpack_numbers
from pacsbrowser.dicom.part10 import Layout, open_data_set
from pacsbrowser.dicom.representation import PIXEL_REPRESENTATION, known_vr
from pacsbrowser.dicom.swap import swapped

BulkURI = Callable[[str], str]

INLINE_BYTES = 1024
INLINE_TEXT = 1 << 20
INLINE_NUMBERS = 64 * 1024
# Of all long values together; those that come after stay in the file, as if each were large.
INLINE_TOTAL = 8 << 20
LEFT_IN_FILE = f"Its long values are more than the {INLINE_TOTAL >> 20} MB that are read here."
LONG = 256
MOST_ELEMENTS = 400_000
INLINE_TABLE = 256 * 1024  # palettes and lookup tables, without which a client shows nothing
# Palette Color Lookup Table Data, plain and segmented, and LUT Data (PS3.3 C.7.6.3.1.6, C.11.1).
TABLES = frozenset((0x00281201, 0x00281202, 0x00281203, 0x00281204, 0x00281221, 0x00281222, 0x00281223, 0x00283006))
BINARY = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_ONE_TEXT = frozenset(("LT", "ST", "UT", "UR"))
_CODED = frozenset(("SH", "LO", "ST", "LT", "UC", "UT", "PN", "UN"))
_NUMBERS = frozenset(UNIT_SIZES) - BINARY
_CHARACTER_SET = 0x00080005
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# What JSON reads as the same numbers: no exponents, which may lead to infinity, no integers beyond 18 digits.
_PLAIN_DECIMALS = re.compile(r"[-0-9. \\]*", re.ASCII)
_LONG_INTEGER = re.compile(r"\d{19}", re.ASCII)
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_SHORT = 128


@dataclass(slots=True)
class _Level:
    """A data set or an item that is being read."""

    model: JsonModel
    sets: CharacterSets
    last: dict[str, Any] = field(default_factory=dict)  # the element whose items may follow
    last_tag: int = 0
    in_order: bool = True


class _Reader:
    """Turns the elements of a walk into the JSON model; keeps the path of what it is at, for the URIs of bulk data."""

    def __init__(self, layout: Layout, bulk_uri: BulkURI, for_people: bool, apart: frozenset[int]) -> None:
        self._window, self._bulk_uri, self._for_people = layout.window, bulk_uri, for_people
        self._apart = apart
        self._levels = [_Level({}, DEFAULT)]
        self._steps: list[str] = []
        self._signed = False
        self._room = INLINE_TOTAL
        self.left_in_file = False  # whether long values were, for want of room

    def take(self, element: Element) -> None:
        """Take the next element or item."""
        depth = element.depth
        if len(self._levels) > depth + 1:
            self._close(depth + 1)
        if element.tag == ITEM:
            self._begin_item(depth)
            return
        level = self._levels[depth]
        tag = element.tag
        # Group lengths say nothing in JSON, and groups below 0008 and of padding belong to no data set (PS3.5 7.1).
        if not tag & 0xFFFF or tag < 0x00080000 or tag >= 0xFFFC0000:
            level.last = {}
            return
        del self._steps[2 * depth :]
        self._steps.append(f"{tag:08X}")
        level.in_order &= tag > level.last_tag
        level.last_tag = tag
        vr = known_vr(element, self._signed)
        entry: dict[str, Any] = {"vr": vr}
        level.last = entry
        level.model.setdefault(self._steps[-1], entry)
        if tag in PIXEL_TAGS:
            if element.length:
                entry["BulkDataURI"] = self._bulk_uri("/".join(self._steps))
        elif element.length == UNDEFINED:
            entry["vr"] = "SQ"
        elif vr != "SQ" and element.length:
            self._add_value(element, vr, entry, level)

    def _begin_item(self, depth: int) -> None:
        level = self._levels[depth]
        item: JsonModel = {}
        entry = level.last
        if entry:
            # A UN that holds items is a sequence, and was taken for a value until its first item came.
            entry["vr"] = "SQ"
            entry.pop("InlineBinary", None)
            entry.pop("BulkDataURI", None)
            entry.setdefault("Value", []).append(item)
            del self._steps[2 * depth + 1 :]
            self._steps.append(str(len(entry["Value"]) - 1))
        self._levels.append(_Level(item, level.sets))

    def _close(self, depth: int) -> None:
        for level in self._levels[depth:]:
            _sort(level)
        del self._levels[depth:]

    def _has_room(self, element: Element) -> bool:
        if element.length <= LONG or element.tag in TABLES:
            return True
        self._room -= element.length
        self.left_in_file |= self._room < 0
        return self._room >= 0

    def finish(self) -> JsonModel:
        """Return what was read."""
        self._close(1)
        _sort(self._levels[0])
        return self._levels[0].model

    def _add_value(self, element: Element, vr: str, entry: dict[str, Any], level: _Level) -> None:
        length = element.length
        if length > _most_inline(element.tag, vr) or element.tag in self._apart or not self._has_room(element):
            entry["BulkDataURI"] = self._bulk_uri("/".join(self._steps))
            return
        raw = self._window.read(element.start, length)
        little = element.encoding.little
        if vr in BINARY:
            entry["InlineBinary"] = base64.b64encode(raw if little else swapped(raw, vr)).decode()
        elif vr in _NUMBERS:
            entry["Value"] = _numbers(vr, raw, little)
            if element.tag == PIXEL_REPRESENTATION and element.depth == 0:
                self._signed = entry["Value"][:1] == [1]
        elif element.tag == _CHARACTER_SET:
            level.sets = parse_character_sets(raw[:1024].decode("latin_1"))
            entry["Value"] = ["ISO_IR 192"]
        else:
            form = "CS" if self._for_people and vr in ("DS", "IS") else vr
            values = _texts(form, raw, level.sets if vr in _CODED else DEFAULT)
            if values:
                entry["Value"] = list(values)


@dataclass(frozen=True, slots=True)
class Reading:
    """A data set as far as it was read, and what is not in it and why: '' when all is.

    `is_cut`: beyond the limit only attributes of the data set itself were read; else all was until the file breaks or
    ends. `left_in_file`: long values are told by their URIs only because those before them filled the room for such.
    """

    model: JsonModel
    problem: str
    is_cut: bool = False
    left_in_file: bool = False


def read_json(
    file: BinaryIO, bulk_uri: BulkURI, *, most_elements: int = MOST_ELEMENTS, apart: frozenset[int] = frozenset()
) -> Reading:
    """Return the data set of a file as DICOM JSON, as far as it can be read.

    Args:
        bulk_uri: makes the URI of a large value from its path, as in "00540016/0/00181075".
        most_elements: after so many elements what sequences hold is left out, and only attributes of the data set
            itself are read.
        apart: attributes whose values are told by a URI whatever their length.

    Raises:
        DicomError: the file cannot be opened as DICOM at all.
    """
    return _read(file, bulk_uri, most_elements, for_people=False, apart=apart)


def read_bounded(file: BinaryIO, most_elements: int) -> Reading:
    """Return the first elements of a data set for showing it: decimal numbers as they are written, no bulk data.

    Raises:
        DicomError: the file cannot be opened as DICOM at all.
    """
    return _read(file, lambda path: "", most_elements, for_people=True)


def read_wanted(layout: Layout, wanted: Callable[[int], bool]) -> JsonModel:
    """Return some attributes of an opened data set, as far as it can be read; large values by their paths.

    Args:
        wanted: says of the tag of an attribute of the data set itself whether it is read, with all that it holds.
    """
    reader = _Reader(layout, str, False, frozenset())
    walker = Walker(layout.window, layout.start, layout.encoding)
    with suppress(Broken, DicomError):
        for element in walker:
            if element.depth or element.tag == ITEM or wanted(element.tag):
                reader.take(element)
            else:
                walker.skip = True
    return reader.finish()


def _read(
    file: BinaryIO, bulk_uri: BulkURI, most_elements: int, *, for_people: bool, apart: frozenset[int] = frozenset()
) -> Reading:
    layout = open_data_set(file)
    reader = _Reader(layout, bulk_uri, for_people, apart)
    walker = Walker(layout.window, layout.start, layout.encoding)
    walker.opens_cut = for_people
    problem, is_cut = "", False
    try:
        for count, element in enumerate(walker):
            if count < most_elements or _is_plain(element):
                reader.take(element)
            else:
                walker.skip = is_cut = True
    except TooLarge:
        is_cut = True
    except Broken as broken:
        # What stands before the break is good, and the archive has a finding that tells of it.
        problem = f"At byte {broken.offset:,}, {broken.reason}."
    except DicomError as error:
        problem = error.reason
    if is_cut:
        problem = f"It holds more than the {most_elements:,} data elements that are read here."
    if walker.problems and not problem:
        first = walker.problems[0]
        problem = f"At byte {first.offset:,}, {first.reason}."
    if reader.left_in_file and for_people and not problem:
        problem = LEFT_IN_FILE
    return Reading(reader.finish(), problem, is_cut, reader.left_in_file)


def _is_plain(element: Element) -> bool:
    """Say whether an element is an attribute of the data set itself that holds no items."""
    return not element.depth and element.tag != ITEM and (not is_sequence(element) or element.tag in PIXEL_TAGS)


def _sort(level: _Level) -> None:
    """Put attributes into the order of their tags, as PS3.18 F.2.2 asks, where the file has them otherwise."""
    if not level.in_order:
        ordered = sorted(level.model.items())
        level.model.clear()
        level.model.update(ordered)


def _most_inline(tag: int, vr: str) -> int:
    if tag in TABLES:
        return INLINE_TABLE
    if vr in BINARY:
        return INLINE_BYTES
    return INLINE_NUMBERS if vr in _NUMBERS else INLINE_TEXT


def _numbers(vr: str, raw: bytes, little: bool) -> list[Any]:
    numbers = unpack_numbers(vr, raw, little)
    if vr == "AT":
        pairs = zip(numbers[::2], numbers[1::2], strict=False)
        return [f"{int(group):04X}{int(number):04X}" for group, number in pairs]
    return [_finite(number) for number in numbers] if vr in ("FL", "FD") else list(numbers)


def _finite(number: float) -> float | str:
    """JSON has no NaN and no infinity; they are written as text (PS3.18 Table F.2.3-1)."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("inf" if number > 0 else "-inf")


def _texts(vr: str, raw: bytes, sets: CharacterSets) -> tuple[Any, ...]:
    return _short_texts(vr, raw, sets) if len(raw) <= _SHORT and vr != "PN" else _parse_texts(vr, raw, sets)


@lru_cache(maxsize=8192)
def _short_texts(vr: str, raw: bytes, sets: CharacterSets) -> tuple[Any, ...]:
    """Parse a short value; remembered, as most are the same in all objects of a series."""
    return _parse_texts(vr, raw, sets)


def _parse_texts(vr: str, raw: bytes, sets: CharacterSets) -> tuple[Any, ...]:
    """Return the values of a text; empty ones among others are null, none at all is no value."""
    text = clean(decode(raw.rstrip(b" \0"), sets, is_name=vr == "PN").value)
    if vr in _ONE_TEXT:
        return (text,) if text else ()
    if vr == "DS" and len(text) > _SHORT and (decimals := _decimals(text)):
        return decimals
    values = tuple(_parse_text(vr, part) for part in text.split("\\"))
    return values if any(value is not None for value in values) else ()


def _decimals(text: str) -> tuple[Any, ...]:
    """Return many decimal numbers, of contours above all, in a tenth of the time; nothing where one is unusual."""
    if not _PLAIN_DECIMALS.fullmatch(text) or _LONG_INTEGER.search(text):
        return ()
    try:
        return tuple(json.loads(f"[{text.replace(chr(92), ',')}]"))
    except ValueError:
        return ()


def _parse_text(vr: str, text: str) -> Any:
    text = text.strip(" \0\ufffd") if vr == "UI" else text.strip(" ")
    if not text:
        return None
    if vr == "PN":
        groups = {name: group for name, group in zip(_NAME_GROUPS, text.split("="), strict=False) if group}
        return groups or None
    if vr == "IS":
        return int(text) if _INTEGER.fullmatch(text) else text
    if vr == "DS":
        if _INTEGER.fullmatch(text):
            return int(text)
        return _finite(float(text)) if _DECIMAL.fullmatch(text) else text
    return text
