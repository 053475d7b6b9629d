"""An image as a presentation state shows it: turned, windowed, behind its shutter, with what is drawn and written."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pacsbrowser.archive.frames import pixel_layout
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.presentation_state import Area, Grey, Images, Point, PresentationState, Shutter
from pacsbrowser.pages.object_links import PICTURE, ObjectLink, frame_picture
from pacsbrowser.pages.shapes import Shape, shape_of

MOST_SHAPES = 400
MOST_LETTERS = 60
NARROWEST, LARGEST = 1.0, 1e6  # of windows, and of places beyond which nothing is drawn


@dataclass(frozen=True, slots=True)
class Writing:
    """A line of text over the image."""

    x: str
    y: str
    text: str


@dataclass(slots=True)
class Figure:
    """One image under the state: what the template needs to draw it as SVG. `turn` places the picture itself."""

    link: ObjectLink
    picture: str
    columns: int
    rows: int
    width: int
    height: int
    turn: str
    font: str
    is_inverse: bool = False
    shutters: list[str] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    writings: list[Writing] = field(default_factory=list)
    area: str = ""

    @property
    def words(self) -> str:
        """What is drawn, for those who do not see it."""
        texts = "; ".join(writing.text for writing in self.writings[:10])
        drawn = f"{len(self.shapes)} drawn" if self.shapes else "nothing drawn"
        said = f", text: {texts}" if texts else ""
        return f"{self.link.kind}, {self.link.text}, as the presentation state shows it, {drawn}{said}"


def figure_of(state: PresentationState, link: ObjectLink, instance: Instance) -> Figure:
    """Return the drawing of one image."""
    columns, rows = instance.columns or 1, instance.rows or 1
    turned = state.rotation in (90, 270)
    width, height = (rows, columns) if turned else (columns, rows)
    place = _placer(state, columns, rows)
    uid = instance.sop_instance_uid
    grey = next((grey for grey in state.greys if applies(grey.images, uid)), None)
    area = next((area for area in state.areas if applies(area.images, uid)), None)
    figure = Figure(
        link, _picture(instance, link.frame, grey), columns, rows, width, height, _turn(state, columns, rows),
        f"{max(width, height) / 28:.2f}", state.is_inverse != _is_monochrome1(instance),
    )  # fmt: skip
    figure.shutters = list(_shutters(state.shutter, place, width, height)) if state.shutter else []
    figure.area = _area(area, place, columns, rows)
    _annotate(figure, state, uid, place, _display(area, place, columns, rows))
    return figure


def applies(images: Images, uid: str) -> bool:
    """Say whether a part of a state is for an image."""
    return not images or uid in images


def _picture(instance: Instance, frame: int, grey: Grey | None) -> str:
    address = frame_picture(instance, frame, PICTURE)
    if grey is None or grey.table or grey.center is None or grey.width is None:
        return address
    if abs(grey.center) > LARGEST or not NARROWEST <= grey.width <= LARGEST:
        return address
    return f"{address}&window={grey.center:g},{grey.width:g},{_function(grey.function)}"


def _function(name: str) -> str:
    return {"SIGMOID": "sigmoid", "LINEAR_EXACT": "linear-exact"}.get(name, "linear")


def _is_monochrome1(instance: Instance) -> bool:
    """Say whether the picture is drawn inverted already: a state counts from the stored values (C.11.6)."""
    try:
        return pixel_layout(instance.blob)[0].photometric == "MONOCHROME1"
    except (DicomError, OSError):
        return False


def _placer(state: PresentationState, columns: int, rows: int) -> Callable[[Point], Point]:
    """Return what takes a place on the image to where it is shown: first turned clockwise, then flipped (C.10.6)."""

    def place(point: Point) -> Point:
        x, y = point
        x, y = {90: (rows - y, x), 180: (columns - x, rows - y), 270: (y, columns - x)}.get(state.rotation, (x, y))
        width = rows if state.rotation in (90, 270) else columns
        return (width - x if state.is_flipped else x), y

    return place


def _turn(state: PresentationState, columns: int, rows: int) -> str:
    turns = {
        90: f"translate({rows} 0) rotate(90)",
        180: f"translate({columns} {rows}) rotate(180)",
        270: f"translate(0 {columns}) rotate(270)",
    }
    width = rows if state.rotation in (90, 270) else columns
    flip = f"translate({width} 0) scale(-1 1) " if state.is_flipped else ""
    return (flip + turns.get(state.rotation, "")).strip()


def _shutters(shutter: Shutter, place: Callable[[Point], Point], width: int, height: int) -> Iterable[str]:
    """Yield the paths of what is hidden: all but the inside of each shape."""
    around = f"M0 0H{width}V{height}H0Z"
    if "rectangular" in shutter.shapes and shutter.rectangle:
        left, upper, right, lower = shutter.rectangle
        yield around + _polygon(map(place, ((left, upper), (right, upper), (right, lower), (left, lower))))
    if "circular" in shutter.shapes and shutter.circle:
        (x, y), radius = place(shutter.circle[0]), shutter.circle[1]
        arc = f"a{radius:.2f} {radius:.2f} 0 1 0 "
        yield f"{around}M{x - radius:.2f} {y:.2f}{arc}{2 * radius:.2f} 0{arc}{-2 * radius:.2f} 0Z"
    if "polygonal" in shutter.shapes and shutter.polygon:
        yield around + _polygon(map(place, shutter.polygon[:MOST_SHAPES]))


def _polygon(points: Iterable[Point]) -> str:
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points) + "Z"


def _corners(area: Area | None, columns: int, rows: int) -> tuple[Point, Point]:
    """Return the edges of the displayed area: its corners are pixels, counted from 1, that belong to it."""
    if area is None or area.corners is None:
        return (0.0, 0.0), (float(columns), float(rows))
    (left, upper), (right, lower) = area.corners
    return (min(left, right) - 1, min(upper, lower) - 1), (max(left, right), max(upper, lower))


def _area(area: Area | None, place: Callable[[Point], Point], columns: int, rows: int) -> str:
    """Return the outline of a displayed area that is not the whole image."""
    (left, upper), (right, lower) = _corners(area, columns, rows)
    if left <= 0 and upper <= 0 and right >= columns and lower >= rows:
        return ""
    return _polygon(map(place, ((left, upper), (right, upper), (right, lower), (left, lower))))


def _display(area: Area | None, place: Callable[[Point], Point], columns: int, rows: int) -> Callable[[Point], Point]:
    """Return what takes shares of the displayed area, as it is shown, to places of the drawing (C.10.5.1.1)."""
    first, second = map(place, _corners(area, columns, rows))
    left, right = sorted((first[0], second[0]))
    upper, lower = sorted((first[1], second[1]))
    return lambda point: (left + point[0] * (right - left), upper + point[1] * (lower - upper))


def _annotate(
    figure: Figure,
    state: PresentationState,
    uid: str,
    place: Callable[[Point], Point],
    display: Callable[[Point], Point],
) -> None:
    mark = max(figure.width, figure.height) / 50
    for annotation in state.annotations:
        if not applies(annotation.images, uid):
            continue
        for drawn in annotation.drawn[: MOST_SHAPES - len(figure.shapes)]:
            points = [(place if drawn.in_pixels else display)(point) for point in drawn.points]
            shape = shape_of(drawn.kind, points, mark, drawn.is_filled)
            figure.shapes += [shape] if shape else []
        for words in annotation.words[: MOST_SHAPES - len(figure.writings)]:
            if words.place and words.text and all(abs(value) < LARGEST for value in words.place):
                x, y = (place if words.in_pixels else display)(words.place)
                text = " ".join(words.text.split())
                shown = text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"
                figure.writings.append(Writing(f"{x:.2f}", f"{y:.2f}", shown))
