"""A surface model in STL: how many triangles, how large, and its outline from the front for a small picture."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_DRAWN = 3_000
_VERTEX = re.compile(rb"vertex\s+(\S{1,40})\s+(\S{1,40})\s+(\S{1,40})")

Triangles = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class StlModel:
    """A model: number of triangles, its size along x, y and z in its own units, and some triangles seen from the front.

    `drawn` are polygons as SVG points within 0 to 100, the farthest first, each with how much it faces the viewer
    (0 to 9).
    """

    triangles: int
    size: tuple[float, float, float]
    drawn: tuple[tuple[str, int], ...]


def parse_stl(data: bytes) -> StlModel | None:
    """Return what a model is, binary or as text; None for what is none."""
    corners = _binary(data) if _is_binary(data) else _text(data)
    if corners is None or not len(corners):
        return None
    corners = corners[np.isfinite(corners).all(axis=(1, 2))]
    if not len(corners):
        return None
    flat = corners.reshape(-1, 3).astype(np.float64)
    low, high = flat.min(axis=0), flat.max(axis=0)
    size = tuple(float(side) for side in high - low)
    return StlModel(len(corners), (size[0], size[1], size[2]), _drawn(corners, low, high))


def _is_binary(data: bytes) -> bool:
    return len(data) >= 84 and 84 + 50 * int.from_bytes(data[80:84], "little") <= len(data) + 1


def _binary(data: bytes) -> Triangles | None:
    count = min(int.from_bytes(data[80:84], "little"), (len(data) - 84) // 50)
    if count <= 0:
        return None
    facets = np.frombuffer(data, np.uint8, count * 50, 84).reshape(count, 50)
    return np.ascontiguousarray(facets[:, 12:48]).view("<f4").reshape(count, 3, 3)


def _text(data: bytes) -> Triangles | None:
    if data.lstrip()[:5].lower() != b"solid":
        return None
    numbers: list[float] = []
    for found in _VERTEX.finditer(data):
        try:
            numbers += [float(part) for part in found.groups()]
        except ValueError:
            return None
    count = len(numbers) // 9
    return np.array(numbers[: count * 9], np.float32).reshape(count, 3, 3)


def _drawn(corners: Triangles, low: Any, high: Any) -> tuple[tuple[str, int], ...]:
    """Draw evenly chosen triangles in parallel projection along a diagonal, the farthest first."""
    chosen = corners[:: max(len(corners) // MOST_DRAWN, 1)][:MOST_DRAWN].astype(np.float64)
    centred = (chosen - (low + high) / 2) / max(float((high - low).max()), 1e-9)
    right, up = np.array((0.8, 0.6, 0.0)), np.array((0.3, -0.4, 0.866))
    depth = np.array((0.52, -0.69, -0.5))
    normals = np.cross(centred[:, 1] - centred[:, 0], centred[:, 2] - centred[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    facing = np.abs(normals @ depth) / np.where(lengths > 0, lengths, 1)
    across, down = 50 + 52 * (centred @ right), 50 - 52 * (centred @ up)
    order = np.argsort(-(centred.mean(axis=1) @ depth), kind="stable")
    return tuple(
        (" ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across[place], down[place], strict=True)),
         min(int(facing[place] * 10), 9))
        for place in order
    )  # fmt: skip
