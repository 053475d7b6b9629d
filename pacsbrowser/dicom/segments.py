"""Segmentations (PS3.3 C.8.20): what their segments are, in which colours, and which frames lie over which images."""

from collections import defaultdict
from dataclasses import dataclass, field

from pacsbrowser.dicom.data_item import DataItem
from pacsbrowser.dicom.sr.content import Code

BINARY, FRACTIONAL, LABELMAP = "BINARY", "FRACTIONAL", "LABELMAP"
MOST_SEGMENTS = 2_000
MOST_FRAMES = 20_000

Colour = tuple[int, int, int]

# Colours of segments that recommend none, told apart also by those who see few colours (after Okabe and Ito).
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
    (148, 203, 120), (170, 120, 255), (255, 150, 150),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment. `colour` is RGB; `frames` says how many frames show it, None where each shows any (label maps)."""

    number: int
    label: str
    description: str
    category: Code | None
    type: Code | None
    modifiers: tuple[Code, ...]
    algorithm: str
    colour: Colour
    is_recommended: bool
    tracking: str
    frames: int | None

    @property
    def hexadecimal(self) -> str:
        """The colour as #rrggbb."""
        return hex_colour(self.colour)


@dataclass(frozen=True, slots=True)
class MaskFrame:
    """A frame (from 0) and the segment that it shows; 0 where it shows several as labels."""

    frame: int
    segment: int


@dataclass(slots=True)
class MaskSlice:
    """Frames at one place, and the image there that they were made from ('' where the object names none)."""

    source_uid: str = ""
    source_frame: int = 0
    frames: list[MaskFrame] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A segmentation: its kind, its segments, its places in the order of the file."""

    kind: str
    fractional_type: str
    most: int
    segments: tuple[Segment, ...]
    slices: tuple[MaskSlice, ...]

    @property
    def fullest(self) -> int:
        """The place (from 0) with the most segments, of several the middle one."""
        counts = [len(one.frames) for one in self.slices]
        most = max(counts, default=0)
        best = [place for place, count in enumerate(counts) if count == most]
        return best[len(best) // 2] if best else 0


def colours_in(segmentation: Segmentation, mask: MaskFrame) -> tuple[tuple[float, Colour], ...]:
    """Return from which stored value on, or of a label map at which, the pixels of a frame have which colour.

    Of a fraction or a probability, the half and more counts as within the segment (PS3.3 C.8.20.2.3).
    """
    colours = {segment.number: segment.colour for segment in segmentation.segments}
    if segmentation.kind == LABELMAP:
        return tuple((float(number), colour) for number, colour in colours.items() if number)
    least = max(segmentation.most / 2, 1.0) if segmentation.kind == FRACTIONAL else 1.0
    return ((least, colours.get(mask.segment, PALETTE[0])),)


def parse_segmentation(dataset: DataItem) -> Segmentation:
    """Return what a data set says of its segments and frames."""
    kind = dataset.text("SegmentationType")
    slices, counts = _slices(dataset, kind)
    items = dataset.items("SegmentSequence")[:MOST_SEGMENTS]
    segments = tuple(_segment(item, place, kind, counts) for place, item in enumerate(items))
    return Segmentation(
        kind, dataset.text("SegmentationFractionalType"), max(dataset.integer("MaximumFractionalValue") or 1, 1),
        segments, tuple(slices),
    )  # fmt: skip


def _segment(item: DataItem, place: int, kind: str, counts: dict[int, int]) -> Segment:
    number = item.integer("SegmentNumber")
    number = place + 1 if number is None else number
    lab = item.numbers("RecommendedDisplayCIELabValue")
    names = " ".join(part for part in (item.text("SegmentAlgorithmType"), item.text("SegmentAlgorithmName")) if part)
    return Segment(
        number=number,
        label=item.text("SegmentLabel"),
        description=item.text("SegmentDescription"),
        category=item.code("SegmentedPropertyCategoryCodeSequence"),
        type=item.code("SegmentedPropertyTypeCodeSequence"),
        modifiers=item.first("SegmentedPropertyTypeCodeSequence").codes("SegmentedPropertyTypeModifierCodeSequence"),
        algorithm=names,
        colour=rgb_of_lab(lab) if len(lab) == 3 else PALETTE[place % len(PALETTE)],
        is_recommended=len(lab) == 3,
        tracking=item.text("TrackingID"),
        frames=None if kind == LABELMAP else counts.get(number, 0),
    )


def _slices(dataset: DataItem, kind: str) -> tuple[list[MaskSlice], dict[int, int]]:
    """Group the frames by the image that they lie over, else by their position; count them by segment."""
    found: dict[tuple[object, ...], MaskSlice] = {}
    counts: dict[int, int] = defaultdict(int)
    shared = dataset.first("SharedFunctionalGroupsSequence")
    # Some writers cut the pixels down to some frames and leave the groups of all.
    stored = min(max(dataset.integer("NumberOfFrames") or 1, 1), MOST_FRAMES)
    own = dataset.items("PerFrameFunctionalGroupsSequence")[:stored]
    for frame, item in enumerate(own or [DataItem()]):
        number = 0 if kind == LABELMAP else _segment_number(item, shared)
        counts[number] += 1
        key, uid, source_frame = _place_of(item, shared, frame)
        found.setdefault(key, MaskSlice(uid, source_frame)).frames.append(MaskFrame(frame, number))
    return list(found.values()), counts


def _segment_number(item: DataItem, shared: DataItem) -> int:
    for group in (item, shared):
        number = group.first("SegmentIdentificationSequence").integer("ReferencedSegmentNumber")
        if number is not None:
            return number
    return 1


def _place_of(item: DataItem, shared: DataItem, frame: int) -> tuple[tuple[object, ...], str, int]:
    """Return a key of where a frame lies, and the image and frame (from 0) that it was made from."""
    position = item.first("PlanePositionSequence").numbers("ImagePositionPatient")
    for group in (item, shared):
        sources = group.first("DerivationImageSequence").items("SourceImageSequence")
        uids = [(one.text("ReferencedSOPInstanceUID"), one.integer("ReferencedFrameNumber") or 1) for one in sources]
        if len(uids) == 1 and uids[0][0]:
            uid, number = uids[0]
            return (uid, number, *(round(part, 2) for part in position)), uid, max(number - 1, 0)
    if position:
        return tuple(round(part, 2) for part in position), "", 0
    slide = item.first("PlanePositionSlideSequence")
    corner = (*slide.numbers("ColumnPositionInTotalImagePixelMatrix"),
              *slide.numbers("RowPositionInTotalImagePixelMatrix"))  # fmt: skip
    return (corner or ("frame", frame)), "", 0


def rgb_of_lab(encoded: tuple[float, ...]) -> Colour:
    """Return sRGB of a CIELab value as DICOM encodes it (PS3.3 C.10.7.1.1): 16 bits each, white point D50."""
    lightness = encoded[0] * 100 / 65535
    a, b = (number * 255 / 65535 - 128 for number in encoded[1:3])
    fy = (lightness + 16) / 116
    x, y, z = (_from_lab(value) * white for value, white in
               zip((fy + a / 500, fy, fy - b / 200), (0.9642, 1.0, 0.8251), strict=True))  # fmt: skip
    linear = (
        3.1338561 * x - 1.6168667 * y - 0.4906146 * z,
        -0.9787684 * x + 1.9161415 * y + 0.0334540 * z,
        0.0719453 * x - 0.2289914 * y + 1.4052427 * z,
    )
    red, green, blue = (_gamma(min(max(value, 0.0), 1.0)) for value in linear)
    return red, green, blue


def _from_lab(value: float) -> float:
    return value**3 if value > 6 / 29 else 3 * (6 / 29) ** 2 * (value - 4 / 29)


def _gamma(value: float) -> int:
    curved = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(curved * 255)


def hex_colour(colour: Colour) -> str:
    """Return a colour as #rrggbb, for an attribute of SVG."""
    return "#{:02x}{:02x}{:02x}".format(*(min(max(part, 0), 255) for part in colour))
