"""A decoded frame as an 8-bit picture, grey or RGB, as a person should see it."""

from collections.abc import Callable

import numpy as np

from pacsbrowser.dicom.colour import colour_picture, palette_picture
from pacsbrowser.dicom.decode import Array, Frame
from pacsbrowser.dicom.frames import PixelLayout
from pacsbrowser.dicom.grey import Bytes, GreyWindow, grey_picture
from pacsbrowser.dicom.icc import on_screen
from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.overlays import overlay_masks


def make_picture(
    frame: Frame,
    pixels: PixelLayout,
    model: JsonModel,
    number: int,
    window: GreyWindow | None = None,
    read_bulk: Callable[[str], bytes] = lambda path: b"",
) -> Bytes:
    """Return the picture of frame `number` (from 0): (rows, columns) or (rows, columns, 3).

    Args:
        window: instead of what the object recommends; greys only.
        read_bulk: reads large overlays and colour profiles by their path.
    """
    stored = frame.samples
    if stored.ndim == 3:
        picture = on_screen(colour_picture(stored, frame.photometric, pixels), model, read_bulk)
    else:
        clean = stored_values(stored, pixels) if frame.has_unused_bits else stored
        if pixels.photometric == "PALETTE COLOR":
            picture = on_screen(palette_picture(clean, model), model, read_bulk)
        else:
            picture = grey_picture(clean, pixels, model, number, window)
    for mask in overlay_masks(model, stored, number, read_bulk):
        if not picture.flags.writeable:
            picture = picture.copy()
        picture[mask] = 255
    return picture


def stored_values(samples: Array, pixels: PixelLayout) -> Array:
    """Return native samples without what stands in their unused bits (PS3.5 8.1.1); the sign bit fills them up."""
    if samples.dtype.kind not in "iu":
        return samples
    total = 8 * samples.dtype.itemsize
    up = total - 1 - pixels.high_bit
    native = samples.astype(samples.dtype.newbyteorder("="))
    np.left_shift(native, up, out=native)
    np.right_shift(native, total - pixels.bits_stored, out=native)
    return native
