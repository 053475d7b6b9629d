"""RT Structure Sets (PS3.3 C.8.8.5, C.8.8.6): regions of interest and where their contours are in the file.

A structure set can hold millions of points. They are not read with the rest: the walk notes where each contour's
points begin, and only those of the slice that is drawn are parsed.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import BinaryIO

from pacsbrowser.dicom.data_item import DataItem
from pacsbrowser.dicom.elements import ITEM, Broken, Element, Walker
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.part10 import Layout, open_data_set
from pacsbrowser.dicom.segments import PALETTE, Colour, hex_colour
from pacsbrowser.dicom.values import parse_decimal
from pacsbrowser.dicom.window import Window

ROI_CONTOURS = 0x30060039
CONTOUR_DATA = 0x30060050
_CONTOURS, _GEOMETRY, _ROI, _COLOUR = 0x30060040, 0x30060042, 0x30060084, 0x3006002A
_IMAGE_UID = 0x00081155
_FLAT = 0.01  # mm
MOST_MM = 100_000.0
MOST_REGIONS = 1_000
MOST_CONTOURS = 100_000
MOST_POINTS = 20_000  # drawn of one contour; more are thinned out
MOST_CONTOUR_BYTES = 4 << 20
CLOSED = frozenset(("CLOSED_PLANAR", "CLOSEDPLANAR_XOR", ""))

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Contour:
    """A contour: its region's number, where its points are in the file, one of them, and the image that it lies on."""

    region: int
    geometry: str
    start: int
    length: int
    first: Point
    image_uid: str


@dataclass(frozen=True, slots=True)
class Region:
    """A region of interest; `volume` in cm³ where the object gives one; `contours` counts them."""

    number: int
    name: str
    description: str
    type: str
    algorithm: str
    volume: float | None
    colour: Colour
    contours: int
    frame_of_reference_uid: str

    @property
    def hexadecimal(self) -> str:
        """The colour as #rrggbb."""
        return hex_colour(self.colour)


@dataclass(slots=True)
class _Open:
    """What is known of the region whose contours are being walked."""

    colour: Colour | None = None
    number: int | None = None
    contours: list[tuple[str, int, int, Point, str]] | None = None


@dataclass(frozen=True, slots=True)
class Contours:
    """All contours of a file, and the colours that it gives regions.

    `axis` is that on which the planes of most contours stand: 2 (z) for contours across the body. `is_cut` says that
    some are missing.
    """

    all: tuple[Contour, ...]
    colours: dict[int, Colour]
    axis: int
    is_cut: bool

    def slices(self) -> list[tuple[float, list[Contour]]]:
        """Return the contours by the place (mm) of their first point on the axis, from low to high."""
        found: dict[float, list[Contour]] = defaultdict(list)
        for contour in self.all:
            found[round(contour.first[self.axis], 2)].append(contour)
        return sorted(found.items())


def fullest(slices: list[tuple[float, list[Contour]]]) -> int:
    """Return the place (from 0) of the slice that shows most regions, of several the one with the longest contours."""
    ranks = [
        (len({contour.region for contour in found if contour.geometry in CLOSED}), sum(one.length for one in found))
        for _, found in slices
    ]
    return max(range(len(ranks)), key=ranks.__getitem__, default=0)


def parse_regions(dataset: DataItem, contours: Contours) -> list[Region]:
    """Return the regions that a data set lists."""
    counts: dict[int, int] = defaultdict(int)
    for contour in contours.all:
        counts[contour.region] += 1
    types = {}
    for item in dataset.items("RTROIObservationsSequence")[:MOST_REGIONS]:
        types[item.integer("ReferencedROINumber")] = item.text("RTROIInterpretedType")
    regions = []
    for place, item in enumerate(dataset.items("StructureSetROISequence")[:MOST_REGIONS]):
        number = item.integer("ROINumber") or 0
        given = contours.colours.get(number)
        regions.append(Region(
            number, item.text("ROIName"), item.text("ROIDescription"), types.get(number, ""),
            item.text("ROIGenerationAlgorithm"), item.number("ROIVolume"), given or PALETTE[place % len(PALETTE)],
            counts[number], item.text("ReferencedFrameOfReferenceUID"),
        ))  # fmt: skip
    return regions


class _Reader:
    """Notes contours while the elements of a file go by."""

    def __init__(self, layout: Layout) -> None:
        self._window = layout.window
        self._open = _Open()
        self._geometry, self._image, self._data = "", "", (0, 0)
        self.found: list[Contour] = []
        self.colours: dict[int, Colour] = {}
        self.votes = [0, 0, 0]

    def take(self, element: Element) -> None:
        """Take an element below ROI Contour Sequence: at depth 0 its items, at 1 their attributes, at 2 contours."""
        tag, depth = element.tag, element.depth
        if tag == ITEM:
            if depth == 0:
                self.close()
            elif depth == 1:
                self._close_contour()
        elif depth == 1 and tag == _COLOUR:
            parts = [int(part) for part in self._text(element).split("\\") if part.strip().isdecimal()]
            if len(parts) == 3:
                self._open.colour = (min(parts[0], 255), min(parts[1], 255), min(parts[2], 255))
        elif depth == 1 and tag == _ROI:
            self._close_contour()
            text = self._text(element).strip()
            self._open.number = int(text) if text.lstrip("-").isdecimal() and len(text) < 12 else None
        elif depth == 2 and tag == _GEOMETRY:
            self._geometry = self._text(element).strip(" \0")
        elif depth == 2 and tag == CONTOUR_DATA:
            self._data = (element.start, element.length)
        elif depth == 3 and tag == _IMAGE_UID:
            self._image = self._text(element).strip(" \0")

    def _text(self, element: Element) -> str:
        return self._window.read(element.start, min(element.length, 64)).decode("ascii", "replace")

    def _close_contour(self) -> None:
        start, length = self._data
        if length:
            points = parse_points(self._window.read(start, min(length, 96)), complete=length <= 96)
            if points:
                self._vote(points)
                self._open.contours = self._open.contours or []
                self._open.contours.append((self._geometry, start, length, points[0], self._image))
        self._geometry, self._image, self._data = "", "", (0, 0)

    def _vote(self, points: list[Point]) -> None:
        if len(points) > 1:
            for axis in (0, 1, 2):
                self.votes[axis] += max(point[axis] for point in points) - min(point[axis] for point in points) < _FLAT

    def close(self) -> None:
        """End the region that is open: its number may come after its contours."""
        self._close_contour()
        number = self._open.number
        if number is not None:
            self.found += [Contour(number, *rest) for rest in self._open.contours or []]
            if self._open.colour:
                self.colours[number] = self._open.colour
        self._open = _Open()


def read_contours(file: BinaryIO) -> Contours:
    """Return where the contours of a structure set are.

    Raises:
        DicomError: the file cannot be opened.
    """
    layout = open_data_set(file)
    reader = _Reader(layout)
    walker = Walker(layout.window, layout.start, layout.encoding)
    is_inside = is_cut = False
    try:
        for element in walker:
            if element.depth == 0 and element.tag != ITEM:
                is_inside = element.tag == ROI_CONTOURS
                walker.skip = not is_inside
            elif is_inside:
                reader.take(element)
            if len(reader.found) >= MOST_CONTOURS:
                is_cut = True
                break
    except (Broken, DicomError):
        is_cut = True
    reader.close()
    axis = max((2, 1, 0), key=reader.votes.__getitem__)
    return Contours(tuple(reader.found[:MOST_CONTOURS]), reader.colours, axis, is_cut)


def read_points(window: Window, contour: Contour) -> list[Point]:
    """Return the points of a contour in mm, thinned out beyond MOST_POINTS."""
    raw = window.read(contour.start, min(contour.length, MOST_CONTOUR_BYTES))
    points = parse_points(raw, complete=contour.length <= MOST_CONTOUR_BYTES)
    return points[:: max(len(points) // MOST_POINTS, 1)]


def parse_points(raw: bytes, complete: bool = True) -> list[Point]:
    """Return the points of Contour Data, as far as they are numbers."""
    parts = raw.decode("ascii", "replace").split("\\")
    if not complete:
        del parts[-1:]
    numbers: list[float] = []
    for part in parts:
        number = parse_decimal(part)
        if number is None or abs(number) > MOST_MM:
            break
        numbers.append(number)
    return list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=False))
