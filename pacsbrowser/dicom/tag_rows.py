"""One row of a header for people: an element, an item, or the place where the header breaks."""

import hashlib
from dataclasses import dataclass, field, replace

from pydicom.datadict import dictionary_description, dictionary_keyword, private_dictionary_description
from pydicom.datadict import private_dictionary_VR as private_vr

from pacsbrowser.dicom.attributes import tag_text
from pacsbrowser.dicom.charset import DEFAULT, CharacterSets, clean, decode, parse_character_sets
from pacsbrowser.dicom.elements import PIXEL_TAGS, UNDEFINED, Broken, Element, dictionary_vr, end_of_fragments
from pacsbrowser.dicom.numbers import UNIT_SIZES, number_text
from pacsbrowser.dicom.uids import trim_uid, uid_name
from pacsbrowser.dicom.window import Window

SHOWN_CHARACTERS = 1000
SHOWN_BYTES = 256
MOST_BYTES = 64 * 1024  # of a value that are read for its row
MOST_HASHED = 64 * 1024 * 1024
_CHARACTER_SET = 0x00080005
_BINARY = frozenset(("OB", "OW", "OD", "OF", "OL", "OV", "UN"))
_ONE_VALUE = frozenset(("LT", "ST", "UT", "UR"))
_RETIRED_GROUP_LENGTH = "Group Length"


@dataclass(frozen=True, slots=True)
class TagRow:
    """What the tag browser shows of one element or item. `kind`: element, sequence, item, binary or break."""

    path: str
    level: int
    kind: str
    tag: str = ""
    keyword: str = ""
    name: str = ""
    vr: str = ""
    vm: int = 0
    value: str = ""
    value_length: int = 0  # characters of the whole value, of which `value` has the first 1,000
    length: int | None = None  # bytes; None: undefined, ended by a delimiter
    offset: int = 0
    note: str = ""  # the name of a well-known UID, or what is odd
    creator: str = ""  # of a private element
    digest: str = ""  # SHA-256 of a binary value
    hex: str = ""  # its first bytes
    n_items: int = 0  # of a sequence
    is_hit: bool = False  # found by a search, not only the parent of a hit

    @property
    def is_cut(self) -> bool:
        """Whether the value is longer than what the row shows."""
        return self.value_length > len(self.value) or (self.kind == "binary" and (self.length or 0) > SHOWN_BYTES)

    @property
    def is_private(self) -> bool:
        """Whether the element is private: an odd group number (PS3.5 7.8)."""
        return bool(self.tag) and int(self.tag[4], 16) & 1 == 1


@dataclass(slots=True)
class Scope:
    """What a data set declares for its own elements: character sets, and who reserved which private block."""

    sets: CharacterSets = DEFAULT
    creators: dict[int, str] = field(default_factory=dict)

    def inner(self) -> "Scope":
        """Return the scope of an item: the character sets hold on until it declares its own (PS3.3 C.12.1.1.2)."""
        return Scope(self.sets)

    def note(self, element: Element, window: Window) -> None:
        """Take in what an element declares."""
        number = element.tag & 0xFFFF
        if element.tag == _CHARACTER_SET:
            self.sets = parse_character_sets(window.read(element.start, min(element.length, 1024)).decode("latin_1"))
        elif element.tag >> 16 & 1 and 0x10 <= number <= 0xFF:
            raw = window.read(element.start, min(element.length, 256))
            self.creators[element.tag & 0xFFFF0000 | number << 8] = clean(decode(raw, self.sets).value).strip(" \0")


def item_row(element: Element, path: str, number: int) -> TagRow:
    """Return the row of a sequence item."""
    length = None if element.length == UNDEFINED else element.length
    return TagRow(path, element.depth, "item", name=f"Item {number + 1}", length=length, offset=element.offset)


def break_row(path: str, level: int, reason: str, offset: int) -> TagRow:
    """Return the row that says where the header breaks, and how."""
    return TagRow(path, level, "break", "", "", "Breaks here", value=reason, value_length=len(reason), offset=offset)


def element_row(
    element: Element, path: str, scope: Scope, window: Window, whole: bool = False, digests: bool = True
) -> TagRow:
    """Return the row of an element; `whole` gives the value in full, up to 16 MiB of it."""
    scope.note(element, window)
    tag = element.tag
    keyword, name, creator, known_vr = _naming(tag, scope)
    vr = element.vr if element.vr != "UN" else known_vr
    length = None if element.length == UNDEFINED else element.length
    common = TagRow(
        path, element.depth, "element", tag_text(tag), keyword, name, vr,
        length=length, offset=element.offset, creator=creator,
    )  # fmt: skip
    if vr == "SQ" or (length is None and tag not in PIXEL_TAGS):
        return replace(common, kind="sequence", vr=vr if vr == "SQ" else element.vr)
    if vr in _BINARY:
        return _binary_row(common, element, window, digests)
    return _text_row(common, element, vr, scope, window, whole)


def _naming(tag: int, scope: Scope) -> tuple[str, str, str, str]:
    """Return keyword, name, private creator and VR by the dictionaries."""
    if tag >> 16 & 1:
        return _private_naming(tag, scope)
    if tag & 0xFFFF == 0 and tag >> 16 not in (0x0000, 0x0002):
        return "", _RETIRED_GROUP_LENGTH, "", "UL"
    try:
        return dictionary_keyword(tag), dictionary_description(tag), "", dictionary_vr(tag)
    except KeyError:
        return "", "Unknown", "", "UN"


def _private_naming(tag: int, scope: Scope) -> tuple[str, str, str, str]:
    number = tag & 0xFFFF
    if 0x10 <= number <= 0xFF:
        return "", "Private Creator", "", "LO"
    creator = scope.creators.get(tag & 0xFFFFFF00, "")
    try:
        return "", private_dictionary_description(tag, creator).strip("[]"), creator, private_vr(tag, creator)[:2]
    except KeyError:
        return "", f"Private element xx{number & 0xFF:02X}", creator, "UN"


def _binary_row(row: TagRow, element: Element, window: Window, digests: bool) -> TagRow:
    """Show a binary value by length, digest and its first bytes; as text too where it is plain text."""
    length, note = element.length, ""
    if length == UNDEFINED:
        try:
            length = end_of_fragments(window, element) - element.start
            note = "encapsulated"
        except Broken:
            length = window.size - element.start
            note = "encapsulated, cut short"
    first = window.read(element.start, min(length, SHOWN_BYTES))
    text = ""
    if element.vr == "UN" and length <= SHOWN_BYTES and (stripped := first.rstrip(b" \0")).isascii():
        text = stripped.decode("ascii")
        text = text if text.isprintable() else ""
    digest = _digest(element.start, length, window) if digests else ""
    return replace(
        row, kind="binary", length=length, vm=1 if length else 0, value=text, value_length=len(text), digest=digest,
        hex=first.hex(" "), note=note,
    )  # fmt: skip


def _digest(start: int, length: int, window: Window) -> str:
    if length > MOST_HASHED:
        return ""
    digest = hashlib.sha256()
    for position in range(start, start + length, MOST_BYTES):
        digest.update(window.read(position, min(MOST_BYTES, start + length - position)))
    return digest.hexdigest()


def _text_row(row: TagRow, element: Element, vr: str, scope: Scope, window: Window, whole: bool) -> TagRow:
    most = 16 * 1024 * 1024 if whole else MOST_BYTES
    raw = window.read(element.start, min(element.length, most))
    if vr in UNIT_SIZES:
        value = number_text(vr, raw, element.encoding.little)
        vm = element.length // (UNIT_SIZES[vr] * (2 if vr == "AT" else 1))
    else:
        decoded = decode(raw, scope.sets, is_name=vr == "PN").value
        # Leading spaces of texts are part of them; trailing ones, and the NUL of UIDs, are padding (PS3.5 6.2).
        value = trim_uid(decoded) if vr == "UI" else clean(decoded.rstrip(" \0"))
        value = clean(value)
        vm = 0 if not value else 1 if vr in _ONE_VALUE else value.count("\\") + 1
    total = len(value) if element.length <= most else max(len(value), element.length)
    shown = value if whole else value[:SHOWN_CHARACTERS]
    note = (uid_name(value) or "") if vr == "UI" else ""
    return replace(row, value=shown, value_length=total, vm=vm, note=note)
