"""The folder of what is derived: files that appear whole, and that nobody misses."""

import shutil
import uuid
from pathlib import Path

from django.conf import settings


def derived_folder() -> Path:
    """Return the folder of all that is derived; it may be removed while nothing runs."""
    return Path(settings.PACSBROWSER_DATA) / "derived"


def read(path: Path) -> bytes | None:
    """Return a stored file, None when it is not there."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def write(path: Path, data: bytes) -> bool:
    """Store a file so that no reader ever sees a part of it; False when it cannot be, which costs only time later."""
    making = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        making.write_bytes(data)
        making.replace(path)
    except OSError:
        making.unlink(missing_ok=True)
        return False
    return True


def clear() -> None:
    """Throw away all that is derived."""
    shutil.rmtree(derived_folder(), ignore_errors=True)
