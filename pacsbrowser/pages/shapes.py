"""Annotations over an image as SVG: from the points of a graphic (PS3.3 C.10.5, C.18.6) to what is drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_POINTS = 2_000
Points = Sequence[tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Shape:
    """A path, or an ellipse about the origin that `transform` puts in place; in the units of the points."""

    path: str = ""
    rx: str = ""
    ry: str = ""
    transform: str = ""
    is_filled: bool = False


def shape_of(kind: str, points: Points, mark: float, is_filled: bool = False) -> Shape | None:
    """Return what is drawn for a graphic; None where its points do not make one. `mark` is the arm of a cross."""
    flat = [(point[0], point[1]) for point in _thinned(points) if len(point) >= 2]
    if not flat or any(abs(value) > 1e7 for point in flat for value in point):
        return None
    if kind == "CIRCLE":
        return _circle(flat, is_filled) if len(flat) == 2 else None
    if kind == "ELLIPSE":
        return _ellipse(flat, is_filled) if len(flat) == 4 else None
    if kind in ("POINT", "MULTIPOINT") or len(flat) == 1:
        return Shape(" ".join(_cross(x, y, mark) for x, y in flat))
    if kind == "INTERPOLATED":
        return Shape(_smooth(flat), is_filled=is_filled)
    return Shape(_line(flat), is_filled=is_filled)


def _thinned(points: Points) -> Points:
    step = -(-len(points) // MOST_POINTS)
    return [*points[::step], points[-1]] if step > 1 else points


def _line(points: list[tuple[float, float]]) -> str:
    closed = len(points) > 2 and points[0] == points[-1]
    shown = points[:-1] if closed else points
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in shown) + ("Z" if closed else "")


def _smooth(points: list[tuple[float, float]]) -> str:
    """Return a curve through all points (Catmull-Rom as Bézier): which curve is the display's choice (C.10.5.2)."""
    if len(points) < 3:
        return _line(points)
    around = [points[0], *points, points[-1]]
    if points[0] == points[-1]:
        around = [points[-2], *points, points[1]]
    parts = [f"M{points[0][0]:.2f} {points[0][1]:.2f}"]
    for before, begin, end, after in zip(around, around[1:], around[2:], around[3:], strict=False):
        first = begin[0] + (end[0] - before[0]) / 6, begin[1] + (end[1] - before[1]) / 6
        second = end[0] - (after[0] - begin[0]) / 6, end[1] - (after[1] - begin[1]) / 6
        parts.append(" ".join(f"{value:.2f}" for value in (*first, *second, *end)).join(("C", "")))
    return "".join(parts)


def _cross(x: float, y: float, mark: float) -> str:
    return f"M{x - mark:.2f} {y:.2f}H{x + mark:.2f}M{x:.2f} {y - mark:.2f}V{y + mark:.2f}"


def _circle(points: list[tuple[float, float]], is_filled: bool) -> Shape:
    (x, y), edge = points
    radius = f"{math.dist((x, y), edge):.2f}"
    return Shape("", radius, radius, f"translate({x:.2f} {y:.2f})", is_filled)


def _ellipse(points: list[tuple[float, float]], is_filled: bool) -> Shape:
    """Return an ellipse from the ends of its major and of its minor axis."""
    (ax, ay), (bx, by), c, d = points
    turn = math.degrees(math.atan2(by - ay, bx - ax))
    place = f"translate({(ax + bx) / 2:.2f} {(ay + by) / 2:.2f}) rotate({turn:.2f})"
    return Shape("", f"{math.dist((ax, ay), (bx, by)) / 2:.2f}", f"{math.dist(c, d) / 2:.2f}", place, is_filled)
