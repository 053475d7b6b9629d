"""A chart of curves as SVG: axes with round numbers, one path a curve."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pacsbrowser.pages.waveform_paper import nice_step

WIDTH, HEIGHT = 640.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 12.0, 10.0, 40.0
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, in units of the drawing, and its number."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve: what it is called, its colour as #rrggbb, its path."""

    label: str
    colour: str
    path: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with the labels of its axes."""

    across: str
    up: str
    curves: list[Curve]
    across_ticks: list[Tick]
    up_ticks: list[Tick]
    right: float = WIDTH - RIGHT
    bottom: float = HEIGHT - BOTTOM
    left: float = LEFT
    top: float = TOP


def draw_curves(
    curves: Sequence[tuple[str, str, Points]], across: str, up: str, *, from_zero: bool = True, reverse: bool = False
) -> Chart | None:
    """Return the chart of curves (label, colour, points); None where there is no point to draw.

    Args:
        from_zero: whether both axes begin at zero.
        reverse: whether the numbers of the horizontal axis grow to the left, as chemical shifts do.
    """
    points = [point for _, _, found in curves for point in found]
    if not points:
        return None
    low_x, high_x = _range([x for x, _ in points], from_zero)
    low_y, high_y = _range([y for _, y in points], from_zero)

    def x_of(value: float) -> float:
        share = (value - low_x) / (high_x - low_x)
        return LEFT + (WIDTH - LEFT - RIGHT) * (1 - share if reverse else share)

    def y_of(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low_y) / (high_y - low_y)

    drawn = [
        Curve(label, colour, "M" + "L".join(f"{x_of(x):.1f} {y_of(y):.1f}" for x, y in found))
        for label, colour, found in curves if found
    ]  # fmt: skip
    return Chart(across, up, drawn, _ticks(low_x, high_x, 8, x_of), _ticks(low_y, high_y, 5, y_of))


def _range(values: list[float], from_zero: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    return (low, high) if high - low > 1e-12 * max(abs(high), 1e-300) else (low, low + 1.0)


def _ticks(low: float, high: float, about: int, place: Callable[[float], float]) -> list[Tick]:
    step = nice_step((high - low) / about)
    first = math.ceil(low / step - 1e-9)
    count = min(int((high - first * step) / step + 1e-9) + 1, 30)
    return [Tick(round(place((first + one) * step), 1), f"{(first + one) * step:.10g}") for one in range(count)]
