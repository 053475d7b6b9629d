"""Where the frames of an image are in its file (PS3.3 C.7.6.3, PS3.5 8 and A.4), without decoding any."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import unpack, unpack_from
from typing import BinaryIO

from pacsbrowser.dicom.codestream import JPEG_2000, read_codestream
from pacsbrowser.dicom.elements import ITEM, PIXEL_TAGS, SEQUENCE_END, UNDEFINED, Broken, Element, Walker
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.numbers import unpack_numbers
from pacsbrowser.dicom.part10 import Layout, open_data_set
from pacsbrowser.dicom.transfer_syntaxes import VIDEO
from pacsbrowser.dicom.window import Window

PIXEL_DATA, FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA = 0x7FE00010, 0x7FE00008, 0x7FE00009
MOST_FRAMES = 1_000_000
_EXTENDED_OFFSETS, _EXTENDED_LENGTHS = 0x7FE00001, 0x7FE00002
_NUMBERS = {
    0x00280002: "samples", 0x00280006: "planar", 0x00280010: "rows", 0x00280011: "columns",
    0x00280100: "bits_allocated", 0x00280101: "bits_stored", 0x00280102: "high_bit", 0x00280103: "sign",
}  # fmt: skip
_PHOTOMETRIC, _FRAMES = 0x00280004, 0x00280008
_SOP_CLASS, _SOP_INSTANCE = 0x00080016, 0x00080018
_STREAM_HEAD = 4096
_STREAM_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP")

Segment = tuple[int, int]  # offset and length


class NoPixels(DicomError):
    """The object holds no pixel data."""

    code = "no_pixels"


class NoSuchFrame(DicomError):
    """The frame asked for is not in the object."""

    code = "no_such_frame"


class BadPixels(DicomError):
    """The pixel data does not fit its description, or cannot be told apart into frames."""

    code = "bad_pixels"


@dataclass(slots=True)
class PixelLayout:
    """How the pixels of an image are described, and where they are.

    `sign` is 1 for signed samples; `header_sign` is Pixel Representation (0028,0103), which a JPEG 2000 stream of
    signed samples overrules.
    """

    transfer_syntax_uid: str
    little: bool
    rows: int = 0
    columns: int = 0
    samples: int = 1
    planar: int = 0
    bits_allocated: int = 0
    bits_stored: int = 0
    high_bit: int = 0
    sign: int = 0
    header_sign: int = 0
    photometric: str = ""
    frames: int = 1
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    tag: int = PIXEL_DATA
    vr: str = "OW"
    offset: int = 0
    start: int = 0
    length: int = 0
    segments: list[list[Segment]] = field(default_factory=list)  # of encapsulated frames

    @property
    def is_encapsulated(self) -> bool:
        """Whether the pixels are compressed, a frame being one or more fragments."""
        return self.length == UNDEFINED

    @property
    def frame_bits(self) -> int:
        """The bits of one native frame; YBR_FULL_422 has two samples a pixel (PS3.3 C.7.6.3.1.2)."""
        samples = 2 if self.samples == 3 and self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.bits_allocated

    @property
    def frame_length(self) -> int:
        """The bytes of one native frame as it is sent: bits are packed, each frame beginning at a byte."""
        return (self.frame_bits + 7) // 8


def read_pixel_layout(file: BinaryIO) -> tuple[PixelLayout, Layout]:
    """Return the description of an object's pixels; raises DicomError (NoPixels among it) and nothing else."""
    layout = open_data_set(file)
    pixels = PixelLayout(layout.transfer_syntax_uid, layout.encoding.little)
    tables: dict[int, bytes] = {}
    element = None
    try:
        element = _walk(layout, pixels, tables)
    except Broken as broken:
        if broken.tag not in PIXEL_TAGS or broken.code != "truncated":
            raise BadPixels(f"The header breaks before the pixels: {broken.reason}.", broken.offset) from broken
        element = _cut_element(layout, broken)
    if element is None:
        raise NoPixels("The object has no pixel data.")
    pixels.tag, pixels.vr, pixels.offset = element.tag, element.vr, element.offset
    pixels.start, pixels.length = element.start, element.length
    _check(pixels)
    pixels.header_sign = pixels.sign
    if pixels.is_encapsulated:
        pixels.segments = _find_segments(layout.window, pixels, tables)
        if not pixels.sign and _is_stream_signed(layout.window, pixels):
            pixels.sign = 1
    return pixels, layout


def _is_stream_signed(window: Window, pixels: PixelLayout) -> bool:
    """Say whether a JPEG 2000 stream holds signed greys: under an unsigned header, negative ones become large."""
    if pixels.transfer_syntax_uid not in JPEG_2000 or pixels.samples != 1 or not pixels.segments:
        return False
    offset, length = pixels.segments[0][0]
    stream = read_codestream(window.read(offset, min(length, _STREAM_HEAD)))
    return stream is not None and stream.is_signed is True


def _walk(layout: Layout, pixels: PixelLayout, tables: dict[int, bytes]) -> Element | None:
    window = layout.window
    walker = Walker(window, layout.start, layout.encoding)
    for element in walker:
        tag = element.tag
        walker.skip = element.vr == "SQ" or element.length == UNDEFINED or tag == ITEM
        if element.depth or tag == ITEM:
            continue
        if tag in PIXEL_TAGS:
            return element
        if tag in _NUMBERS:
            numbers = unpack_numbers("US", window.read(element.start, min(element.length, 2)), element.encoding.little)
            if numbers:
                setattr(pixels, _NUMBERS[tag], int(numbers[0]))
        elif tag in (_PHOTOMETRIC, _FRAMES, _SOP_CLASS, _SOP_INSTANCE):
            text = window.read(element.start, min(element.length, 128)).decode("ascii", "replace").strip(" \0")
            _set_text(pixels, tag, text)
        elif tag in (_EXTENDED_OFFSETS, _EXTENDED_LENGTHS):
            tables[tag] = window.read(element.start, min(element.length, 8 * MOST_FRAMES))
    return None


def _set_text(pixels: PixelLayout, tag: int, text: str) -> None:
    if tag == _PHOTOMETRIC:
        pixels.photometric = text.upper()
    elif tag == _FRAMES:
        # A number below one, or none at all, is taken for the one frame that is there.
        pixels.frames = max(int(text), 1) if text.isdecimal() and len(text) <= 12 else 1
    elif tag == _SOP_CLASS:
        pixels.sop_class_uid = text
    else:
        pixels.sop_instance_uid = text


def _cut_element(layout: Layout, broken: Broken) -> Element | None:
    """Return the pixel data of a file that ends within it: the frames before the cut are good."""
    window, encoding = layout.window, layout.encoding
    head = window.read(broken.offset, 12) if broken.tag in PIXEL_TAGS else b""
    if len(head) < 12 or unpack_from("<H" if encoding.little else ">H", head)[0] != 0x7FE0:
        # Encapsulated data that ends without its delimiter breaks at the fragment, not at the element.
        return _last_pixel_element(layout)
    start = broken.offset + (8 if encoding.implicit else 12)
    vr = "OW" if encoding.implicit else head[4:6].decode("ascii", "replace")
    return Element(broken.tag, vr, broken.offset, start, max(window.size - start, 0), 0, encoding)


def _last_pixel_element(layout: Layout) -> Element | None:
    walker = Walker(layout.window, layout.start, layout.encoding)
    found = None
    try:
        for element in walker:
            walker.skip = True
            if element.tag in PIXEL_TAGS and not element.depth:
                found = element
    except (Broken, DicomError):
        pass
    return found


def _check(pixels: PixelLayout) -> None:
    """Raise BadPixels where the description makes no picture."""
    if pixels.tag == FLOAT_PIXEL_DATA:
        pixels.bits_allocated = pixels.bits_stored = 32
    elif pixels.tag == DOUBLE_PIXEL_DATA:
        pixels.bits_allocated = pixels.bits_stored = 64
    for name, value in (("Rows (0028,0010)", pixels.rows), ("Columns (0028,0011)", pixels.columns)):
        if not value:
            raise BadPixels(f"{name} is zero or missing.")
    if pixels.samples not in (1, 3, 4):
        raise BadPixels(f"Samples per Pixel (0028,0002) is {pixels.samples}.")
    if pixels.bits_allocated not in (1, 8, 16, 32, 64):
        raise BadPixels(f"Bits Allocated (0028,0100) is {pixels.bits_allocated}.")
    if not 1 <= pixels.bits_stored <= pixels.bits_allocated:
        pixels.bits_stored = pixels.bits_allocated
    if not pixels.bits_stored - 1 <= pixels.high_bit < pixels.bits_allocated:
        pixels.high_bit = pixels.bits_stored - 1
    if not pixels.photometric:
        pixels.photometric = "MONOCHROME2" if pixels.samples == 1 else "RGB"


def native_segment(pixels: PixelLayout, size: int, frame: int) -> tuple[Segment, int]:
    """Return where native frame `frame` (from 0) is, and how many bits of its first byte belong to the one before."""
    first_bit = frame * pixels.frame_bits
    begin, end = first_bit // 8, (first_bit + pixels.frame_bits + 7) // 8
    available = min(pixels.length, max(size - pixels.start, 0))
    if frame < 0 or frame >= pixels.frames:
        raise NoSuchFrame(f"The object has {pixels.frames:,} frames; there is no frame {frame + 1:,}.")
    if end > available:
        raise BadPixels(f"Frame {frame + 1:,} needs {end:,} bytes of pixel data, and the file has {available:,}.")
    return (pixels.start + begin, end - begin), first_bit % 8


def encapsulated_segments(pixels: PixelLayout, frame: int) -> list[Segment]:
    """Return the fragments of encapsulated frame `frame` (from 0)."""
    if not 0 <= frame < pixels.frames:
        raise NoSuchFrame(f"The object has {pixels.frames:,} frames; there is no frame {frame + 1:,}.")
    if frame >= len(pixels.segments):
        raise BadPixels(f"The pixel data holds {len(pixels.segments):,} frames; frame {frame + 1:,} is missing.")
    return pixels.segments[frame]


def _find_segments(window: Window, pixels: PixelLayout, tables: dict[int, bytes]) -> list[list[Segment]]:
    fragments = list(_fragments(window, pixels))
    if not fragments:
        raise BadPixels("The encapsulated pixel data has no fragments.")
    offsets, rest = fragments[0], fragments[1:]
    if not rest:
        raise BadPixels("The encapsulated pixel data has an offset table and no frame.")
    if pixels.transfer_syntax_uid in VIDEO:
        # All fragments are one stream, in which a frame has no place of its own (PS3.5 8.2.5 and following).
        return [rest]
    frames = min(pixels.frames, MOST_FRAMES)
    if len(rest) == frames:
        return [[fragment] for fragment in rest]
    if frames == 1:
        return [rest]
    table = _offsets(window, offsets, tables)
    by_table = _group_by_offsets(rest, table) if len(table) == frames else []
    return by_table or _group_by_start(window, rest, frames)


def _fragments(window: Window, pixels: PixelLayout) -> Iterator[Segment]:
    """Yield the items of encapsulated pixel data, the Basic Offset Table first; a cut file ends the list."""
    position = pixels.start
    form = "<HHI" if pixels.little else ">HHI"
    for _ in range(2 * MOST_FRAMES):
        header = window.read(position, 8, 512)
        if len(header) < 8:
            return
        group, number, length = unpack(form, header)
        tag = group << 16 | number
        if tag == SEQUENCE_END or tag != ITEM or length == UNDEFINED:
            return
        left = max(window.size - position - 8, 0)
        yield position + 8, min(length, left)
        if length > left:
            return
        position += 8 + length


def _offsets(window: Window, table: Segment, tables: dict[int, bytes]) -> list[int]:
    """Return the offsets of the frames by the Extended (PS3.3 C.7.6.3.1.8) or the Basic Offset Table (PS3.5 A.4)."""
    if _EXTENDED_OFFSETS in tables:
        return [int(offset) for offset in unpack_numbers("UV", tables[_EXTENDED_OFFSETS])]
    offset, length = table
    return [int(number) for number in unpack_numbers("UL", window.read(offset, min(length, 4 * MOST_FRAMES)))]


def _group_by_offsets(fragments: list[Segment], offsets: list[int]) -> list[list[Segment]]:
    """Return the fragments of each frame by the offsets of their items; nothing where these do not fit."""
    base = fragments[0][0] - 8
    starts = {offset: place for place, offset in enumerate(offsets)}
    if len(starts) < len(offsets) or offsets[:1] != [0]:
        return []
    frames: list[list[Segment]] = []
    for fragment in fragments:
        if fragment[0] - 8 - base in starts:
            frames.append([])
        frames[-1].append(fragment)
    return frames if len(frames) == len(offsets) else []


def _group_by_start(window: Window, fragments: list[Segment], frames: int) -> list[list[Segment]]:
    """Tell frames apart by the marker that begins each compressed stream."""
    grouped: list[list[Segment]] = []
    for offset, length in fragments:
        if not grouped or window.read(offset, min(length, 6), 512).startswith(_STREAM_STARTS):
            grouped.append([])
        grouped[-1].append((offset, length))
    if len(grouped) != frames and len(fragments) > len(grouped):
        raise BadPixels(f"{len(fragments):,} fragments of {frames:,} frames, and nothing tells which belong together.")
    return grouped
