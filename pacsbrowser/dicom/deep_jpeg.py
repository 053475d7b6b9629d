"""JPEG of 12 bits a sample (ITU-T T.81 processes 4, 8, 10 and 12), which pydicom's decoders do not read."""

from typing import Any

import numpy as np

from pacsbrowser.dicom.codestream import Codestream
from pacsbrowser.dicom.frames import BadPixels, PixelLayout

Array = np.ndarray[Any, np.dtype[Any]]

_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51))
_BITS = 12


def is_deep_jpeg(pixels: PixelLayout, stream: Codestream) -> bool:
    """Say whether a frame is JPEG of 12 bits; lossless JPEG of as many is another thing."""
    return pixels.transfer_syntax_uid in _LOSSY and stream.precision == _BITS


def decode_deep_jpeg(data: bytes, pixels: PixelLayout, stream: Codestream) -> tuple[Array, str]:
    """Return the samples and their photometric interpretation: colours become RGB.

    Raises:
        BadPixels: the stream is of another size than the header says.
        Exception: what the library raises for a stream that it cannot read.
    """
    if (stream.rows, stream.columns, stream.samples) != (pixels.rows, pixels.columns, pixels.samples):
        raise BadPixels(
            f"It has {stream.columns:,} × {stream.rows:,} × {stream.samples} samples, "
            f"the header says {pixels.columns:,} × {pixels.rows:,} × {pixels.samples}."
        )
    # Loaded by the processes that meet such a frame only, and of the library this one decoder.
    from imagecodecs import jpeg8_decode

    if pixels.samples == 1:
        return _in_stored_bits(jpeg8_decode(data), pixels), pixels.photometric
    space = "RGB" if pixels.photometric == "RGB" else "YCBCR"
    return _in_stored_bits(jpeg8_decode(data, colorspace=space, outcolorspace="RGB"), pixels), "RGB"


def _in_stored_bits(samples: Array, pixels: PixelLayout) -> Array:
    """Extend the sign, or cut off what lossy compression has added beyond Bits Stored (0028,0101)."""
    if pixels.sign == 1:
        unused = 16 - _BITS
        extended: Array = (samples << unused).view(np.int16) >> unused
        return extended
    most = (1 << min(pixels.bits_stored, _BITS)) - 1
    cut: Array = np.minimum(samples, samples.dtype.type(most))
    return cut
