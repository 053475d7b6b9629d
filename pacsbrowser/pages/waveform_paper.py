"""Waveforms on millimetre paper: which channel stands where, and its trace as an SVG path in hundredths of a mm.

Paper speed and gain are true: one unit of the drawing is a millimetre, on the screen as far as it knows and in print.
"""

import math
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from pacsbrowser.dicom.waveform import Channel, Group, Samples, read_samples

PAPER = 250.0  # mm of trace on one sheet
MARGIN = 11.0  # mm before it, for the calibration pulse
TOP = 6.0
BIN = 0.2  # mm that show only their lowest and highest sample
ROWS = 12  # channels one below the other on one sheet
MARKS = 400
GAINS = {5.0: 0.65, 10.0: 1.0, 20.0: 1.7}  # mm/mV, and how much higher its rows are than those of 10
SPEEDS = (12.5, 25.0, 50.0)
_COLUMNS = {
    "3x4": (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6")),
    "6x2": (("I", "II", "III", "aVR", "aVL", "aVF"), ("V1", "V2", "V3", "V4", "V5", "V6")),
}
_HEIGHTS = {"3x4": 27.0, "6x2": 20.0}
_STACKED = 18.0


@dataclass(frozen=True, slots=True)
class Strip:
    """A channel for some time: its place on the paper in mm, and the time in seconds of the group."""

    channel: int
    x: float
    y: float
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Trace:
    """A strip as it is drawn. `scale` says what a centimetre is, where that is not the paper's gain."""

    label: str
    x: float
    y: float
    label_y: float
    path: str
    scale: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """An annotation at a time, as a tick on the paper."""

    x: float
    words: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A sheet: its size in mm, the lines of the paper, the traces, the calibration pulses and the marks."""

    width: float
    height: float
    fine: str
    coarse: str
    traces: list[Trace]
    pulses: str
    marks: list[Mark] = field(default_factory=list)

    @property
    def mark_y(self) -> float:
        """Where marks stand."""
        return self.height - 8.0


def layouts_of(group: Group) -> tuple[str, ...]:
    """Return the layouts that a group can have, the usual one first."""
    leads = {channel.lead for channel in group.channels}
    if not {lead for column in _COLUMNS["6x2"] for lead in column} <= leads:
        return ()
    return ("3x4", "6x2", "12x1") if group.duration >= 9.5 else ("12x1", "6x2", "3x4")


def seconds_of(group: Group, speed: float) -> float:
    """Return how many seconds a sheet shows."""
    return min(PAPER / speed, group.duration)


def place_strips(
    group: Group, layout: str, begin: float, seconds: float, gain: float, speed: float, first_channel: int = 0
) -> tuple[list[Strip], float]:
    """Return the strips of a sheet and its height: the columns of the layout one after the other in time."""
    row_scale = GAINS.get(gain, 1.0)
    if layout not in _COLUMNS:
        shown = range(first_channel, min(first_channel + ROWS, len(group.channels)))
        height = _STACKED * row_scale
        rows = [Strip(channel, MARGIN, TOP + height * (row + 0.5), begin, begin + seconds)
                for row, channel in enumerate(shown)]  # fmt: skip
        return rows, TOP + height * max(len(rows), 1) + 6.0
    columns, height = _COLUMNS[layout], _HEIGHTS[layout] * row_scale
    places = {channel.lead: place for place, channel in reversed(list(enumerate(group.channels)))}
    part = seconds / len(columns)
    strips = [
        Strip(places[lead], MARGIN + column * part * speed, TOP + height * (row + 0.5),
              begin + column * part, begin + (column + 1) * part)
        for column, leads in enumerate(columns) for row, lead in enumerate(leads)
    ]  # fmt: skip
    rows_count = len(columns[0])
    if layout == "3x4":
        strips.append(Strip(places["II"], MARGIN, TOP + height * (rows_count + 0.5), begin, begin + seconds))
        rows_count += 1
    return strips, TOP + height * rows_count + 6.0


def draw(
    file: BinaryIO, group: Group, strips: list[Strip], height: float, *, gain: float, speed: float, in_millivolts: bool
) -> Paper:
    """Draw a sheet. Raises DicomError when the samples cannot be read."""
    begin, end = min(strip.begin for strip in strips), max(strip.end for strip in strips)
    first = max(int(begin * group.rate), 0)
    channels = sorted({strip.channel for strip in strips})
    count = math.ceil((end - begin) * group.rate) + 1
    data = dict(zip(channels, read_samples(file, group, tuple(channels), first, count), strict=True))
    row = _row_height(strips, height)
    traces, pulse_rows = [], set()
    for strip in strips:
        channel = group.channels[strip.channel]
        samples = _cut(data[strip.channel], group, strip, first)
        per_unit = gain * (channel.millivolts or 0.0) if in_millivolts else 0.0
        if per_unit and strip.x == MARGIN:
            pulse_rows.add(strip.y)
        traces.append(_trace(samples, channel, strip, group.rate, speed, per_unit, row))
    width = MARGIN + max(strip.x - MARGIN + (strip.end - strip.begin) * speed for strip in strips) + 1.0
    width = math.ceil(max(width, 60.0))
    height = math.ceil(height)
    return Paper(width, height, _lines(width, height, 1), _lines(width, height, 5), traces,
                 "".join(_pulse(y, gain, speed) for y in sorted(pulse_rows)))  # fmt: skip


def _row_height(strips: list[Strip], height: float) -> float:
    """Return how far rows stand from each other, of one row its own height."""
    rows = sorted({strip.y for strip in strips})
    return rows[1] - rows[0] if len(rows) > 1 else height - 2 * TOP


def _cut(samples: Samples, group: Group, strip: Strip, first: int) -> Samples:
    begin = max(round(strip.begin * group.rate) - first, 0)
    return samples[begin : begin + round((strip.end - strip.begin) * group.rate)]


def _trace(
    samples: Samples, channel: Channel, strip: Strip, rate: float, speed: float, per_unit: float, row: float
) -> Trace:
    """Draw a strip at its gain; where it has none, so that what there is fills two centimetres."""
    finite = samples[np.isfinite(samples)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    middle, scale = 0.0, ""
    if per_unit:
        median = float(np.median(finite)) if finite.size else 0.0
        if abs(median * per_unit) > row / 2:
            middle, scale = median, f"baseline at {median:.4g} {channel.unit}"
    else:
        step = nice_step(max((high - low) / (row / 10.0), abs(high) * 1e-6, 1e-9))
        per_unit, middle = 10.0 / step, (low + high) / 2
        scale = f"1 cm = {step:.4g} {channel.unit or 'steps'}, middle {middle:.4g}"
    path = trace_path(samples, middle, rate, speed, per_unit, strip.x + channel.skew * speed, strip.y, 3 * row)
    return Trace(channel.name, strip.x, strip.y, strip.y - row / 2 + 4.0, path, scale)


def nice_step(span: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not less than a span: what a centimetre of paper stands for."""
    power = 10.0 ** math.floor(math.log10(span)) if math.isfinite(span) and span > 0 else 1.0
    return next((factor * power for factor in (1.0, 2.0, 5.0) if span <= factor * power), 10.0 * power)


def trace_path(
    samples: Samples, middle: float, rate: float, speed: float, per_unit: float, x: float, y: float, most: float
) -> str:
    """Return the path of samples in hundredths of a mm: of each bin its lowest and highest, gaps where it has none.

    Args:
        middle: the value that stands at `y`.
        per_unit: mm for one unit.
        most: mm above and below `y` that nothing goes beyond, whatever a file says.
    """
    places = _extremes(samples, int(rate * BIN / speed))
    if not places.size:
        return ""
    # In 64 bits: a file may give any number, and times the gain it must not become infinite before it is cut.
    heights = (samples[places].astype(np.float64) - middle) * per_unit
    is_gap = ~np.isfinite(heights)
    heights = np.clip(np.nan_to_num(heights), -most, most)
    xs = np.rint((x + places / rate * speed) * 100).astype(np.int64)
    ys = np.rint((y - heights) * 100).astype(np.int64)
    ends = np.flatnonzero(np.diff(np.concatenate(([True], is_gap, [True])).astype(np.int8)))
    return "".join(_line(xs[start:end], ys[start:end]) for start, end in zip(ends[::2], ends[1::2], strict=True))


def _extremes(samples: Samples, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the places of the lowest and highest sample of each bin, in their order; all where bins are small."""
    if size <= 2:
        return np.arange(len(samples), dtype=np.int64)
    whole = len(samples) // size
    bins = samples[: whole * size].reshape(whole, size)
    missing = np.isnan(bins)
    low = np.where(missing, np.inf, bins).argmin(axis=1)
    high = np.where(missing, -np.inf, bins).argmax(axis=1)
    start = np.arange(whole, dtype=np.int64) * size
    both = np.column_stack((start + np.minimum(low, high), start + np.maximum(low, high))).ravel()
    rest = np.arange(whole * size, len(samples), dtype=np.int64)
    return np.unique(np.concatenate((both, rest)))


def _line(xs: np.ndarray[tuple[int], np.dtype[np.int64]], ys: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    steps = np.column_stack((np.diff(xs), np.diff(ys))).ravel().tolist()
    return f"M{xs[0]} {ys[0]}l{' '.join(map(str, steps)) or '1 0'}".replace(" -", "-")


def _pulse(y: float, gain: float, speed: float) -> str:
    """Return the calibration pulse of a row: one millivolt for 0.2 seconds, as recorders draw it."""
    wide = round(min(0.2 * speed, 5.0) * 100)
    return f"M{200} {round(y * 100)}h150v{-round(gain * 100)}h{wide}v{round(gain * 100)}h150"


def _lines(width: float, height: float, every: int) -> str:
    """Return the lines of the paper; the fine ones leave out where the coarse ones are."""
    columns = [x for x in range(0, int(width) + 1, every) if every > 1 or x % 5]
    rows = [y for y in range(0, int(height) + 1, every) if every > 1 or y % 5]
    return "".join([f"M{x} 0V{height:g}" for x in columns] + [f"M0 {y}H{width:g}" for y in rows])
