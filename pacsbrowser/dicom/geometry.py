"""Where a frame lies in the patient (PS3.3 C.7.6.2, C.7.6.16.2, C.8.8.3), and which pixel of another frame is there."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pacsbrowser.dicom.data_item import DataItem
from pacsbrowser.dicom.grey import macro
from pacsbrowser.dicom.json_model import JsonModel

Vector = np.ndarray[Any, np.dtype[np.float64]]
Indexes = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Plane:
    """The plane of a frame: the centre of its first pixel, and the steps in mm from pixel to pixel.

    `across` goes from column to column, `down` from row to row.
    """

    origin: Vector
    across: Vector
    down: Vector

    @property
    def normal(self) -> Vector:
        """The unit vector that stands on the plane."""
        product = np.cross(self.across, self.down)
        return np.asarray(product / np.linalg.norm(product))

    def pixel_of(self, points: Vector) -> Vector:
        """Return column and row, from 0 and with fractions, of points (n, 3) projected onto the plane."""
        offsets = points - self.origin
        return np.column_stack(
            (
                offsets @ self.across / np.dot(self.across, self.across),
                offsets @ self.down / np.dot(self.down, self.down),
            )
        )


def plane_of(model: JsonModel, frame: int = 0) -> Plane | None:
    """Return the plane of frame `frame` (from 0), None where the object does not say it."""
    position = DataItem(macro(model, frame, "00209113")).numbers("ImagePositionPatient")
    orientation = DataItem(macro(model, frame, "00209116")).numbers("ImageOrientationPatient")
    spacing = DataItem(macro(model, frame, "00289110")).numbers("PixelSpacing")
    if len(position) != 3 or len(orientation) != 6 or len(spacing) != 2 or min(spacing) <= 0:
        return None
    right, down = np.array(orientation[:3]), np.array(orientation[3:])
    if abs(np.dot(right, down)) > 0.01 or abs(np.linalg.norm(right) - 1) > 0.01 or abs(np.linalg.norm(down) - 1) > 0.01:
        return None
    plane = Plane(np.array(position), right * spacing[1], down * spacing[0])
    return _moved(plane, model, frame)


def _moved(plane: Plane, model: JsonModel, frame: int) -> Plane:
    """Move the plane of an RT Dose to its frame (Grid Frame Offset Vector, PS3.3 C.8.8.3.2)."""
    offsets = DataItem(model).numbers("GridFrameOffsetVector")
    if not 0 <= frame < len(offsets):
        return plane
    first = offsets[0]
    # Beginning at another number than zero, the offsets are the patient's z themselves.
    along = offsets[frame] if first == 0 else offsets[frame] - plane.origin[2]
    direction = plane.normal if first == 0 else np.array((0.0, 0.0, 1.0))
    return Plane(plane.origin + along * direction, plane.across, plane.down)


def pixels_under(base: Plane, shape: tuple[int, int], other: Plane, size: tuple[int, int]) -> tuple[Indexes, Indexes]:
    """Return for each pixel of a base frame row and column of the nearest pixel of another; −1 where there is none.

    Args:
        shape: rows and columns of the base.
        size: rows and columns of the other.
    """
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].reshape(2, -1).astype(np.float64)
    points = base.origin + columns[:, None] * base.across + rows[:, None] * base.down
    found = np.rint(other.pixel_of(points)).astype(np.int64)
    column, row = found[:, 0], found[:, 1]
    outside = (column < 0) | (row < 0) | (row >= size[0]) | (column >= size[1])
    row[outside] = column[outside] = -1
    return row.reshape(shape), column.reshape(shape)
