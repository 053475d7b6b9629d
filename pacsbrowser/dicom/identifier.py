"""Identifiers: the small data sets that queries and their answers carry (PS3.4 C.4), as text by keyword."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from struct import pack

from pacsbrowser.dicom import charset
from pacsbrowser.dicom.charset_out import encode
from pacsbrowser.dicom.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    UNDEFINED,
    Broken,
    Element,
    Walker,
    dictionary_vr,
    is_sequence,
)
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.json_model import keyword_of, tag_and_vr
from pacsbrowser.dicom.numbers import UNIT_SIZES, number_text
from pacsbrowser.dicom.part10 import IMPLICIT_UID
from pacsbrowser.dicom.reencode import element_head, implicit_head
from pacsbrowser.dicom.window import Window

UTF_8 = "ISO_IR 192"
_CHARACTER_SET = 0x00080005
_BYTES = frozenset(("OB", "OW", "OF", "OD", "OL", "OV", "UN"))
_LONGEST_VALUE = 256 * 1024


class BadIdentifier(ValueError):
    """The bytes are no data set."""


@dataclass(slots=True)
class Identifier:
    """What an identifier holds at its top level: text by keyword, and the items of its sequences by theirs.

    `unknown` are tags without a keyword.
    """

    character_set: str = ""
    values: dict[str, str] = field(default_factory=dict)
    items: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    unknown: list[int] = field(default_factory=list)


def parse_identifier(data: bytes, transfer_syntax_uid: str) -> Identifier:
    """Read an identifier in Explicit or Implicit VR Little Endian; raises BadIdentifier."""
    encoding = IMPLICIT_LITTLE if transfer_syntax_uid == IMPLICIT_UID else EXPLICIT_LITTLE
    window = Window(BytesIO(data))
    found = Identifier()
    sets = charset.DEFAULT
    sequence = ""
    try:
        for element in Walker(window, 0, encoding):
            if element.tag == _CHARACTER_SET and not element.depth:
                found.character_set = _text(window, element, sets)
                sets = charset.parse_character_sets(found.character_set)
            elif element.tag == ITEM:
                if not element.depth and sequence:
                    found.items[sequence].append({})
            elif is_sequence(element):
                sequence = _note_sequence(found, element, sequence)
            elif not element.depth:
                _note(found.values, found, element, _text(window, element, sets))
            elif element.depth == 1 and sequence:
                _note(found.items[sequence][-1], found, element, _text(window, element, sets))
    except (Broken, DicomError) as error:
        raise BadIdentifier(str(error)) from None
    return found


def _note_sequence(found: Identifier, element: Element, sequence: str) -> str:
    """Begin a sequence of the top level; return which one is open."""
    if element.depth:
        return sequence
    keyword = keyword_of(element.tag)
    if not keyword:
        found.unknown.append(element.tag)
    else:
        found.items.setdefault(keyword, [])
    return keyword


def _note(values: dict[str, str], found: Identifier, element: Element, text: str) -> None:
    if keyword := keyword_of(element.tag):
        values[keyword] = text
    elif element.tag & 0xFFFF:
        found.unknown.append(element.tag)


def _text(window: Window, element: Element, sets: charset.CharacterSets) -> str:
    if element.length == UNDEFINED:
        return ""
    vr = dictionary_vr(element.tag) if element.encoding.implicit else element.vr
    raw = window.read(element.start, min(element.length, _LONGEST_VALUE))
    if vr in UNIT_SIZES and vr not in _BYTES:
        return number_text(vr, raw, element.encoding.little)
    if vr in _BYTES:
        return ""
    return charset.clean(charset.decode(raw, sets, vr == "PN").value).strip(" \0\ufffd") if raw else ""


def encode_identifier(values: Mapping[str, str], transfer_syntax_uid: str, asked_set: str = "") -> bytes:
    """Return an identifier with these texts, '' for an element without a value.

    Text goes in the character set of the question where that can hold it, else in UTF-8; where all is ASCII none is
    declared (PS3.4 C.4.1.1.3.2).
    """
    head = implicit_head if transfer_syntax_uid == IMPLICIT_UID else element_head
    declared = _choose_set(values, asked_set)
    parts = []
    for tag, vr, text in _in_order({**values, **({"SpecificCharacterSet": declared} if declared else {})}):
        raw = _encoded(vr, text, declared)
        parts.append(head(tag, vr, len(raw)) + raw)
    return b"".join(parts)


def _choose_set(values: Mapping[str, str], asked_set: str) -> str:
    texts = {keyword: text for keyword, text in values.items() if not text.isascii()}
    if not texts:
        return ""
    holds = all(encode(text, asked_set, tag_and_vr(keyword)[1] == "PN") is not None for keyword, text in texts.items())
    return asked_set if asked_set and holds else UTF_8


def _in_order(values: Mapping[str, str]) -> Iterator[tuple[int, str, str]]:
    found = []
    for keyword, text in values.items():
        tag, vr = tag_and_vr(keyword)
        found.append((int(tag, 16), vr, text))
    return iter(sorted(found))


def _encoded(vr: str, text: str, declared: str) -> bytes:
    if vr == "US":
        return b"".join(pack("<H", int(part)) for part in text.split("\\") if part.isdecimal() and int(part) < 0x10000)
    raw = encode(text, declared, vr == "PN") or b""
    return raw + (b"\0" if vr == "UI" else b" ") if len(raw) & 1 else raw


def encode_sequence(keyword: str, items: list[Mapping[str, str]], transfer_syntax_uid: str) -> bytes:
    """Return a sequence of small items, with their lengths."""
    head = implicit_head if transfer_syntax_uid == IMPLICIT_UID else element_head
    parts = []
    for item in items:
        body = encode_identifier(item, transfer_syntax_uid)
        parts.append(pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, len(body)) + body)
    content = b"".join(parts)
    return head(int(tag_and_vr(keyword)[0], 16), "SQ", len(content)) + content
