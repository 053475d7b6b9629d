"""A softcopy presentation state (PS3.3 A.33, C.11): what it changes about the images that it names."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.json_reader import read_bounded
from pacsbrowser.dicom.model_values import first_text, items, values
from pacsbrowser.dicom.sr.content import ObjectReference
from pacsbrowser.dicom.sr.reading import numbers, parse_image, person
from pacsbrowser.dicom.values import date_text, time_text

MOST_ELEMENTS = 300_000
MOST_POINTS = 20_000
MOST_ANNOTATIONS = 2_000
MOST_IMAGES = 5_000
_IMAGES = "00081140"

Point = tuple[float, float]
# The images that a part of the state is for, by UID; none means all of them.
Images = frozenset[str]


@dataclass(frozen=True, slots=True)
class Grey:
    """A VOI transformation (C.11.8): a window, or where `table` says so a lookup table of this many entries."""

    images: Images
    center: float | None = None
    width: float | None = None
    function: str = ""
    explanation: str = ""
    table: int = 0


@dataclass(frozen=True, slots=True)
class Area:
    """A displayed area (C.10.4): corners as (column, row) from 1, and how it is to be sized."""

    images: Images
    corners: tuple[Point, Point] | None
    mode: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A graphic object (C.10.5): its points in pixels of the image, or as shares of the displayed area."""

    kind: str
    points: tuple[Point, ...]
    in_pixels: bool
    is_filled: bool


@dataclass(frozen=True, slots=True)
class Words:
    """A text object (C.10.5) and where it stands, if that can be read."""

    text: str
    place: Point | None
    in_pixels: bool


@dataclass(frozen=True, slots=True)
class Annotation:
    """The graphics and texts of one layer on some images; `compound` counts compound graphics, which are not drawn."""

    layer: str
    images: Images
    drawn: tuple[Drawn, ...]
    words: tuple[Words, ...]
    compound: int = 0


@dataclass(frozen=True, slots=True)
class Shutter:
    """What hides the surroundings of the image (C.7.6.11, C.7.6.15); places are (column, row)."""

    shapes: tuple[str, ...]
    rectangle: tuple[float, float, float, float] | None = None  # left, upper, right, lower
    circle: tuple[Point, float] | None = None
    polygon: tuple[Point, ...] = ()
    overlay: str = ""


@dataclass(slots=True)
class PresentationState:
    """What a presentation state holds; `problem` says where reading ended before its end."""

    label: str = ""
    description: str = ""
    creator: str = ""
    created: str = ""
    images: list[ObjectReference] = field(default_factory=list)
    greys: list[Grey] = field(default_factory=list)
    rescale: str = ""
    presentation: str = ""
    is_inverse: bool = False
    colour: str = ""
    blending: list[str] = field(default_factory=list)
    rotation: int = 0
    is_flipped: bool = False
    areas: list[Area] = field(default_factory=list)
    shutter: Shutter | None = None
    layers: list[tuple[str, str]] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    subtraction: bool = False
    problem: str = ""


def read_presentation_state(file: BinaryIO) -> PresentationState:
    """Return the presentation state of a file, as far as it can be read.

    Raises:
        DicomError: the file cannot be opened as DICOM at all.
    """
    reading = read_bounded(file, MOST_ELEMENTS)
    model = reading.model
    created = (date_text(first_text(model, "00700082")), time_text(first_text(model, "00700083").split("+")[0]))
    rotation = _number(model, "00700042") or 0
    lut = _table(model, "20500010")
    shape = first_text(model, "20500020")
    return PresentationState(
        label=first_text(model, "00700080"),
        description=first_text(model, "00700081"),
        creator=person(model, "00700084"),
        created=" ".join(part for part in created if part),
        images=list(dict.fromkeys(_images(model)))[:MOST_IMAGES],
        greys=[_grey(item) for item in items(model, "00283110")[:MOST_ANNOTATIONS]],
        rescale=_rescale(model),
        presentation=f"lookup table of {lut:,} entries" if lut else shape.lower(),
        is_inverse=shape == "INVERSE",
        colour=_colour(model),
        blending=[_blend(item) for item in items(model, "00700402")[:100]],
        rotation=int(rotation) % 360 if rotation % 90 == 0 else 0,
        is_flipped=first_text(model, "00700041") == "Y",
        areas=[_area(item) for item in items(model, "0070005A")[:MOST_ANNOTATIONS]],
        shutter=_shutter(model),
        layers=[_layer(item) for item in items(model, "00700060")[:100]],
        annotations=[_annotation(item) for item in items(model, "00700001")[:MOST_ANNOTATIONS]],
        subtraction=bool(items(model, "00286100")),
        problem=reading.problem,
    )


def _images(model: JsonModel) -> Iterator[ObjectReference]:
    """Yield the images that the state is for: of its own series, and of those that it blends (C.11.11, C.11.14)."""
    inputs = (item for key in ("00700402", "00701B01", "00701B02", "00701A04") for item in items(model, key))
    for holder in (model, *inputs):
        for series in items(holder, "00081115"):
            for key in (_IMAGES, "00081199", "0008114A"):
                yield from (found for item in items(series, key) if (found := parse_image(item)).sop_instance_uid)
        if holder is not model:
            yield from (found for item in items(holder, _IMAGES) if (found := parse_image(item)).sop_instance_uid)


def _for(item: JsonModel) -> Images:
    return frozenset(first_text(one, "00081155") for one in items(item, _IMAGES))


def _number(model: JsonModel, key: str) -> float | None:
    return next(iter(numbers(values(model, key))), None)


def _table(model: JsonModel, key: str) -> int:
    """Return the number of entries of a lookup table; 0 stands for 65,536 in its descriptor (C.11.1.1.1)."""
    for item in items(model, key)[:1]:
        return int(_number(item, "00283002") or 65_536)
    return 0


def _grey(item: JsonModel) -> Grey:
    table = _table(item, "00283010")
    said = next((first_text(lut, "00283003") for lut in items(item, "00283010")), "")
    return Grey(
        _for(item),
        _number(item, "00281050"),
        _number(item, "00281051"),
        first_text(item, "00281056"),
        said or first_text(item, "00281055"),
        table,
    )


def _rescale(model: JsonModel) -> str:
    if table := _table(model, "00283000"):
        return f"lookup table of {table:,} entries"
    slope, intercept = first_text(model, "00281053"), first_text(model, "00281052")
    if not slope:
        return ""
    intercept = (intercept or "0").replace("-", "−")
    return f"slope {slope}, intercept {intercept} {first_text(model, '00281054')}".strip()


def _colour(model: JsonModel) -> str:
    if "00281101" in model:
        return "a palette of pseudo-colours"
    return "colours by an ICC profile" if "00282000" in model else ""


def _blend(item: JsonModel) -> str:
    opacity = first_text(item, "00700403")
    return f"{first_text(item, '00700405').lower()}{f', opacity {opacity}' if opacity else ''}"


def _area(item: JsonModel) -> Area:
    corners = [numbers(values(item, key)[:2]) for key in ("00700052", "00700053")]
    found = [(one[0], one[1]) for one in corners if len(one) == 2 and one[0] is not None and one[1] is not None]
    ratio, zoom = _number(item, "00700103"), values(item, "00700101")
    detail = f"magnified {ratio:g} times" if ratio else ""
    if zoom and not detail:
        detail = f"pixels of {' × '.join(map(str, zoom[:2]))} mm"
    return Area(
        _for(item), (found[0], found[1]) if len(found) == 2 else None, first_text(item, "00700100").lower(), detail
    )


def _shutter(model: JsonModel) -> Shutter | None:
    shapes = tuple(str(one).lower() for one in values(model, "00181600") if one)
    if not shapes:
        return None
    edges = [_number(model, key) for key in ("00181602", "00181606", "00181604", "00181608")]
    left, upper, right, lower = edges
    known = left is not None and upper is not None and right is not None and lower is not None
    center = _pairs(numbers(values(model, "00181610")[:2]))
    radius = _number(model, "00181612")
    vertices = _pairs(numbers(values(model, "00181620")[:MOST_POINTS]))
    return Shutter(
        shapes,
        (left, upper, right, lower) if known else None,  # type: ignore[arg-type]
        ((center[0][1], center[0][0]), radius) if center and radius is not None else None,
        tuple((column, row) for row, column in vertices),
        first_text(model, "00181623") or ("overlay" if "bitmap" in shapes else ""),
    )


def _layer(item: JsonModel) -> tuple[str, str]:
    return first_text(item, "00700002"), first_text(item, "00700068")


def _annotation(item: JsonModel) -> Annotation:
    drawn = (_drawn(one) for one in items(item, "00700009")[:MOST_ANNOTATIONS])
    words = (_words(one) for one in items(item, "00700008")[:MOST_ANNOTATIONS])
    return Annotation(
        first_text(item, "00700002"), _for(item), tuple(drawn), tuple(words), len(items(item, "00700209"))
    )


def _drawn(item: JsonModel) -> Drawn:
    points = _pairs(numbers(values(item, "00700022")[:MOST_POINTS]))
    units = first_text(item, "00700005")
    return Drawn(first_text(item, "00700023"), points, units != "DISPLAY", first_text(item, "00700024") == "Y")


def _words(item: JsonModel) -> Words:
    anchor = _pairs(numbers(values(item, "00700014")[:2]))
    corner = _pairs(numbers(values(item, "00700010")[:2]))
    units = first_text(item, "00700004" if anchor else "00700003")
    return Words(first_text(item, "00700006"), (anchor or corner or (None,))[0], units != "DISPLAY")


def _pairs(found: list[float | None]) -> tuple[Point, ...]:
    """Return numbers as points; nothing where one of them is none."""
    usable = [number for number in found if number is not None]
    whole = len(usable) - len(usable) % 2 if len(usable) == len(found) else 0
    return tuple((usable[at], usable[at + 1]) for at in range(0, whole, 2))
