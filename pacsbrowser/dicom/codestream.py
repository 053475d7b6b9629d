"""What a compressed frame says of itself: its size, precision and sign, from the markers at its start.

A header of DICOM may say something else; the decoders believe the stream, so the stream's size is checked first.
"""

from dataclasses import dataclass
from struct import unpack_from

# JPEG 2000 and High-Throughput JPEG 2000, without those that are fetched from elsewhere.
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))
_START_JPEG = b"\xff\xd8"
_START_J2K = b"\xff\x4f\xff\x51"
_JP2 = b"\0\0\0\x0cjP  "
# Start of frame: Baseline to Lossless (ITU-T T.81 Table B.1, without DHT C4, JPG C8, DAC CC), and JPEG-LS (T.87 C.1.1).
_FRAME_MARKERS = frozenset((*range(0xC0, 0xC4), 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7))
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xDA)))
_SEARCHED = 1 << 20


@dataclass(frozen=True, slots=True)
class Codestream:
    """Size and samples of a compressed frame; `is_signed` is told by JPEG 2000 alone."""

    rows: int
    columns: int
    samples: int
    precision: int
    is_signed: bool | None = None


def read_codestream(data: bytes) -> Codestream | None:
    """Return what the stream says, or None where it is of no kind that tells (RLE, video) or too damaged."""
    if data.startswith(_JP2):
        at = data.find(_START_J2K, 0, _SEARCHED)
        return _read_j2k(data, at) if at >= 0 else None
    if data.startswith(_START_J2K):
        return _read_j2k(data, 0)
    return _read_jpeg(data) if data.startswith(_START_JPEG) else None


def _read_j2k(data: bytes, at: int) -> Codestream | None:
    """Read the SIZ marker segment (ITU-T T.800 A.5.1), which always comes first."""
    if len(data) < at + 44:
        return None
    width, height, left, top = unpack_from(">IIII", data, at + 8)
    samples = unpack_from(">H", data, at + 40)[0]
    depth = data[at + 42]
    return Codestream(max(height - top, 0), max(width - left, 0), samples, (depth & 0x7F) + 1, bool(depth & 0x80))


def _read_jpeg(data: bytes) -> Codestream | None:
    """Walk the marker segments to the frame header (ITU-T T.81 B.2.2)."""
    at, end = 2, min(len(data), _SEARCHED)
    while at + 9 < end:
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in _FRAME_MARKERS:
            precision, rows, columns, samples = unpack_from(">BHHB", data, at + 4)
            return Codestream(rows, columns, samples, precision)
        else:
            at += 2 + max(int(unpack_from(">H", data, at + 2)[0]), 2)
    return None
