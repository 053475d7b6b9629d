"""JPEG that pydicom's decoders do not read: of 12 bits a sample, and the retired kinds that come in several scans.

Those are spectral selection and full progression (ITU-T T.81 processes 6 and 8, 10 and 12), which DICOM had until 2005
and DCMTK still writes.
"""

from typing import Any

import numpy as np

from pacsbrowser.dicom.codestream import Codestream
from pacsbrowser.dicom.frames import BadPixels, PixelLayout
from pacsbrowser.dicom.transfer_syntaxes import PROGRESSIVE

Array = np.ndarray[Any, np.dtype[Any]]

_SEQUENTIAL = frozenset(("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"))
_DEEP = 12


def is_own_jpeg(pixels: PixelLayout, stream: Codestream) -> bool:
    """Say whether a frame is to be decoded here."""
    if pixels.transfer_syntax_uid in _SEQUENTIAL:
        return stream.precision == _DEEP
    return pixels.transfer_syntax_uid in PROGRESSIVE and stream.precision in (8, _DEEP)


def decode_jpeg(data: bytes, pixels: PixelLayout, stream: Codestream) -> tuple[Array, str]:
    """Return the samples and their photometric interpretation: colours become RGB.

    Raises:
        BadPixels: the stream is of another size than the header says, or of more bits than it allocates.
        Exception: what the library raises for a stream that it cannot read.
    """
    if (stream.rows, stream.columns, stream.samples) != (pixels.rows, pixels.columns, pixels.samples):
        raise BadPixels(
            f"It has {stream.columns:,} × {stream.rows:,} × {stream.samples} samples, "
            f"the header says {pixels.columns:,} × {pixels.rows:,} × {pixels.samples}."
        )
    if stream.precision > pixels.bits_allocated:
        raise BadPixels(f"Its samples have {stream.precision} bits, the header allocates {pixels.bits_allocated}.")
    # Loaded by the processes that meet such a frame only, and of the library this one decoder.
    from imagecodecs import jpeg8_decode

    if pixels.samples == 1:
        samples, photometric = jpeg8_decode(data), pixels.photometric
    else:
        space = "RGB" if pixels.photometric == "RGB" else "YCBCR"
        samples, photometric = jpeg8_decode(data, colorspace=space, outcolorspace="RGB"), "RGB"
    if samples.size != pixels.rows * pixels.columns * pixels.samples:
        raise BadPixels("It holds another frame than its header announces.")
    return _in_stored_bits(samples, pixels, stream.precision), photometric


def _in_stored_bits(samples: Array, pixels: PixelLayout, precision: int) -> Array:
    """Fill Bits Allocated (0028,0100); extend the sign, or cut off what lossy compression adds beyond Bits Stored."""
    samples = samples.astype(f"u{max(samples.dtype.itemsize, pixels.bits_allocated // 8)}", copy=False)
    if pixels.sign == 1:
        unused = 8 * samples.dtype.itemsize - precision
        extended: Array = (samples << unused).view(f"i{samples.dtype.itemsize}") >> unused
        return extended
    most = (1 << min(pixels.bits_stored, precision)) - 1
    cut: Array = np.minimum(samples, samples.dtype.type(most))
    return cut
