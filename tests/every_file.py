"""Every file of a folder as an object of its own: copies of one UID, of which the archive shows one, get UIDs too.

Much test data is one picture in many transfer syntaxes under one SOP Instance UID. Those copies are stored once more
with another UID of the same length in the same place of the same bytes; nothing else of the file changes.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tests.live import LiveApp

COPIES = """
    SELECT copy.original_name, instance.sop_instance_uid
    FROM archive_copy copy JOIN archive_instance instance ON instance.id = copy.instance_id ORDER BY copy.id
"""


def ingest_every_file(app: LiveApp, files: Path, scratch: Path) -> list[str]:
    """Store all files of a folder, and the copies among them as further instances; returns those that could not be."""
    app.manage("ingest", str(files), check=False)
    moved = scratch / "copies"
    moved.mkdir(parents=True)
    left = []
    for place, (name, uid) in enumerate(_copies(app)):
        file = files.parent / name
        data = file.read_bytes() if file.is_file() else b""
        other = f"{uid[:-3]}{900 - place:03}".encode()
        if uid.encode() not in data:
            left.append(name)
            continue
        (moved / f"{place:03}-{file.name}").write_bytes(data.replace(uid.encode(), other))
    if any(moved.iterdir()):
        app.manage("ingest", str(moved), check=False)
    return left


def _copies(app: LiveApp) -> Iterator[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(app.folder / "data" / "index.sqlite3")) as rows:
        yield from rows.execute(COPIES).fetchall()
