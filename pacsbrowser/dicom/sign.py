"""JPEG 2000 streams that say of their samples the opposite of Pixel Representation (0028,0103).

Signed in the header and unsigned in the stream: the stream is wrong. Decoders of browsers believe it and show air
white, so such frames are sent decoded, where the sign has been put right. Unsigned in the header and signed in the
stream: the header is wrong, as it would make large numbers of the negative ones (`frames` believes the stream), so the
metadata say what the stream says.
"""

from typing import BinaryIO

from pacsbrowser.dicom.codestream import JPEG_2000, read_codestream
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.frames import PixelLayout, read_pixel_layout
from pacsbrowser.dicom.window import Window

_HEAD = 4096


def wrong_signs(file: BinaryIO, transfer_syntax_uid: str) -> tuple[bool, bool]:
    """Say whether the sign is wrong in a file's streams, and whether in its header; never both."""
    if transfer_syntax_uid not in JPEG_2000:
        return False, False
    try:
        pixels, layout = read_pixel_layout(file)
    except DicomError:
        return False, False
    return is_wrong(layout.window, pixels), pixels.sign != pixels.header_sign


def is_wrong(window: Window, pixels: PixelLayout) -> bool:
    """Say whether the first frame's stream has the wrong sign."""
    if pixels.transfer_syntax_uid not in JPEG_2000 or pixels.samples != 1 or not pixels.segments:
        return False
    offset, length = pixels.segments[0][0]
    stream = read_codestream(window.read(offset, min(length, _HEAD)))
    return stream is not None and stream.is_signed is not None and stream.is_signed != bool(pixels.sign)
