"""Stored values to greys: modality LUT, VOI LUT or window, presentation (PS3.3 C.11.1, C.11.2, PS3.4 N.2).

Values of up to 16 bits go through one table that holds the whole chain; wider ones and floats are computed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from pacsbrowser.dicom.decode import Array
from pacsbrowser.dicom.frames import PixelLayout
from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.model_values import first_number, first_text, items, read_binary, values

LINEAR, LINEAR_EXACT, SIGMOID = "LINEAR", "LINEAR_EXACT", "SIGMOID"
FUNCTIONS = (LINEAR, LINEAR_EXACT, SIGMOID)
MOST_ENTRIES = 65536
_MODALITY_TABLE = "00283000"

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class GreyWindow:
    """Which part of the values the greys are spread over (PS3.3 C.11.2.1.2)."""

    center: float
    width: float
    function: str = LINEAR

    @property
    def is_valid(self) -> bool:
        """Whether the width is one that the function allows."""
        return self.width >= 1 if self.function == LINEAR else self.width > 0


@dataclass(frozen=True, slots=True)
class Table:
    """A lookup table: its entries, the first value mapped, and how many bits an entry has."""

    entries: Floats
    first: float
    bits: int

    def apply(self, numbers: Floats) -> Floats:
        """Look numbers up; those outside get the first or the last entry."""
        index = np.clip(np.nan_to_num(numbers) - self.first, 0, len(self.entries) - 1)
        found: Floats = self.entries[index.astype(np.int64)]
        return found


def macro(model: JsonModel, frame: int, sequence: str) -> JsonModel:
    """Return the functional group of a frame: its own, else the shared one, else the object itself (C.7.6.16)."""
    own = items(model, "52009230")
    for group in (own[frame : frame + 1], items(model, "52009229")[:1]):
        for item in group:
            found = items(item, sequence)
            if found:
                return found[0]
    return model


def grey_picture(stored: Array, pixels: PixelLayout, model: JsonModel, frame: int, window: GreyWindow | None) -> Bytes:
    """Return the greys, 0 black to 255 white, of stored values of one sample a pixel."""
    if pixels.bits_allocated == 1:
        greys: Bytes = (stored != 0).astype(np.uint8) * np.uint8(255)
    elif stored.dtype.kind in "iu" and stored.dtype.itemsize <= 2:
        greys = _by_table(stored, pixels, model, frame, window)
    else:
        numbers = _modality(stored.astype(np.float64), model, frame)
        greys = _to_greys(numbers, lambda: _spread(numbers), model, frame, window)
    return np.bitwise_not(greys) if _is_inverse(pixels, model) else greys


def _by_table(stored: Array, pixels: PixelLayout, model: JsonModel, frame: int, window: GreyWindow | None) -> Bytes:
    native = stored.astype(stored.dtype.newbyteorder("="), copy=False)

    def guess() -> GreyWindow | None:
        if pixels.bits_stored == 8 and native.dtype.kind == "u" and not values(model, "00281053"):
            return None
        return _spread(_modality(_extremes(native, model), model, frame))

    chosen = window or (None if _has_voi_table(model) else own_window(model, frame))
    if chosen is not None and not items(model, _MODALITY_TABLE):
        table = _plain_table(native.dtype.str, *_scale(model, frame), chosen)
    else:
        numbers = _modality(_every(native.dtype.str), model, frame)
        table = _to_greys(numbers, guess, model, frame, window)
    found: Bytes = table.take(np.ascontiguousarray(native).view(f"u{native.dtype.itemsize}"))
    return found


def _every(dtype: str) -> Floats:
    """Return every value of an integer type of up to 16 bits, in the order of its bit patterns."""
    size = np.dtype(dtype).itemsize
    return np.arange(1 << 8 * size, dtype=f"u{size}").view(dtype).astype(np.float64)


@lru_cache(maxsize=64)
def _plain_table(dtype: str, slope: float, intercept: float, window: GreyWindow) -> Bytes:
    """Return the greys of every value; kept, as the images of a series mostly share theirs."""
    return _bytes(apply_window(_every(dtype) * slope + intercept, window))


def _scale(model: JsonModel, frame: int) -> tuple[float, float]:
    """Return Rescale Slope and Intercept of a frame."""
    source = macro(model, frame, "00289145")
    slope = first_number(source, "00281053")
    return 1.0 if slope is None else slope, first_number(source, "00281052") or 0.0


def _has_voi_table(model: JsonModel) -> bool:
    return read_table(next(iter(items(model, "00283010")), {})) is not None


def _modality(numbers: Floats, model: JsonModel, frame: int) -> Floats:
    """Turn stored values into what they measure, by LUT or by slope and intercept."""
    table = read_table(next(iter(items(model, _MODALITY_TABLE)), {}))
    if table is not None:
        return table.apply(numbers)
    slope, intercept = _scale(model, frame)
    return numbers * slope + intercept


def _to_greys(
    numbers: Floats,
    guess: Callable[[], GreyWindow | None],
    model: JsonModel,
    frame: int,
    window: GreyWindow | None,
) -> Bytes:
    """Spread numbers over the greys: by the window asked for, else the object's LUT or window, else by a guess.

    A guess of None means that the numbers are greys already.
    """
    if window is None:
        table = read_table(next(iter(items(model, "00283010")), {}))
        if table is not None:
            return _bytes(table.apply(numbers) * (255.0 / max((1 << table.bits) - 1, 1)))
        window = own_window(model, frame) or guess()
    return _bytes(numbers if window is None else apply_window(numbers, window))


def own_window(model: JsonModel, frame: int) -> GreyWindow | None:
    """Return the window that the object recommends: the first one, if it is valid."""
    source = macro(model, frame, "00289132")
    center, width = first_number(source, "00281050"), first_number(source, "00281051")
    if center is None or width is None:
        return None
    function = first_text(source, "00281056").upper()
    window = GreyWindow(center, width, function if function in FUNCTIONS else LINEAR)
    return window if window.is_valid else None


def _extremes(stored: Array, model: JsonModel) -> Floats:
    """Return the lowest and highest values that occur, Pixel Padding Value (0028,0120) left out."""
    padding = first_number(model, "00280120")
    if padding is not None:
        kept = stored[stored != padding]
        stored = kept if kept.size else stored
    return np.array([stored.min(), stored.max()], np.float64)


def _spread(numbers: Floats) -> GreyWindow:
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return GreyWindow(0.5, 1.0, LINEAR_EXACT)
    low, high = float(finite.min()), float(finite.max())
    return GreyWindow((low + high) / 2, max(high - low, 1e-9), LINEAR_EXACT)


def apply_window(numbers: Floats, window: GreyWindow) -> Floats:
    """Return numbers from 0 to 255 by the function of a window."""
    center, width = window.center, window.width
    if window.function == SIGMOID:
        with np.errstate(over="ignore"):
            return 255.0 / (1.0 + np.exp(-4.0 * (numbers - center) / width))
    if window.function == LINEAR:
        center, width = center - 0.5, width - 1.0
    if width <= 0:
        return np.where(numbers > center, 255.0, 0.0)
    return ((numbers - center) / width + 0.5) * 255.0


def _bytes(numbers: Floats) -> Bytes:
    clean: Bytes = np.clip(np.nan_to_num(numbers, nan=0.0), 0.0, 255.0).round().astype(np.uint8)
    return clean


def _is_inverse(pixels: PixelLayout, model: JsonModel) -> bool:
    return pixels.photometric == "MONOCHROME1" or first_text(model, "20500020") == "INVERSE"


def read_table(item: JsonModel) -> Table | None:
    """Return the table of a LUT item (PS3.3 C.11.1.1), None where it is missing or not one."""
    descriptor = values(item, "00283002")
    if len(descriptor) < 3 or not all(isinstance(number, int) for number in descriptor[:3]):
        return None
    count, first, bits = descriptor[:3]
    entries = _entries(item.get("00283006", {}), count or MOST_ENTRIES, bits)
    if not entries.size or not 1 <= bits <= 16:
        return None
    return Table(entries, float(first), bits)


def _entries(entry: JsonModel, count: int, bits: int) -> Floats:
    if "Value" in entry:
        numbers = [number for number in entry["Value"] if isinstance(number, int)]
        return np.array(numbers[:count], np.float64)
    return unpack_entries(read_binary(entry, lambda _: b""), count, bits).astype(np.float64)


def unpack_entries(data: bytes, count: int, bits: int) -> Array:
    """Return the entries of table data: of 16 bits, or of 8 bits where there are only so many bytes."""
    if bits <= 8 and len(data) < 2 * count:
        return np.frombuffer(data, np.uint8)[:count]
    return np.frombuffer(data[: len(data) & ~1], "<u2")[:count]
