"""One frame from its bytes to an array of samples, by pydicom's decoders where it is compressed.

Run only inside a decoder process (`decoder`): the libraries underneath are written in C and fed by strangers.
"""

import sys
from dataclasses import dataclass, replace
from struct import pack
from typing import Any

import numpy as np
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import UID

from pacsbrowser.dicom.codestream import Codestream, read_codestream
from pacsbrowser.dicom.frames import (
    DOUBLE_PIXEL_DATA,
    FLOAT_PIXEL_DATA,
    BadPixels,
    PixelLayout,
    encapsulated_segments,
    native_segment,
)
from pacsbrowser.dicom.jpeg import decode_jpeg, is_own_jpeg
from pacsbrowser.dicom.swap import swapped
from pacsbrowser.dicom.uids import transfer_syntax_name
from pacsbrowser.dicom.window import Window

Array = np.ndarray[Any, np.dtype[Any]]

MOST_PIXELS = 100_000_000
MOST_FRAME_BYTES = 256 << 20


class TooManyPixels(BadPixels):
    """The frame is larger than what will be decoded."""

    code = "too_many_pixels"


class NotDecodable(BadPixels):
    """No decoder here can read the frame."""

    code = "not_decodable"


@dataclass(frozen=True, slots=True)
class Frame:
    """Decoded samples: (rows, columns) or (rows, columns, samples), in the numbers that are stored.

    `photometric` is what the samples are after decoding: a decoder may have turned YBR into RGB. Bits beyond the
    stored ones are still in native samples (`has_unused_bits`): old overlays live there.
    """

    samples: Array
    photometric: str
    has_unused_bits: bool = False


def check_size(pixels: PixelLayout) -> None:
    """Raise TooManyPixels before anything is read or decoded."""
    count = pixels.rows * pixels.columns
    bits = max(pixels.bits_allocated, 8)
    if count > MOST_PIXELS or count * pixels.samples * bits > 8 * MOST_FRAME_BYTES:
        raise TooManyPixels(f"A frame of {pixels.columns:,} × {pixels.rows:,} pixels is too large to be decoded here.")


def read_frame(window: Window, pixels: PixelLayout, frame: int) -> bytes:
    """Return the bytes of frame `frame` (from 0) as they are stored; bits are shifted to begin at a byte."""
    if pixels.is_encapsulated:
        segments = encapsulated_segments(pixels, frame)
        if sum(length for _, length in segments) > MOST_FRAME_BYTES:
            raise TooManyPixels("The compressed frame is too large to be decoded here.")
        return b"".join(window.read(*segment) for segment in segments)
    check_size(pixels)
    (offset, length), shift = native_segment(pixels, window.size, frame)
    if not pixels.little and pixels.bits_allocated == 8 and pixels.vr == "OW":
        return _read_unswapped(window, pixels.start, offset, length)
    data = window.read(offset, length)
    if shift or pixels.frame_bits % 8:
        return repacked(data, shift, pixels.frame_bits)
    return data


def _read_unswapped(window: Window, start: int, offset: int, length: int) -> bytes:
    """Return 8-bit samples that were written as 16-bit words of Big Endian (PS3.5 8.1.1), in their own order."""
    before = (offset - start) & 1
    words = window.read(offset - before, before + length + (before + length & 1))
    return swapped(words, "OW")[before : before + length]


def repacked(data: bytes, shift: int, bits: int) -> bytes:
    """Return bits that begin inside a byte as bits that begin at one; what is left of the last byte is zero."""
    unpacked = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[shift : shift + bits]
    return np.packbits(unpacked, bitorder="little").tobytes()


def decode_frame(data: bytes, pixels: PixelLayout) -> Frame:
    """Return the samples of one frame."""
    check_size(pixels)
    if pixels.is_encapsulated:
        return _decode_compressed(data, pixels)
    return _decode_native(data, pixels)


def _decode_native(data: bytes, pixels: PixelLayout) -> Frame:
    """Read uncompressed samples (PS3.5 8.1): packed bits, planes, either byte order, YBR_FULL_422."""
    rows, columns, samples = pixels.rows, pixels.columns, pixels.samples
    if pixels.bits_allocated == 1:
        flat = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: rows * columns * samples]
        return Frame(_shaped(flat, pixels), pixels.photometric)
    array = np.frombuffer(data, _dtype(pixels))
    if samples == 3 and pixels.photometric == "YBR_FULL_422":
        return Frame(_upsampled(array, rows, columns), "YBR_FULL")
    return Frame(_shaped(array, pixels), pixels.photometric, pixels.bits_allocated > pixels.bits_stored)


def _dtype(pixels: PixelLayout) -> np.dtype[Any]:
    kind = "i" if pixels.sign == 1 else "u"
    if pixels.tag in (FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA):
        kind = "f"
    return np.dtype(f"{'<' if pixels.little else '>'}{kind}{pixels.bits_allocated // 8}")


def _shaped(array: Array, pixels: PixelLayout) -> Array:
    rows, columns, samples = pixels.rows, pixels.columns, pixels.samples
    array = array[: rows * columns * samples]
    if samples == 1:
        return array.reshape(rows, columns)
    if pixels.planar == 1:
        return array.reshape(samples, rows, columns).transpose(1, 2, 0)
    return array.reshape(rows, columns, samples)


def _upsampled(array: Array, rows: int, columns: int) -> Array:
    """Give each pixel its own chroma: the bytes are Y Y Cb Cr for each two pixels of a row."""
    if columns % 2:
        raise BadPixels("YBR_FULL_422 needs an even number of columns (PS3.3 C.7.6.3.1.2).")
    quads = array[: rows * columns * 2].reshape(rows, columns // 2, 4)
    out = np.empty((rows, columns, 3), array.dtype)
    out[:, 0::2, 0], out[:, 1::2, 0] = quads[:, :, 0], quads[:, :, 1]
    out[:, :, 1] = np.repeat(quads[:, :, 2], 2, axis=1)
    out[:, :, 2] = np.repeat(quads[:, :, 3], 2, axis=1)
    return out


def _decode_compressed(data: bytes, pixels: PixelLayout) -> Frame:
    name = transfer_syntax_name(pixels.transfer_syntax_uid)
    stream = read_codestream(data)
    pixels = _agreeing(pixels, stream) if stream else pixels
    try:
        if stream and is_own_jpeg(pixels, stream):
            return Frame(*decode_jpeg(data, pixels, stream))
        decoder = _decoder_of(pixels.transfer_syntax_uid)
        if decoder is None:
            raise NotDecodable(f"There is no decoder for {name}.")
        array, found = decoder.as_array(_encapsulated(data), index=0, raw=True, **_options(pixels))
    except MemoryError:
        raise TooManyPixels("The frame needs more memory to be decoded than it is given.") from None
    except NotDecodable:
        raise
    except Exception as error:  # each library has its own
        reason = " ".join(str(error).split())[:300]
        raise NotDecodable(f"The {name} stream cannot be decoded: {reason}") from error
    return Frame(array, str(found["photometric_interpretation"]))


def _decoder_of(transfer_syntax_uid: str) -> Decoder | None:
    """Return pydicom's decoder, None where it has none that works here."""
    try:
        decoder = get_decoder(UID(transfer_syntax_uid))
    except NotImplementedError:
        return None
    return decoder if decoder.is_available else None


def _agreeing(pixels: PixelLayout, stream: Codestream) -> PixelLayout:
    """Check the stream's own size, and take over its precision where the header's leaves no room for it."""
    count = stream.rows * stream.columns
    if count > MOST_PIXELS or count > 4 * pixels.rows * pixels.columns + 65536:
        raise TooManyPixels(
            f"The compressed frame says that it has {stream.columns:,} × {stream.rows:,} pixels, "
            f"the header {pixels.columns:,} × {pixels.rows:,}."
        )
    if stream.samples in (1, 3) and stream.samples != pixels.samples:
        photometric = "MONOCHROME2" if stream.samples == 1 else "RGB"
        return replace(pixels, samples=stream.samples, photometric=photometric)
    return pixels


def _encapsulated(data: bytes) -> bytes:
    """Return one frame in encapsulated form, in one fragment behind an empty offset table (PS3.5 A.4)."""
    padded = data + b"\0" * (len(data) & 1)
    return b"\xfe\xff\x00\xe0\0\0\0\0" + pack("<HHI", 0xFFFE, 0xE000, len(padded)) + padded


def _options(pixels: PixelLayout) -> dict[str, Any]:
    return {
        "rows": pixels.rows, "columns": pixels.columns, "samples_per_pixel": pixels.samples, "number_of_frames": 1,
        "bits_allocated": pixels.bits_allocated, "bits_stored": pixels.bits_stored,
        "pixel_representation": pixels.sign & 1, "photometric_interpretation": pixels.photometric,
        "planar_configuration": min(pixels.planar, 1), "pixel_keyword": "PixelData", "pixel_vr": "OB",
        "apply_j2k_sign_correction": True, "apply_jls_sign_correction": True,
    }  # fmt: skip


def native_bytes(frame: Frame, pixels: PixelLayout) -> bytes:
    """Return decoded samples as a native frame in Little Endian, colour in the Planar Configuration of the header."""
    array = frame.samples
    if array.ndim == 3 and pixels.planar == 1:
        array = array.transpose(2, 0, 1)
    if pixels.bits_allocated == 1:
        return np.packbits(array.reshape(-1).astype(np.uint8), bitorder="little").tobytes()
    if array.dtype.itemsize > 1 and (array.dtype.byteorder == ">" or sys.byteorder == "big"):
        array = array.astype(array.dtype.newbyteorder("<"))
    return np.ascontiguousarray(array).tobytes()
