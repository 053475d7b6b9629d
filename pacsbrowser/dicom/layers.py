"""Coloured layers over a picture: the segments of a segmentation, the bands of a dose; each put where it lies.

A layer is found on the picture by the geometry of both; where one has none, by equal size. Run inside a decoder
process.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pacsbrowser.dicom.decode import Array
from pacsbrowser.dicom.geometry import Plane, pixels_under
from pacsbrowser.dicom.grey import Bytes

OPACITY, OPACITY_ALONE = 0.45, 0.9
MOST_LAYERS = 64


@dataclass(frozen=True, slots=True)
class Layer:
    """Stored values, and colours for ranges of them: from `least` on, up to the next one's; its plane if known."""

    stored: Array
    colours: tuple[tuple[float, tuple[int, int, int]], ...]
    plane: Plane | None
    is_label: bool = False


def parse_colours(raw: Any) -> tuple[tuple[float, tuple[int, int, int]], ...]:
    """Return the colours of a layer from what was sent: pairs of a number and three of 0 to 255, in rising order."""
    return tuple(sorted((float(least), (int(red), int(green), int(blue))) for least, (red, green, blue) in raw))


def paint(picture: Bytes, plane: Plane | None, layers: list[Layer], opacity: float = OPACITY) -> Bytes:
    """Return an RGB picture with its layers; those that cannot be placed are left out."""
    rgb = np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture
    out = rgb.astype(np.float32)
    for layer in layers:
        placed = _placed(layer, rgb.shape[:2], plane)
        if placed is not None:
            _paint_one(out, placed, layer, opacity)
    return np.clip(out, 0, 255).round().astype(np.uint8)


def _placed(layer: Layer, shape: tuple[int, ...], plane: Plane | None) -> Array | None:
    """Return the layer's values at the pixels of the picture, NaN where it has none."""
    if plane is None or layer.plane is None:
        return layer.stored.astype(np.float32) if layer.stored.shape == shape else None
    row, column = pixels_under(plane, (shape[0], shape[1]), layer.plane, (layer.stored.shape[0], layer.stored.shape[1]))
    values = layer.stored[row, column].astype(np.float32)
    values[row < 0] = np.nan
    return values


def _paint_one(out: np.ndarray[Any, np.dtype[np.float32]], values: Array, layer: Layer, opacity: float) -> None:
    for place, (least, colour) in enumerate(layer.colours):
        if layer.is_label:
            mask = values == least
        else:
            mask = values >= least
            if place + 1 < len(layer.colours):
                mask &= values < layer.colours[place + 1][0]
        out[mask] = out[mask] * (1 - opacity) + np.array(colour, np.float32) * opacity
