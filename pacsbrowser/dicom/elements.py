"""Walking the elements of a data set (PS3.5 7) as they stand in the bytes: bounded, without recursion, lazily.

pydicom is the reference for what a data set means, and a test compares the two over all test data. This walker goes
before it because ingest needs what pydicom does not tell: where a data set breaks, whether it is whole, and a bound
on depth, length and time for hostile input; it also takes about half the time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import dictionary_VR

from pacsbrowser.dicom.attributes import tag_text
from pacsbrowser.dicom.errors import TooDeep, TooLarge
from pacsbrowser.dicom.window import Window

ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
PIXEL_TAGS = frozenset((PIXEL_DATA, 0x7FE00008, 0x7FE00009))
PADDING = 0xFFFCFFFC
UNDEFINED = 0xFFFFFFFF
MAX_DEPTH = 50
MAX_ELEMENTS = 1_000_000
MAX_FRAGMENTS = 500_000

_SHORT = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"
_LONG = "OB OD OF OL OV OW SQ SV UC UN UR UT UV"
VRS = {name.encode(): name for name in (_SHORT + " " + _LONG).split()}
LONG_VRS = frozenset(_LONG.split())
_MAY_HOLD = frozenset(("SQ", "UN", ""))  # VRs of what other elements can be inside; an item has none

_EXPLICIT = {True: Struct("<HH2sH").unpack_from, False: Struct(">HH2sH").unpack_from}
_IMPLICIT = {True: Struct("<HHI").unpack_from, False: Struct(">HHI").unpack_from}
_LENGTH = {True: Struct("<I").unpack_from, False: Struct(">I").unpack_from}


class Encoding(NamedTuple):
    """How elements are written: with their VR or without, low byte first or last."""

    implicit: bool
    little: bool


IMPLICIT_LITTLE = Encoding(True, True)
EXPLICIT_LITTLE = Encoding(False, True)
EXPLICIT_BIG = Encoding(False, False)


class Element(NamedTuple):
    """An element or an item (tag FFFE,E000) as found; `length` is UNDEFINED where a delimiter ends it."""

    tag: int
    vr: str
    offset: int
    start: int
    length: int
    depth: int
    encoding: Encoding


class Broken(Exception):
    """The encoding breaks here; nothing after it can be trusted."""

    def __init__(self, code: str, reason: str, offset: int, tag: int = 0) -> None:
        super().__init__(reason)
        self.code, self.reason, self.offset, self.tag = code, reason, offset, tag


class Problem(NamedTuple):
    """Something wrong that could be read past."""

    code: str
    offset: int
    reason: str


@dataclass(slots=True)
class _Frame:
    is_sequence: bool
    end: int
    undefined: bool
    encoding: Encoding
    depth: int  # of what it holds


@lru_cache(maxsize=8192)
def dictionary_vr(tag: int) -> str:
    """Return the VR of a tag by the dictionary (of "US or SS" the first); UN for what it does not know."""
    entry = DicomDictionary.get(tag)
    if entry:
        return entry[0][:2] if entry[0] != "OB or OW" else "OW"
    if tag & 0xFFFF == 0:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return "UN"


def is_sequence(element: Element) -> bool:
    """Say whether an element holds items: by its VR, by undefined length, or as UN by the dictionary (PS3.5 6.2.2)."""
    if element.vr == "SQ" or element.length == UNDEFINED:
        return True
    return element.vr == "UN" and dictionary_vr(element.tag) == "SQ"


class Walker:
    """Yields the elements from `start` to `end` in the order of the file, sequences before their items.

    After a sequence or an item has been yielded, setting `skip` passes over what it holds. Raises Broken where the
    encoding ends, TooDeep, TooLarge after `most` elements; `problems` tells what was read past. With `opens_cut` a
    sequence that is longer than what is there is walked as far as it goes.
    """

    def __init__(self, window: Window, start: int, encoding: Encoding, end: int | None = None, depth: int = 0) -> None:
        self.window = window
        self.position = start
        self.problems: list[Problem] = []
        self.skip = False
        self.opens_cut = False
        self.most = MAX_ELEMENTS
        self._depth = depth
        self._frames = [_Frame(False, window.size if end is None else end, False, encoding, depth)]
        self._silent = 0  # number of frames above which nothing is yielded; 0: all is yielded

    @classmethod
    def inside(cls, window: Window, container: Element) -> "Walker":
        """Return a walker over the items of a sequence, or over the elements of an item, found before."""
        is_sequence = container.tag != ITEM
        end = window.size if container.length == UNDEFINED else container.start + container.length
        walker = cls(window, container.start, container.encoding, end, container.depth + (not is_sequence))
        frame = walker._frames[0]
        encoding = walker._content_encoding(container, frame) or container.encoding
        walker._frames[0] = _Frame(is_sequence, end, container.length == UNDEFINED, encoding, frame.depth)
        return walker

    def __iter__(self) -> Iterator[Element]:
        frames = self._frames
        left = self.most
        while frames:
            try:
                frame = frames[-1]
                element = self._read_item(frame) if frame.is_sequence else self._read_element(frame)
                if element is None:
                    frames.pop()
                    if len(frames) < self._silent:
                        self._silent = 0
                    continue
                left -= 1
                if left < 0:
                    raise TooLarge(f"The header holds more than {self.most:,} elements.", self.position)
                if not self._silent:
                    yield element
                self._pass(element, frame)
            except Broken as broken:
                self._recover(broken)

    def _recover(self, broken: Broken) -> None:
        """Go on behind the outermost sequence of defined length that holds the break; raise when there is none."""
        for place, frame in enumerate(self._frames):
            if place and frame.is_sequence and not frame.undefined:
                del self._frames[place:]
                self._silent = self._silent if self._silent <= len(self._frames) else 0
                self.position = frame.end
                self.problems.append(Problem("sequence_broken", broken.offset, broken.reason))
                return
            if frame.undefined:
                break
        raise broken

    def _read_item(self, frame: _Frame) -> Element | None:
        while True:
            position = self.position
            if position >= frame.end:
                self._end_of(frame)
                return None
            at = self.window.load(position, 8)
            if len(self.window.data) - at < 8:
                raise Broken("truncated", "the file ends inside the header of a sequence item", position)
            group, number, length = _IMPLICIT[frame.encoding.little](self.window.data, at)
            tag = group << 16 | number
            if tag == ITEM:
                break
            self.position += 8
            if tag == SEQUENCE_END and (frame.undefined or self.position == frame.end):
                return None
            if tag != ITEM_END:
                raise Broken("sequence_broken", f"expected a sequence item but found {tag_text(tag)}", position, tag)
            self.problems.append(Problem("delimiter_stray", position, "an item delimiter stands where no item is open"))
        if length != UNDEFINED and position + 8 + length > frame.end:
            length = self._cut(self._too_long(frame, position, ITEM, length, position + 8), frame.end - position - 8)
        return Element(ITEM, "", position, position + 8, length, frame.depth, frame.encoding)

    def _read_element(self, frame: _Frame) -> Element | None:
        position = self.position
        if position >= frame.end:
            self._end_of(frame)
            return None
        window = self.window
        at = position - window.base
        if at < 0 or at + 12 > len(window.data):
            at = window.load(position)
        if frame.end - position < 8 or len(window.data) - at < 8:
            raise Broken("truncated", "the data ends inside the header of an element", position)
        little = frame.encoding.little
        group, number, vr_bytes, short = _EXPLICIT[little](window.data, at)
        tag = group << 16 | number
        if group == 0xFFFE:
            self._delimiter(frame, tag)
            return None
        if frame.encoding.implicit:
            length, start, vr = _LENGTH[little](window.data, at + 4)[0], position + 8, dictionary_vr(tag)
        else:
            known = VRS.get(vr_bytes)
            if known is None:
                return self._odd_vr(frame, tag, at)
            vr = known
            if vr in LONG_VRS:
                if len(window.data) - at < 12:
                    raise Broken("truncated", "the data ends inside the header of an element", position, tag)
                length, start = _LENGTH[little](window.data, at + 8)[0], position + 12
            else:
                length, start = short, position + 8
        if length != UNDEFINED and start + length > frame.end:
            broken = self._too_long(frame, position, tag, length, start)
            if vr != "SQ":
                raise broken
            length = self._cut(broken, frame.end - start)
        return Element(tag, vr, position, start, length, frame.depth, frame.encoding)

    def _end_of(self, frame: _Frame) -> None:
        """Accept the end of a frame where its length says so; a frame that waits for a delimiter is cut."""
        if frame.undefined:
            what = "a sequence" if frame.is_sequence else "a sequence item"
            raise Broken("truncated", f"the data ends inside {what} that was never closed", self.position)

    def _too_long(self, frame: _Frame, position: int, tag: int, length: int, start: int) -> Broken:
        what = "a sequence item" if tag == ITEM else f"the value of {tag_text(tag)}"
        left = max(frame.end - start, 0)
        where = "the file has" if frame.end == self.window.size else "the sequence around it has"
        code = "truncated" if frame.end == self.window.size else "sequence_broken"
        return Broken(code, f"{what} declares {length:,} bytes where {where} {left:,}", position, tag)

    def _cut(self, broken: Broken, left: int) -> int:
        """Return how much of a sequence or an item is there, where its declared length is more."""
        if not self.opens_cut or left < 0:
            raise broken
        self.problems.append(Problem(broken.code, broken.offset, broken.reason))
        return left

    def _delimiter(self, frame: _Frame, tag: int) -> None:
        if tag == ITEM_END and frame.undefined:
            self.position += 8
            return
        raise Broken("sequence_broken", f"{tag_text(tag)} stands where no sequence or item is open", self.position, tag)

    def _odd_vr(self, frame: _Frame, tag: int, at: int) -> Element:
        """Read an element whose VR is unknown, in the one form after which another element or the end follows."""
        data, position, little = self.window.data, self.position, frame.encoding.little
        at = self.window.load(position, 12)
        data = self.window.data
        vr_bytes = data[at + 4 : at + 6]
        lengths = _EXPLICIT[little](data, at)[3], _LENGTH[little](data, at + 4)[0]
        forms = [(8, lengths[0]), (8, lengths[1])]
        if data[at + 6 : at + 8] == b"\0\0" and len(data) - at >= 12:
            forms.insert(0, (12, _LENGTH[little](data, at + 8)[0]))
        for header, length in forms:
            after = position + header + length
            if after <= frame.end and self._continues(after, tag, frame):
                vr = VRS.get(vr_bytes.upper()) or dictionary_vr(tag)
                shown = vr_bytes.decode("ascii", "replace") if vr_bytes.isalpha() else vr_bytes.hex(" ").upper()
                self.problems.append(Problem("vr_unknown", position, f"{tag_text(tag)} has the unknown VR {shown}"))
                vr = "UN" if vr == "SQ" else vr
                return Element(tag, vr, position, position + header, length, frame.depth, frame.encoding)
        raise Broken("damaged", f"{tag_text(tag)} has no VR that can be read", position, tag)

    def _continues(self, after: int, tag: int, frame: _Frame) -> bool:
        if after == frame.end:
            return True
        header = self.window.read(after, 8)
        if len(header) < 8:
            return False
        group, number, vr_bytes, _ = _EXPLICIT[frame.encoding.little](header, 0)
        following = group << 16 | number
        return group == 0xFFFE or (tag < following and vr_bytes in VRS)

    def _pass(self, element: Element, frame: _Frame) -> None:
        """Move behind a plain value, into a sequence or an item, or over one that is to be skipped."""
        skip, self.skip = self.skip, False
        undefined = element.length == UNDEFINED
        if not undefined and element.vr not in _MAY_HOLD:
            self.position = element.start + element.length
            return
        if element.tag in PIXEL_TAGS and undefined:
            self.position = end_of_fragments(self.window, element)
            return
        encoding = self._content_encoding(element, frame)
        if encoding is None or (skip and not undefined):
            self.position = element.start + element.length
            return
        if len(self._frames) > 2 * (MAX_DEPTH - self._depth):
            reason = f"Sequences are nested deeper than {MAX_DEPTH} levels (at byte {element.offset:,})."
            raise TooDeep(reason, element.offset)
        end = frame.end if undefined else element.start + element.length
        self.position = element.start
        # An element of an item is one deeper than the item, an item no deeper than its sequence.
        depth = frame.depth + (element.tag == ITEM)
        self._frames.append(_Frame(element.tag != ITEM, end, undefined, encoding, depth))
        if skip and not self._silent:
            self._silent = len(self._frames)

    def _content_encoding(self, element: Element, frame: _Frame) -> Encoding | None:
        """Return how the content of a sequence or item is written; None for a plain value."""
        if element.tag == ITEM:
            return self._item_encoding(element, frame.encoding)
        if element.vr == "SQ":
            return frame.encoding
        if element.length == UNDEFINED:
            # UN of undefined length is a sequence in Implicit VR Little Endian (PS3.5 6.2.2).
            return IMPLICIT_LITTLE if element.vr == "UN" else frame.encoding
        if element.vr == "UN" and element.length >= 8 and dictionary_vr(element.tag) == "SQ":
            return IMPLICIT_LITTLE if self.window.read(element.start, 4) == b"\xfe\xff\x00\xe0" else None
        return None

    def _item_encoding(self, item: Element, expected: Encoding) -> Encoding:
        """Tell by an item's first element whether it is written with VRs: some writers mix the two forms."""
        if item.length == 0:
            return expected
        at = self.window.load(item.start, 8)
        header = self.window.data[at : at + 8]
        if len(header) < 8 or header[:2] in (b"\xfe\xff", b"\xff\xfe"):
            return expected
        has_vr = header[4:6] in VRS
        if not expected.implicit and not has_vr and not header[4:6].isalpha():
            return Encoding(True, expected.little)
        too_long = _LENGTH[expected.little](header, 4)[0] > item.length
        if expected.implicit and has_vr and item.length != UNDEFINED and too_long:
            return Encoding(False, expected.little)
        return expected


def end_of_fragments(window: Window, element: Element) -> int:
    """Return the offset behind encapsulated pixel data (PS3.5 A.4); raise Broken where its fragments end too early."""
    position = element.start
    unpack = _IMPLICIT[element.encoding.little]
    for _ in range(MAX_FRAGMENTS):
        header = window.read(position, 8, 512)
        if len(header) < 8:
            reason = "the encapsulated pixel data ends without its Sequence Delimitation Item"
            raise Broken("truncated", reason, position, element.tag)
        group, number, length = unpack(header, 0)
        tag = group << 16 | number
        if tag == SEQUENCE_END:
            return position + 8
        if tag != ITEM:
            reason = f"a fragment was expected but {tag_text(tag)} found"
            raise Broken("pixel_data_broken", reason, position, element.tag)
        if length == UNDEFINED or position + 8 + length > window.size:
            left = max(window.size - position - 8, 0)
            reason = f"a fragment declares {length:,} bytes where the file has {left:,}"
            raise Broken("truncated", reason, position, element.tag)
        position += 8 + length
    return window.size
