"""RT Dose (PS3.3 C.8.8.3, C.8.8.4): what is said of a dose grid, bands for its picture, volume histograms as curves."""

import math
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from pacsbrowser.dicom.data_item import DataItem
from pacsbrowser.dicom.frames import PixelLayout, read_pixel_layout
from pacsbrowser.dicom.geometry import plane_of
from pacsbrowser.dicom.segments import Colour, hex_colour

CHUNK = 1 << 20
MOST_GRID = 256 << 20
MOST_HISTOGRAMS = 100
MOST_BINS = 100_000
CURVE_POINTS = 300

_LEVELS: tuple[tuple[int, Colour], ...] = (
    (20, (64, 64, 220)), (40, (0, 140, 230)), (60, (0, 190, 190)), (80, (0, 180, 70)), (90, (230, 220, 0)),
    (95, (245, 150, 0)), (100, (225, 30, 30)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Band:
    """A band of a dose picture: from which stored value on, from which percentage and dose on, in which colour."""

    least: float
    percent: int
    dose: float
    colour: Colour

    @property
    def hexadecimal(self) -> str:
        """The colour as #rrggbb."""
        return hex_colour(self.colour)


@dataclass(frozen=True, slots=True)
class Dose:
    """A dose grid. `full` is the stored value that bands count as 100 percent, None where it is not known."""

    units: str
    scaling: float
    frames: int
    offsets: tuple[float, ...]
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    frame_of_reference_uid: str
    full: float | None

    def height_of(self, frame: int) -> float | None:
        """Return the patient's z of a frame (from 0) in mm, None for grids that do not lie across the body."""
        if len(self.position) != 3 or [round(abs(part)) for part in self.orientation] != [1, 0, 0, 0, 1, 0]:
            return None
        if not 0 <= frame < max(len(self.offsets), 1):
            return None
        if not self.offsets:
            return self.position[2]
        along = 1.0 if self.orientation[0] * self.orientation[4] > 0 else -1.0
        return self.position[2] + along * self.offsets[frame] if self.offsets[0] == 0 else self.offsets[frame]

    def shown(self, stored: float) -> float:
        """Return a stored value in the units of the dose."""
        return stored * self.scaling


@dataclass(frozen=True, slots=True)
class Histogram:
    """A dose-volume histogram as points (dose, volume), cumulative or differential; numbers of its regions."""

    kind: str
    dose_units: str
    volume_units: str
    regions: tuple[int, ...]
    lowest: float | None
    mean: float | None
    highest: float | None
    points: tuple[tuple[float, float], ...]


def parse_dose(dataset: DataItem, full: float | None = None) -> Dose:
    """Return what a data set says of its dose grid.

    Args:
        full: the stored value of 100 percent, where it was found from the pixels.
    """
    bits = dataset.integer("BitsStored") or 16
    plane = plane_of(dataset.model)
    return Dose(
        dataset.text("DoseUnits"),
        dataset.number("DoseGridScaling") or 1.0,
        max(dataset.integer("NumberOfFrames") or 1, 1),
        dataset.numbers("GridFrameOffsetVector"),
        dataset.numbers("ImagePositionPatient") if plane else (),
        dataset.numbers("ImageOrientationPatient") if plane else (),
        dataset.text("FrameOfReferenceUID"),
        full if full is not None else float((1 << min(bits, 32)) - 1),
    )


def highest_value(file: BinaryIO) -> float | None:
    """Return the highest stored value of an uncompressed grid, None for one that is compressed or very large.

    Raises:
        DicomError: there are no pixels, or they cannot be described.
    """
    pixels, layout = read_pixel_layout(file)
    length = min(pixels.length, pixels.frames * pixels.frame_length, max(layout.window.size - pixels.start, 0))
    if pixels.is_encapsulated or pixels.bits_allocated not in (16, 32) or length > MOST_GRID:
        return None
    size, kind = pixels.bits_allocated // 8, _kind(pixels, pixels.little)
    highest = None
    for offset in range(0, length - length % size, CHUNK):
        piece = layout.window.read(pixels.start + offset, min(CHUNK, length - length % size - offset))
        values = np.frombuffer(piece[: len(piece) - len(piece) % size], kind)
        if values.size:
            highest = max(float(values.max()), -math.inf if highest is None else highest)
    return highest


def highest_sample(data: bytes, pixels: PixelLayout) -> float:
    """Return the highest value of a decoded frame."""
    return float(np.frombuffer(data, _kind(pixels, little=True)).max())


def _kind(pixels: PixelLayout, little: bool) -> np.dtype[np.int64]:
    return np.dtype(f"{'<' if little else '>'}{'i' if pixels.sign else 'u'}{pixels.bits_allocated // 8}")


def bands_of(dose: Dose) -> list[Band]:
    """Return the bands from low to high, in shares of the full dose."""
    full = dose.full or 1.0
    return [
        Band(full * percent / 100, percent, dose.shown(full * percent / 100), colour) for percent, colour in _LEVELS
    ]


def parse_histograms(dataset: DataItem) -> list[Histogram]:
    """Return the histograms that an object holds; those without two points are left out."""
    found = (_histogram(item) for item in dataset.items("DVHSequence")[:MOST_HISTOGRAMS])
    return [histogram for histogram in found if len(histogram.points) > 1]


def _histogram(item: DataItem) -> Histogram:
    regions = (one.integer("ReferencedROINumber") for one in item.items("DVHReferencedROISequence")[:20])
    return Histogram(
        item.text("DVHType"), item.text("DoseUnits"), item.text("DVHVolumeUnits"),
        tuple(number for number in regions if number is not None),
        item.number("DVHMinimumDose"), item.number("DVHMeanDose"), item.number("DVHMaximumDose"), _points(item),
    )  # fmt: skip


def _points(item: DataItem) -> tuple[tuple[float, float], ...]:
    """Turn pairs of bin width and volume into points, fewer than CURVE_POINTS."""
    numbers = item.numbers("DVHData")[: 2 * MOST_BINS]
    scaling = item.number("DVHDoseScaling") or 1.0
    dose, points = 0.0, []
    for width, volume in zip(numbers[::2], numbers[1::2], strict=False):
        points.append((dose * scaling, volume))
        dose += width
    step = max(len(points) // CURVE_POINTS, 1)
    return tuple(points[::step] + ([points[-1]] if (len(points) - 1) % step else [])) if points else ()
