"""A head made of ellipsoids, cut into CT slices and looked through as a radiograph: pictures for demonstration data.

Drawn by arithmetic on spans of pixels, so that no array library is needed. Coordinates are the patient's (PS3.3
C.7.6.2.1.1): x to the left, y to the back, z to the head, in millimetres.
"""

import math
import random
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

SIZE = 128
SPACING = 2.0
# The centre of the first pixel, seen from the middle of the picture.
EDGE = -(SIZE - 1) / 2 * SPACING
INTERCEPT = -1024

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """A part of the head: its middle, its half axes and its CT number (HU). A later part replaces the earlier."""

    middle: Vector
    axes: Vector
    number: int


HEAD = (
    Ellipsoid((0, 0, 0), (76, 96, 116), 45),  # skin
    Ellipsoid((0, -98, -42), (10, 14, 16), 40),  # nose
    Ellipsoid((0, 0, 0), (72, 92, 112), 950),  # skull
    Ellipsoid((0, 0, 0), (66, 86, 106), 38),  # grey matter
    Ellipsoid((29, 2, 12), (26, 66, 74), 29),  # white matter, left
    Ellipsoid((-29, 2, 12), (26, 66, 74), 29),  # white matter, right
    Ellipsoid((11, -8, 18), (6, 32, 14), 6),  # lateral ventricle, left
    Ellipsoid((-11, -8, 18), (6, 32, 14), 6),  # lateral ventricle, right
    Ellipsoid((0, 8, 2), (2.5, 14, 12), 6),  # third ventricle
    Ellipsoid((16, 8, 2), (9, 14, 10), 37),  # thalamus, left
    Ellipsoid((-16, 8, 2), (9, 14, 10), 37),  # thalamus, right
    Ellipsoid((0, 18, 6), (3, 3, 3), 140),  # pineal gland, calcified
    Ellipsoid((0, 50, -58), (44, 26, 26), 41),  # cerebellum
    Ellipsoid((0, 24, -62), (11, 11, 34), 34),  # brain stem
    Ellipsoid((0, 38, -52), (6, 5, 8), 6),  # fourth ventricle
    Ellipsoid((40, 14, 26), (11, 15, 12), 64),  # a bleeding, for the report to speak of
    Ellipsoid((31, -74, -34), (17, 18, 16), -40),  # orbit, left
    Ellipsoid((-31, -74, -34), (17, 18, 16), -40),  # orbit, right
    Ellipsoid((31, -80, -34), (11, 12, 11), 22),  # eye, left
    Ellipsoid((-31, -80, -34), (11, 12, 11), 22),  # eye, right
    Ellipsoid((0, -72, -52), (13, 17, 24), -850),  # nasal cavity
)


@dataclass(frozen=True, slots=True)
class Plane:
    """How a slice lies: which axis it cuts, which run along its columns and rows, and the sign of its rows."""

    cut: int
    across: int
    down: int
    upwards: bool

    @property
    def orientation(self) -> list[float]:
        """Image Orientation (Patient) (0020,0037)."""
        columns, rows = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        columns[self.across] = 1.0
        rows[self.down] = -1.0 if self.upwards else 1.0
        return columns + rows

    def position(self, at: float) -> list[float]:
        """Image Position (Patient) (0020,0032) of the slice through `at`."""
        corner = [EDGE, EDGE, EDGE]
        corner[self.cut] = at
        if self.upwards:
            corner[self.down] = -EDGE
        return corner


AXIAL = Plane(cut=2, across=0, down=1, upwards=False)
CORONAL = Plane(cut=1, across=0, down=2, upwards=True)
SAGITTAL = Plane(cut=0, across=1, down=2, upwards=True)


def ct_slice(plane: Plane, at: float, seed: int) -> bytes:
    """Return the pixels of a slice: 16 bits, little endian, CT number minus `INTERCEPT`, with a little noise."""
    noise = _noise(seed)
    pixels = array("H")
    for row in range(SIZE):
        down = EDGE + row * SPACING
        line = _line(plane, at, -down if plane.upwards else down)
        start = noise[row] % 3000
        pixels.extend(
            max(0, value + grain // 4) for value, grain in zip(line, noise[start : start + SIZE], strict=True)
        )
    return _little_endian(pixels)


def _noise(seed: int) -> list[int]:
    """Return numbers from -40 to 40, more often small: the same for the same seed on every machine."""
    source = random.Random(seed)  # noqa: S311 (grain of a picture)
    return [source.randrange(-20, 21) + source.randrange(-20, 21) for _ in range(3000 + SIZE)]


def _line(plane: Plane, at: float, down: float) -> list[int]:
    line = [-1000 - INTERCEPT] * SIZE
    for part in HEAD:
        rest = 1 - ((at - part.middle[plane.cut]) / part.axes[plane.cut]) ** 2
        rest -= ((down - part.middle[plane.down]) / part.axes[plane.down]) ** 2
        if rest <= 0:
            continue
        half = part.axes[plane.across] * math.sqrt(rest)
        first = math.ceil((part.middle[plane.across] - half - EDGE) / SPACING)
        last = math.floor((part.middle[plane.across] + half - EDGE) / SPACING)
        first, last = max(0, first), min(SIZE - 1, last)
        if first <= last:
            line[first : last + 1] = [part.number - INTERCEPT] * (last - first + 1)
    return line


def radiograph(plane: Plane, mirrored: bool = False) -> bytes:
    """Return the head looked through along the axis that `plane` cuts: 12 of 16 bits, bone bright."""
    sums = [0.0] * (SIZE * SIZE)
    for place, part in enumerate(HEAD):
        weight = (part.number - _number_at(part.middle, HEAD[:place])) * part.axes[plane.cut] * 2
        _project(plane, part, weight, sums)
    top = max(sums)
    pixels = array("H", (min(4095, max(0, int(value / top * 3600) + 120)) for value in sums))
    if mirrored:
        rows = [pixels[start : start + SIZE] for start in range(0, SIZE * SIZE, SIZE)]
        pixels = array("H", (value for row in rows for value in reversed(row)))
    return _little_endian(pixels)


def _number_at(point: Vector, parts: Sequence[Ellipsoid]) -> int:
    """Return the CT number at a point."""
    for part in reversed(parts):
        if sum(((point[axis] - part.middle[axis]) / part.axes[axis]) ** 2 for axis in range(3)) < 1:
            return part.number
    return -1000


def _project(plane: Plane, part: Ellipsoid, weight: float, sums: list[float]) -> None:
    """Add the length of each ray within an ellipsoid."""
    for row in range(SIZE):
        down = EDGE + row * SPACING
        rest = 1 - (((-down if plane.upwards else down) - part.middle[plane.down]) / part.axes[plane.down]) ** 2
        if rest <= 0:
            continue
        half = part.axes[plane.across] * math.sqrt(rest)
        first = max(0, math.ceil((part.middle[plane.across] - half - EDGE) / SPACING))
        last = min(SIZE - 1, math.floor((part.middle[plane.across] + half - EDGE) / SPACING))
        for column in range(first, last + 1):
            aside = (EDGE + column * SPACING - part.middle[plane.across]) / part.axes[plane.across]
            sums[row * SIZE + column] += weight * math.sqrt(max(0.0, rest - aside * aside))


def ultrasound(rows: int, columns: int, seed: int) -> bytes:
    """Return a sector with speckle and a dark cyst in it: 8 bits."""
    source = random.Random(seed)  # noqa: S311 (speckle of a picture)
    middle, pixels = columns / 2, bytearray(rows * columns)
    for row in range(rows):
        for column in range(columns):
            x, y = column - middle, row + 24.0
            depth = math.hypot(x, y)
            if abs(x) > y * 0.72 or not 34 < depth < rows + 12:
                continue
            bright = 96 - depth * 0.22 + source.randrange(-26, 27)
            if ((x - 26) / 24) ** 2 + ((y - 110) / 18) ** 2 < 1:
                bright *= 0.12
            elif ((x - 26) / 24) ** 2 + ((y - 110) / 18) ** 2 < 1.25 or abs(depth - 66) < 1.5:
                bright += 70
            pixels[row * columns + column] = max(0, min(255, int(bright)))
    return bytes(pixels)


def _little_endian(pixels: "array[int]") -> bytes:
    if sys.byteorder == "big":
        pixels.byteswap()
    return pixels.tobytes()
