"""Comparing two objects element by element: are they one object in two encodings, and where do they differ?"""

import hashlib
from collections.abc import Iterator
from itertools import zip_longest
from typing import BinaryIO, NamedTuple

from pydicom.datadict import keyword_for_tag

from pacsbrowser.dicom.charset import CharacterSets, clean, decode, parse_character_sets
from pacsbrowser.dicom.elements import ITEM, PADDING, UNDEFINED, Broken, Element, Walker, dictionary_vr
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.header import Header
from pacsbrowser.dicom.numbers import UNIT_SIZES, number_text
from pacsbrowser.dicom.part10 import UNCOMPRESSED_UIDS, Layout, open_data_set

# What a change of transfer syntax rightly changes: pixels, their colour model and plane order, marks of loss.
_OF_ENCODING = frozenset((0x00280004, 0x00280006, 0x00282110, 0x00282112, 0x00282114, PADDING))
_LONG_VALUE = 1024 * 1024
_SHOWN = 200


class ElementDifference(NamedTuple):
    """One element that differs; a value is None where the object lacks the element."""

    path: str
    tag: int
    keyword: str
    value_a: str | None
    value_b: str | None


class _Leaf(NamedTuple):
    path: tuple[int, ...]
    element: Element
    plain: bytes


def same_elements(file_a: BinaryIO, header_a: Header, file_b: BinaryIO, header_b: Header) -> bool:
    """Say whether two objects are equal in every element but for how the pixels are encoded.

    Pixels are left out only where one of the two is compressed: native pixels must be the same.
    """
    if header_a.sop_instance_uid != header_b.sop_instance_uid or not (header_a.whole and header_b.whole):
        return False
    try:
        native = UNCOMPRESSED_UIDS.issuperset((header_a.transfer_syntax_uid, header_b.transfer_syntax_uid))
        leaves = zip_longest(_leaves(open_data_set(file_a), native), _leaves(open_data_set(file_b), native))
        return all(a is not None and b is not None and a.path == b.path and a.plain == b.plain for a, b in leaves)
    except (Broken, DicomError, OSError):
        return False


def diff_elements(file_a: BinaryIO, file_b: BinaryIO, limit: int = 1000) -> list[ElementDifference]:
    """Return the elements that differ, in the order of their tags; pixel data is compared by digest alone."""
    layout_a, layout_b = open_data_set(file_a), open_data_set(file_b)
    leaves_a, leaves_b = _leaves(layout_a, pixels=True), _leaves(layout_b, pixels=True)
    text_a, text_b = _Texts(layout_a), _Texts(layout_b)
    found: list[ElementDifference] = []
    a, b = _next(leaves_a), _next(leaves_b)
    while (a or b) and len(found) < limit:
        if a and b and a.path == b.path:
            value_a, value_b, first = text_a.of(a), text_b.of(b), a
            differs = a.plain != b.plain
            a, b = _next(leaves_a), _next(leaves_b)
        elif b is None or (a is not None and a.path < b.path):
            assert a is not None  # noqa: S101 - the loop's condition
            value_a, value_b, first, differs = text_a.of(a), None, a, True
            a = _next(leaves_a)
        else:
            value_a, value_b, first, differs = None, text_b.of(b), b, True
            b = _next(leaves_b)
        if differs:
            tag = first.element.tag
            found.append(ElementDifference(path_text(first.path), tag, keyword_for_tag(tag), value_a, value_b))
    return found


def path_text(path: tuple[int, ...]) -> str:
    """Return a path as it stands in a URL: tags and item numbers by turns, 00400275/0/00400009."""
    return "/".join(f"{step:08X}" if place % 2 == 0 else str(step) for place, step in enumerate(path))


def _next(leaves: Iterator[_Leaf]) -> _Leaf | None:
    """Return the next leaf; where a data set breaks, it ends."""
    try:
        return next(leaves, None)
    except (Broken, DicomError):
        return None


def _leaves(layout: Layout, pixels: bool = False) -> Iterator[_Leaf]:
    """Yield all elements that hold a value, and the empty sequences and items, each with its value's plain bytes."""
    path: list[int] = []
    for element in Walker(layout.window, layout.start, layout.encoding):
        del path[2 * element.depth + (element.tag == ITEM) :]
        if element.tag == ITEM:
            path.append(path.pop() + 1 if len(path) == 2 * element.depth + 2 else 0)
            continue
        if len(path) == 2 * element.depth + 1:
            path.pop()
        path.append(element.tag)
        if _is_left_out(element, pixels):
            continue
        is_container = element.vr == "SQ" or (element.length == UNDEFINED and element.tag >> 16 != 0x7FE0)
        yield _Leaf(tuple(path), element, b"" if is_container else _plain_bytes(layout, element))


def _is_left_out(element: Element, pixels: bool) -> bool:
    tag = element.tag
    if tag & 0xFFFF == 0 or tag == PADDING:
        return True
    return not pixels and (tag in _OF_ENCODING or tag >> 16 == 0x7FE0)


def _plain_bytes(layout: Layout, element: Element) -> bytes:
    """Return a value's bytes with the low byte first and without padding; a digest of a long one."""
    length = element.length if element.length != UNDEFINED else layout.window.size - element.start
    vr = element.vr if element.vr != "UN" else dictionary_vr(element.tag)
    unit = UNIT_SIZES.get(vr, 1)
    if length > _LONG_VALUE:
        digest = hashlib.sha256()
        for start in range(element.start, element.start + length, _LONG_VALUE):
            size = min(_LONG_VALUE, element.start + length - start)
            digest.update(_swapped(layout.window.read(start, size), unit, element.encoding.little))
        return digest.digest()
    raw = _swapped(layout.window.read(element.start, length), unit, element.encoding.little)
    is_text = unit == 1 and vr not in ("UN", "OB") and not element.tag >> 16 & 1
    return raw.rstrip(b" \0") if is_text else raw


def _swapped(raw: bytes, unit: int, little: bool) -> bytes:
    if little or unit == 1 or len(raw) % unit:
        return raw
    swapped = bytearray(len(raw))
    for place in range(unit):
        swapped[place::unit] = raw[unit - 1 - place :: unit]
    return bytes(swapped)


class _Texts:
    """Shows values of one data set as text, by its own character set."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._sets: CharacterSets = parse_character_sets("")

    def of(self, leaf: _Leaf) -> str:
        """Return the start of a value as text."""
        element = leaf.element
        vr = element.vr if element.vr != "UN" else dictionary_vr(element.tag)
        if vr == "SQ":
            return "sequence"
        if element.tag == 0x00080005 and len(leaf.path) == 1:
            self._sets = parse_character_sets(leaf.plain.decode("ascii", "replace"))
        if vr in UNIT_SIZES or vr in ("OB", "UN"):
            if element.length <= _SHOWN and vr not in ("OB", "OW", "UN"):
                return number_text(vr, leaf.plain)
            length = "undefined length" if element.length == UNDEFINED else f"{element.length:,} bytes"
            return f"{length}, SHA-256 {hashlib.sha256(leaf.plain).hexdigest()[:16]}"
        return clean(decode(leaf.plain[: 4 * _SHOWN], self._sets, is_name=vr == "PN").value)[:_SHOWN]
