"""A data set written anew in Explicit (PS3.5 A.2) or Implicit VR Little Endian, as a stream, whatever it is written in.

Values stay as they are: VRs that were left open are settled by the dictionary, bytes of numbers are turned round for
Big Endian, and sequences end by delimiters so that none has to be held to be measured. A data set that is in Explicit
VR Little Endian already is copied as it stands, but for its pixels and what describes them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from struct import pack

from pacsbrowser.dicom.elements import (
    EXPLICIT_LITTLE,
    ITEM,
    LONG_VRS,
    PIXEL_TAGS,
    UNDEFINED,
    Broken,
    Element,
    Walker,
    end_of_fragments,
)
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.numbers import UNIT_SIZES, unpack_numbers
from pacsbrowser.dicom.part10 import Layout
from pacsbrowser.dicom.representation import PIXEL_REPRESENTATION, implicit_vr
from pacsbrowser.dicom.swap import swapped
from pacsbrowser.dicom.window import Window

CHUNK = 1 << 20
_UNDEFINED_ITEM = pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
_ITEM_END = pack("<HHI", 0xFFFE, 0xE00D, 0)
_SEQUENCE_END = pack("<HHI", 0xFFFE, 0xE0DD, 0)
_EXTENDED_TABLES = frozenset((0x7FE00001, 0x7FE00002, 0x7FE00003))
# What goes with compressed pixels: they themselves, tables of their fragments, group lengths that would be wrong.
_WITH_PIXELS = PIXEL_TAGS | _EXTENDED_TABLES | {0x00280000, 0x7FE00000}
_SHORTEST_UNKNOWN = 0x10000  # a value from this length on does not fit a length of two bytes (PS3.5 6.2.2)


# Writes tag, VR (or not) and length.
Head = Callable[[int, str, int], bytes]


@dataclass(frozen=True, slots=True)
class NativePixels:
    """Decoded pixel data to write in place of compressed: its VR, its length, its frames one after the other."""

    vr: str
    length: int
    frames: Callable[[], Iterable[bytes]]


@dataclass(slots=True)
class _Writer:
    window: Window
    pixels: NativePixels | None
    replaced: Mapping[int, bytes]
    head: Head
    is_signed: bool = False
    open: list[bytes] = field(default_factory=list)  # what ends each open sequence and item, outermost first

    def close(self, depth: int) -> bytes:
        """Return what ends all that is open beyond a depth."""
        ends = b"".join(reversed(self.open[depth:]))
        del self.open[depth:]
        return ends

    def write(self, element: Element, walker: Walker) -> Iterator[bytes]:
        """Yield an element, or the beginning of a sequence or item."""
        if element.tag == ITEM:
            yield self.close(2 * element.depth + 1) + _UNDEFINED_ITEM
            self.open.append(_ITEM_END)
            return
        yield self.close(2 * element.depth)
        tag = element.tag
        if not tag & 0xFFFF and tag >> 16 > 2:
            return  # a group length would be wrong from now on; retired (PS3.5 7.2)
        if tag in _EXTENDED_TABLES and self.pixels is not None:
            return
        if tag in PIXEL_TAGS and not element.depth:
            yield from self._write_pixels(element)
        elif tag in self.replaced and not element.depth:
            yield self.replaced[tag]
        elif _is_container(element, walker):
            yield self.head(tag, "SQ", UNDEFINED)
            self.open.append(_SEQUENCE_END)
        else:
            yield from self._write_value(element)

    def _write_value(self, element: Element) -> Iterator[bytes]:
        end = element.start + element.length
        vr = implicit_vr(element.tag, element.length, self.is_signed) if element.encoding.implicit else element.vr
        if element.tag == PIXEL_REPRESENTATION and not element.depth:
            self._note_sign(element)
        yield self.head(element.tag, vr, element.length)
        size = UNIT_SIZES.get(vr, 1)
        for piece in _copy(self.window, element.start, end):
            yield piece if element.encoding.little or size == 1 else swapped(piece, vr)
        if element.length & 1:
            yield _padding(vr)

    def _note_sign(self, element: Element) -> None:
        raw = self.window.read(element.start, min(element.length, 2))
        self.is_signed = unpack_numbers("US", raw, element.encoding.little)[:1] == (1,)

    def _write_pixels(self, element: Element) -> Iterator[bytes]:
        if self.pixels is not None:
            yield from _native(element.tag, self.pixels, self.head)
        elif element.length == UNDEFINED:
            yield self.head(element.tag, "OB", UNDEFINED)
            yield from _copy(self.window, element.start, _end_of(self.window, element))
        else:
            yield from self._write_value(element)


def write_explicit(
    layout: Layout, pixels: NativePixels | None = None, replaced: Mapping[int, bytes] | None = None
) -> Iterator[bytes]:
    """Yield the data set in Explicit VR Little Endian.

    Args:
        pixels: what to write in place of the pixel data.
        replaced: whole elements to write in place of those of the top level, by tag.

    Raises:
        DicomError: the data set cannot be read on. What came before is written.
    """
    if layout.encoding == EXPLICIT_LITTLE:
        yield from _splice(layout, pixels, replaced or {})
        return
    yield from _write(layout, _Writer(layout.window, pixels, replaced or {}, element_head))


def write_implicit(
    layout: Layout, pixels: NativePixels | None = None, replaced: Mapping[int, bytes] | None = None
) -> Iterator[bytes]:
    """Yield the data set in Implicit VR Little Endian (PS3.5 A.1), which every node understands.

    Args:
        pixels: what to write in place of the pixel data; needed where they are compressed.
        replaced: as for `write_explicit`, with heads of `implicit_head`.

    Raises:
        DicomError: the data set cannot be read on. What came before is written.
    """
    yield from _write(layout, _Writer(layout.window, pixels, replaced or {}, implicit_head))


def _write(layout: Layout, writer: _Writer) -> Iterator[bytes]:
    walker = Walker(layout.window, layout.start, layout.encoding)
    try:
        for element in walker:
            yield from writer.write(element, walker)
    except Broken as broken:
        if broken.tag in PIXEL_TAGS and not writer.open and writer.pixels is None:
            yield from _write_cut_pixels(layout, broken, writer.head)
    except DicomError:
        pass
    yield writer.close(0)


def _splice(layout: Layout, pixels: NativePixels | None, replaced: Mapping[int, bytes]) -> Iterator[bytes]:
    """Copy a data set that is written as wanted; exchange its pixels and some elements of the top level."""
    window, copied = layout.window, layout.start
    walker = Walker(window, layout.start, layout.encoding)
    try:
        for element in walker:
            walker.skip = True
            tag = element.tag
            if element.depth or not (tag in replaced or (pixels is not None and tag in _WITH_PIXELS)):
                continue
            yield from _copy(window, copied, element.offset)
            copied = _end_of(window, element)
            yield replaced.get(tag, b"")
            if pixels is not None and tag in PIXEL_TAGS:
                yield from _native(tag, pixels, element_head)
    except (Broken, DicomError):
        pass
    yield from _copy(window, copied, window.size)


def _end_of(window: Window, element: Element) -> int:
    if element.length != UNDEFINED:
        return element.start + element.length
    try:
        return end_of_fragments(window, element)
    except Broken:
        return window.size  # without its delimiter: nothing follows


def _native(tag: int, pixels: NativePixels, head: Head) -> Iterator[bytes]:
    yield head(tag, pixels.vr, pixels.length)
    yield from pixels.frames()
    if pixels.length & 1:
        yield b"\0"


def _write_cut_pixels(layout: Layout, broken: Broken, element_head: Head) -> Iterator[bytes]:
    """Write what a cut file has of its pixels, with the length that they really have."""
    head = layout.window.read(broken.offset, 12)
    start = broken.offset + (8 if layout.encoding.implicit else 12)
    length = layout.window.size - start
    if len(head) < 12 or length <= 0 or broken.code != "truncated":
        return
    vr = "OW" if layout.encoding.implicit else head[4:6].decode("ascii", "replace")
    yield element_head(broken.tag, vr, length + (length & 1))
    for piece in _copy(layout.window, start, start + length):
        yield piece if layout.encoding.little else swapped(piece, vr)
    if length & 1:
        yield b"\0"


def element_head(tag: int, vr: str, length: int) -> bytes:
    """Return tag, VR and length; a value too long for its VR goes as UN (PS3.5 6.2.2). Odd lengths are made even."""
    if length != UNDEFINED:
        length += length & 1
    if vr not in LONG_VRS and length >= _SHORTEST_UNKNOWN:
        vr = "UN"
    if vr in LONG_VRS:
        return pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
    return pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def implicit_head(tag: int, vr: str, length: int) -> bytes:
    """Return tag and length, as Implicit VR has them. Odd lengths are made even."""
    return pack("<HHI", tag >> 16, tag & 0xFFFF, length if length == UNDEFINED else length + (length & 1))


def _is_container(element: Element, walker: Walker) -> bool:
    if element.vr == "SQ" or element.length == UNDEFINED:
        return True
    return (
        element.vr == "UN"
        and element.encoding.implicit
        and element.length >= 8
        and walker.window.read(element.start, 4) == b"\xfe\xff\x00\xe0"
        and implicit_vr(element.tag, element.length, False) == "SQ"
    )


def _padding(vr: str) -> bytes:
    return b"\0" if vr in ("UI", "OB", "UN", "OW") else b" "


def _copy(window: Window, start: int, end: int) -> Iterator[bytes]:
    position = start
    while position < end:
        piece = window.read(position, min(CHUNK, end - position))
        if not piece:
            return
        yield piece
        position += len(piece)
