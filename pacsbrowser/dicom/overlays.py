"""Overlay planes (PS3.3 C.9.2): graphics of one bit, beside the pixels or in their unused bits, burnt in."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from pacsbrowser.dicom.decode import Array
from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.model_values import first_number, read_binary

GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _ORIGIN = "0010", "0011", "0015", "0050"
_FRAME_ORIGIN, _BITS, _POSITION, _DATA = "0051", "0100", "0102", "3000"

ReadBulk = Callable[[str], bytes]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def overlay_masks(model: JsonModel, stored: Array, frame: int, read_bulk: ReadBulk) -> Iterator[Mask]:
    """Yield a mask of the image's size for each overlay that shows on frame `frame` (from 0)."""
    for group in GROUPS:
        prefix = f"{group:04X}"
        if f"{prefix}{_DATA}" in model:
            mask = _beside(model, prefix, stored.shape[:2], frame, read_bulk)
        elif f"{prefix}{_POSITION}" in model and stored.ndim == 2 and stored.dtype.kind in "iu":
            mask = _embedded(model, prefix, stored)
        else:
            continue
        if mask is not None:
            yield mask


def _embedded(model: JsonModel, prefix: str, stored: Array) -> Mask | None:
    """Read an overlay from an unused bit of the pixels; retired, and still in old files."""
    position = int(first_number(model, f"{prefix}{_POSITION}") or 0)
    bits = first_number(model, f"{prefix}{_BITS}") or 0
    stored_bits = first_number(model, "00280101") or 0
    if bits <= 1 or not stored_bits <= position < 8 * stored.dtype.itemsize:
        return None
    unsigned = stored.view(stored.dtype.str.replace("i", "u"))
    return (unsigned >> position & 1).astype(bool)


def _beside(model: JsonModel, prefix: str, size: tuple[int, ...], frame: int, read_bulk: ReadBulk) -> Mask | None:
    rows = int(first_number(model, f"{prefix}{_ROWS}") or 0)
    columns = int(first_number(model, f"{prefix}{_COLUMNS}") or 0)
    count = max(int(first_number(model, f"{prefix}{_FRAMES}") or 1), 1)
    start = max(int(first_number(model, f"{prefix}{_FRAME_ORIGIN}") or 1), 1) - 1
    place = frame - start if count > 1 else 0
    if not 0 <= place < count or not 0 < rows <= 65535 or not 0 < columns <= 65535:
        return None
    data = read_binary(model.get(f"{prefix}{_DATA}", {}), read_bulk)
    first = place * rows * columns
    if len(data) * 8 < first + rows * columns:
        return None
    part = np.frombuffer(data, np.uint8, count=(first + rows * columns + 7) // 8 - first // 8, offset=first // 8)
    bits = np.unpackbits(part, bitorder="little")[first % 8 :][: rows * columns]
    origin = model.get(f"{prefix}{_ORIGIN}", {}).get("Value") or [1, 1]
    return _placed(bits.reshape(rows, columns).astype(bool), origin, size)


def _placed(bits: Mask, origin: list[Any], size: tuple[int, ...]) -> Mask | None:
    """Put an overlay at its origin, which may lie outside of the image."""
    if len(origin) < 2 or not all(isinstance(number, int) for number in origin[:2]):
        origin = [1, 1]
    top, left = origin[0] - 1, origin[1] - 1
    mask = np.zeros(size, bool)
    rows = slice(max(top, 0), min(top + bits.shape[0], size[0]))
    columns = slice(max(left, 0), min(left + bits.shape[1], size[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    mask[rows, columns] = bits[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return mask
