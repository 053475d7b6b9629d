"""JPEG 2000 streams that say of their samples the opposite of Pixel Representation (0028,0103).

The header is right and the stream wrong: decoders of browsers believe the stream and show air white. Such frames are
sent decoded, where the sign has been put right.
"""

from typing import BinaryIO

from pacsbrowser.dicom.codestream import read_codestream
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.frames import PixelLayout, read_pixel_layout
from pacsbrowser.dicom.window import Window

# JPEG 2000 and High-Throughput JPEG 2000, without those that are fetched from elsewhere.
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93, 201, 202, 203))
_HEAD = 4096


def has_wrong_sign(file: BinaryIO, transfer_syntax_uid: str) -> bool:
    """Say whether the first frame of a file is such a stream; False for all that is not JPEG 2000."""
    if transfer_syntax_uid not in JPEG_2000:
        return False
    try:
        pixels, layout = read_pixel_layout(file)
    except DicomError:
        return False
    return is_wrong(layout.window, pixels)


def is_wrong(window: Window, pixels: PixelLayout) -> bool:
    """Say whether the sign of the first frame's stream contradicts the header."""
    if pixels.transfer_syntax_uid not in JPEG_2000 or pixels.samples != 1 or not pixels.segments:
        return False
    offset, length = pixels.segments[0][0]
    stream = read_codestream(window.read(offset, min(length, _HEAD)))
    return stream is not None and stream.is_signed is not None and stream.is_signed != bool(pixels.sign)
