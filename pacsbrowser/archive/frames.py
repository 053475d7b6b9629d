"""Frames of an instance as bytes: as they are stored, or as native pixel data in Little Endian."""

from collections.abc import Iterator
from functools import lru_cache

from pacsbrowser.archive import storage
from pacsbrowser.archive.derived.pictures import samples
from pacsbrowser.archive.models import Blob
from pacsbrowser.dicom.elements import UNDEFINED
from pacsbrowser.dicom.frames import PixelLayout, encapsulated_segments, native_segment, read_pixel_layout
from pacsbrowser.dicom.part10 import DEFLATED_UIDS, open_data_set
from pacsbrowser.dicom.sign import is_wrong

CHUNK = 1 << 20
# How much more often than there are frames a request may name them, and how much it may have decoded.
MOST_AGAIN = 100
MOST_DECODED, MOST_DECODED_PIXELS = 1_000, 128_000_000


@lru_cache(maxsize=64)
def _layout_of(path: str) -> tuple[PixelLayout, bool]:
    """Return the pixel description of a stored file and whether its stream has the wrong sign; files never change."""
    with open(path, "rb") as file:  # noqa: PTH123 the path is the key of the cache
        pixels, layout = read_pixel_layout(file)
        return pixels, is_wrong(layout.window, pixels)


def pixel_layout(blob: Blob) -> tuple[PixelLayout, bool]:
    """Return the description of an object's pixels, and whether its JPEG 2000 streams have the wrong sign.

    Raises:
        DicomError: it has no pixels, or they cannot be described.
        OSError: the file cannot be read.
    """
    return _layout_of(str(storage.blob_path(blob)))


def stored_frame(blob: Blob, pixels: PixelLayout, frame: int) -> Iterator[bytes]:
    """Yield compressed frame `frame` (from 0) as it is stored.

    Raises:
        DicomError: there is no such frame.
    """
    segments = encapsulated_segments(pixels, frame)

    def pieces() -> Iterator[bytes]:
        for offset, length in segments:
            end = offset + length
            while offset < end and (piece := storage.read_blob(blob, offset, min(CHUNK, end - offset))):
                offset += len(piece)
                yield piece

    return pieces()


def native_frame(blob: Blob, pixels: PixelLayout, frame: int) -> bytes:
    """Return frame `frame` (from 0) as native pixel data in Little Endian, decoded where it is compressed.

    Raises:
        DicomError: there is no such frame.
        DecodingError: it cannot be decoded.
    """
    if pixels.is_encapsulated or not pixels.little or pixels.bits_allocated == 1:
        if not pixels.is_encapsulated:
            native_segment(pixels, pixels.start + _length(pixels), frame)
        return samples(blob, frame).data
    if pixels.transfer_syntax_uid not in DEFLATED_UIDS:
        (offset, length), _ = native_segment(pixels, blob.size, frame)
        return storage.read_blob(blob, offset, length)
    with storage.open_blob(blob) as file:
        window = open_data_set(file).window
        (offset, length), _ = native_segment(pixels, window.size, frame)
        return window.read(offset, length, ahead=length)


def unpacked_bits(data: bytes, count: int) -> bytes:
    """Return packed bits as one byte each: pictures of one bit, as viewers in browsers take them."""
    return b"".join(_BYTES_OF[byte] for byte in data)[:count]


def _length(pixels: PixelLayout) -> int:
    return 0 if pixels.length == UNDEFINED else pixels.length


_BYTES_OF = [bytes(byte >> bit & 1 for bit in range(8)) for byte in range(256)]
