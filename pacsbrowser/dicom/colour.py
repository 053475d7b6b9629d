"""Colours to 8-bit RGB: palettes, YBR in its kinds, more than 8 bits a sample (PS3.3 C.7.6.3.1.2, C.7.9)."""

import numpy as np
from PIL import Image

from pacsbrowser.dicom.decode import Array
from pacsbrowser.dicom.frames import BadPixels, PixelLayout
from pacsbrowser.dicom.grey import Bytes, unpack_entries
from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.model_values import read_binary, values

_CHANNELS = ("1", "2", "3")
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
_MOST_ENTRIES = 65536
_MOST_SEGMENTS = 10_000


def colour_picture(samples: Array, photometric: str, pixels: PixelLayout) -> Bytes:
    """Return RGB of samples of three a pixel."""
    rgb = _to_bytes(samples[:, :, :3], pixels)
    if photometric in ("YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"):
        return np.asarray(Image.fromarray(np.ascontiguousarray(rgb), "YCbCr").convert("RGB"))
    if photometric.startswith("YBR_PARTIAL"):
        return _from_partial(rgb)
    return rgb


def _to_bytes(samples: Array, pixels: PixelLayout) -> Bytes:
    if samples.dtype.kind == "f":
        return np.clip(samples * (255.0 if samples.max() <= 1.0 else 1.0), 0, 255).astype(np.uint8)
    unsigned = samples.astype(samples.dtype.newbyteorder("=")).view(f"u{samples.dtype.itemsize}")
    shift = max(pixels.bits_stored - 8, 0)
    found: Bytes = (unsigned >> shift).astype(np.uint8)
    return found


def _from_partial(ybr: Bytes) -> Bytes:
    """Convert YBR_PARTIAL, whose luminance has 16 to 235 (ITU-R BT.601)."""
    y = (ybr[:, :, 0].astype(np.float32) - 16) * (255 / 219)
    blue, red = ((ybr[:, :, place].astype(np.float32) - 128) * (255 / 224) for place in (1, 2))
    rgb = np.stack((y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue), axis=2)
    found: Bytes = np.clip(rgb, 0, 255).round().astype(np.uint8)
    return found


def palette_picture(stored: Array, model: JsonModel) -> Bytes:
    """Return RGB of indexes into the palette of the object.

    Raises:
        BadPixels: a table is missing or empty.
    """
    tables = [_table(model, channel) for channel in _CHANNELS]
    descriptor = values(model, "00281101")
    first = descriptor[1] if len(descriptor) > 1 and isinstance(descriptor[1], int) else 0
    last = min(len(table) for table in tables) - 1
    index = np.clip(stored.astype(np.int64) - first, 0, last)
    return np.stack([table[index] for table in tables], axis=2)


def _table(model: JsonModel, channel: str) -> Bytes:
    descriptor = values(model, f"0028110{channel}")
    if len(descriptor) < 3 or not all(isinstance(number, int) for number in descriptor[:3]):
        raise BadPixels("The picture needs a palette, and its descriptor (0028,1101) to (0028,1103) is missing.")
    count, _, bits = descriptor[:3]
    count = count or _MOST_ENTRIES
    plain, segmented = (model.get(f"0028{number}{channel}", {}) for number in ("120", "122"))
    if segmented and not plain:
        entries = _expand(unpack_entries(read_binary(segmented, lambda _: b""), _MOST_ENTRIES, bits))
    else:
        entries = unpack_entries(read_binary(plain, lambda _: b""), count, bits)
    if not entries.size:
        raise BadPixels("The picture needs a palette, and its data (0028,1201) to (0028,1203) is missing.")
    # Eight bits in words of 16 are in use though the descriptor says 16.
    wide = bits > 8 and entries.dtype.itemsize > 1 and entries.max() > 255
    return (entries >> 8).astype(np.uint8) if wide else entries.astype(np.uint8)


def _expand(data: Array) -> Array:
    """Expand a segmented palette (PS3.3 C.7.9.2): runs given one by one, straight lines, repeats of earlier ones."""
    out: list[int] = []
    position = 0
    numbers = [int(number) for number in data]
    for _ in range(_MOST_SEGMENTS):
        if position + 2 > len(numbers) or len(out) >= _MOST_ENTRIES:
            break
        position = _segment(numbers, position, out)
    return np.array(out[:_MOST_ENTRIES], np.uint16)


def _segment(numbers: list[int], position: int, out: list[int]) -> int:
    """Expand the segment at a position; return where the next one is."""
    opcode, length = numbers[position : position + 2]
    if opcode == _DISCRETE:
        out += numbers[position + 2 : position + 2 + length]
        return position + 2 + length
    if opcode == _LINEAR and out and position + 3 <= len(numbers):
        out += [round(float(value)) for value in np.linspace(out[-1], numbers[position + 2], length + 1)[1:]]
        return position + 3
    if opcode == _INDIRECT and position + 4 <= len(numbers):
        target = numbers[position + 2] | numbers[position + 3] << 16
        for _ in range(length):
            if target + 2 > len(numbers) or numbers[target] not in (_DISCRETE, _LINEAR):
                break
            target = _segment(numbers, target, out)
        return position + 4
    raise BadPixels("The segmented palette (0028,1221) cannot be read.")
