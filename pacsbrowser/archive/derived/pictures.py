"""Pictures of frames: made by the decoder processes, and kept within a bound, the least recently used go first."""

import atexit
import hashlib
import itertools
import json
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from django.conf import settings

from pacsbrowser.archive import storage
from pacsbrowser.archive.derived import folder
from pacsbrowser.archive.models import Blob, Instance
from pacsbrowser.dicom.decoder import DecoderPool, Samples
from pacsbrowser.dicom.render import Look, Viewport

THUMBNAIL = Viewport(128, 128)
_FORMAT = 4  # raise it when pictures come out otherwise than before
_SWEEP_EVERY = 500  # pictures that one process has stored
_KEPT_AFTER_SWEEP = 0.8
_USED_AGAIN = 3600.0  # a picture that was used within the hour need not be marked as used

_stored = itertools.count(1)


@cache
def decoders() -> DecoderPool:
    """Return this process's decoder processes; they start when first asked."""
    pool = DecoderPool(size=settings.DECODERS)
    atexit.register(pool.close)
    return pool


def picture_key(blob: Blob, frame: int, media_type: str, look: Look) -> str:
    """Return the name of a picture, which is also its entity tag: equal names are equal pictures."""
    square = ("square",) if look.is_square else ()
    return name_of(
        _FORMAT, bytes(blob.sha256).hex(), frame, media_type, repr(look.window), repr(look.viewport), look.quality,
        look.lines, *square,
    )  # fmt: skip


def name_of(*parts: object) -> str:
    """Return the name under which a picture is kept that these parts decide on."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:48]


def picture(blob: Blob, frame: int, media_type: str, look: Look) -> bytes:
    """Return the picture of frame `frame` (from 0).

    Raises:
        DecodingError: it cannot be made.
    """
    return kept_or_made(
        picture_key(blob, frame, media_type, look),
        lambda: decoders().picture(storage.blob_path(blob), frame, media_type, look).data,
    )


def kept_or_made(key: str, make: Callable[[], bytes]) -> bytes:
    """Return the picture that is kept under a name, else make and keep it."""
    data = read_kept(key)
    if data is None:
        data = make()
        keep(key, data)
    return data


def read_kept(key: str) -> bytes | None:
    """Return a picture that is kept, None for one that is not."""
    path = _path(key)
    data = folder.read(path)
    if data is not None:
        _mark_used(path)
    return data


def keep(key: str, data: bytes) -> None:
    """Keep a picture until others need its room more."""
    if folder.write(_path(key), data) and next(_stored) % _SWEEP_EVERY == 0:
        sweep_pictures(settings.PICTURE_CACHE_BYTES)


def samples(blob: Blob, frame: int) -> Samples:
    """Return frame `frame` (from 0) decoded, as native pixel data. Not kept: it is large.

    Raises:
        DecodingError: it cannot be decoded.
    """
    return decoders().samples(storage.blob_path(blob), frame)


def middle_frame(instance: Instance) -> int:
    """Return the frame (from 0) whose picture stands for an instance."""
    return max(instance.number_of_frames, 1) // 2


def sweep_pictures(most_bytes: int) -> int:
    """Remove pictures until they are within the bound, those not used for longest first; return how many."""
    found: list[tuple[float, int, str]] = []
    for top, _, names in os.walk(_root()):
        for name in names:
            path = Path(top, name)
            try:
                state = path.stat()
            except OSError:
                continue
            found.append((state.st_mtime, state.st_size, str(path)))
    total = sum(size for _, size, _ in found)
    if total <= most_bytes:
        return 0
    removed = 0
    for _, size, name in sorted(found):
        if total <= most_bytes * _KEPT_AFTER_SWEEP:
            break
        Path(name).unlink(missing_ok=True)
        total -= size
        removed += 1
    return removed


def _root() -> Path:
    return folder.derived_folder() / "pictures"


def _path(key: str) -> Path:
    return _root() / key[:2] / key[2:]


def _mark_used(path: Path) -> None:
    try:
        if time.time() - path.stat().st_mtime > _USED_AGAIN:
            os.utime(path)
    except OSError:
        pass
