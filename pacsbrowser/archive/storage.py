"""Where the bytes are: `store/` for what is kept, `incoming/` for what is on its way (one folder a process).

A file of the store is named by its SHA-256 below a folder of its study, which is twice as fast to write and read as
scattering by digest. No path is ever built from a value of a data set: the study's folder is a digest as well.
"""

import fcntl
import hashlib
import itertools
import os
import shutil
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction

from pacsbrowser.archive.models import Blob

# Stands for "/" in an incoming name that says where its file was linked to.
_SLASH = "~"
_PART = ".part"


def store_folder() -> Path:
    """Return the folder of the kept files."""
    return Path(settings.PACSBROWSER_DATA) / "store"


def incoming_root() -> Path:
    """Return the folder of what is on its way in."""
    return Path(settings.PACSBROWSER_DATA) / "incoming"


def blob_path(blob: Blob) -> Path:
    """Return the path of a kept file."""
    return store_folder() / blob.path


def read_blob(blob: Blob, first: int, length: int) -> bytes:
    """Return bytes of a kept file from `first` on, fewer at its end; in one call, for pieces of a megabyte or so.

    Raises:
        FileNotFoundError: the file is gone; `check_archive` lists such rows.
    """
    descriptor = os.open(f"{settings.PACSBROWSER_DATA}/store/{blob.path}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, length, first)
    finally:
        os.close(descriptor)


def open_blob(blob: Blob) -> BinaryIO:
    """Open a kept file for reading.

    Raises:
        FileNotFoundError: the file is gone; `check_archive` lists such rows.
    """
    return blob_path(blob).open("rb")


def relative_path(study_instance_uid: str, identity_key: str, sha256: bytes) -> str:
    """Return the place of a file in the store: two levels of fan-out, a folder a study, the digest as name."""
    study_key = hashlib.sha256(f"{study_instance_uid}\x1f{identity_key}".encode()).hexdigest()[:32]
    return f"{study_key[:2]}/{study_key[2:4]}/{study_key}/{sha256.hex()}.dcm"


class Incoming:
    """The folder of this process below `incoming/`, held by a lock so that a sweep leaves it alone while it lives."""

    def __init__(self) -> None:
        root = incoming_root()
        root.mkdir(parents=True, exist_ok=True)
        self.pid = os.getpid()
        self.data = settings.PACSBROWSER_DATA
        self.folder = root / f"{self.pid}-{uuid.uuid4().hex}"
        # Locked before the folder has its final name: a sweep never meets it unlocked.
        making = root / f".{self.folder.name}"
        making.mkdir()
        # A bare descriptor: it is held until the process ends, and only the kernel closes it.
        self._lock = os.open(making / "lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        making.rename(self.folder)
        self._prefix = f"{self.folder}/"
        self._numbers = itertools.count(1)

    def new_path(self) -> str:
        """Return a path for a new file. Text, as what is done for every object: a Path costs ten times more."""
        return f"{self._prefix}{next(self._numbers):012x}{_PART}"


_incoming: Incoming | None = None


def incoming() -> Incoming:
    """Return this process's incoming folder; a forked child or another data folder gets its own."""
    global _incoming
    if _incoming is None or _incoming.pid != os.getpid() or _incoming.data != settings.PACSBROWSER_DATA:
        _incoming = Incoming()
    return _incoming


def sync_data(descriptor: int) -> None:
    """Make what was written to a file durable."""
    os.fdatasync(descriptor) if hasattr(os, "fdatasync") else os.fsync(descriptor)


def begin_writing_out(descriptor: int) -> None:
    """Let the disk begin with what was written to a file: whoever syncs it soon has less to wait for."""
    if hasattr(os, "posix_fadvise"):
        # what is not yet on the disk stays in memory: it is only begun with
        with suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


# Which file a name leads to: its device and its number there.
File = tuple[int, int]


def sync_content(linked: str, relative: str) -> frozenset[File]:
    """Make the content of an incoming file durable, and return the files of these bytes that are so now.

    Where another process was first with the same bytes, it is its file that has the name in the store. That process may
    not have synced it yet, and may take the name away again: `ensure_linked` looks once more, under the write lock.
    """
    durable = {_sync_file(linked)}
    final = _final(relative)
    with suppress(FileNotFoundError):
        if _file_at(final) not in durable:
            durable.add(_sync_file(final))
    return frozenset(durable)


def _sync_file(path: str) -> File:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync_data(descriptor)
        state = os.fstat(descriptor)
        return state.st_dev, state.st_ino
    finally:
        os.close(descriptor)


def _file_at(path: str) -> File:
    state = os.stat(path)
    return state.st_dev, state.st_ino


def link_into_store(source: str, relative: str) -> str:
    """Give an incoming file its final name as well, and return its new incoming path, whose name tells the final one.

    Both names stay until the rows are committed: after a crash, the sweep finds the incoming name and asks the
    database whether the final one is wanted.
    """
    final = _final(relative)
    folder, _, name = source.rpartition("/")
    name = name.partition(_SLASH)[0].removesuffix(_PART)
    linked = f"{folder}/{name}{_SLASH}{relative.replace('/', _SLASH)}"
    os.rename(source, linked)
    try:
        _link_in_folder(linked, final)
    except OSError:
        # under its old name whoever gives up finds it
        with suppress(OSError):
            os.rename(linked, source)
        raise
    return linked


def _link_in_folder(linked: str, final: str) -> None:
    try:
        _link_if_absent(linked, final)
    except FileNotFoundError:
        Path(final).parent.mkdir(parents=True, exist_ok=True)
        _link_if_absent(linked, final)


def _final(relative: str) -> str:
    """Return the path of a place in the store; text, as in `new_path`."""
    return f"{settings.PACSBROWSER_DATA}/store/{relative}"


def paths_on_their_way() -> set[str]:
    """Return the places in the store whose files still have an incoming name: being taken in, or left by a crash."""
    names = (path.name.partition(_SLASH)[2] for path in incoming_root().glob(f"*/*{_SLASH}*"))
    return {name.replace(_SLASH, "/") for name in names}


def _link_if_absent(source: str, final: str) -> None:
    with suppress(FileExistsError):
        os.link(source, final)


def ensure_linked(linked: str, relative: str, durable: frozenset[File]) -> None:
    """Make sure, under the write lock, that the final name is there and leads to a file that is durable.

    Another process that found its own twin superfluous may have taken the name away, and a third one given it to a file
    of its own.
    """
    final = _final(relative)
    try:
        if _file_at(final) not in durable:
            _sync_file(final)
    except FileNotFoundError:
        _link_if_absent(linked, final)
        sync_folders([Path(final).parent])


def sync_names(places: Iterable[str]) -> None:
    """Make the names of files in the store durable: fsync their folders once, and those above them when they are new.

    A folder above may have been made by another process that has not synced it yet, so it is new to each process once.
    """
    for folder in {_final(place).rpartition("/")[0] for place in places}:
        if folder in _known_folders:
            _sync(folder)
            continue
        sync_folders([Path(folder)])
        if len(_known_folders) >= _MOST_KNOWN:
            _known_folders.clear()
        _known_folders.add(folder)


# Folders of the store whose own names this process has made durable.
_known_folders: set[str] = set()
_MOST_KNOWN = 10_000


def sync_folders(folders: Iterable[Path]) -> None:
    """Make names durable: fsync each folder, and its parents up to the store, once."""
    root = store_folder().parent
    wanted: set[Path] = set()
    for folder in folders:
        while folder not in wanted and folder != root:
            wanted.add(folder)
            folder = folder.parent
    for folder in sorted(wanted, reverse=True):
        _sync(folder)


def _sync(folder: Path | str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(path: Path | str) -> None:
    """Remove a file that may be gone already."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def sweep_incoming() -> int:
    """Remove what dead processes left in `incoming/` and return the number of files.

    A file that was linked into the store but whose row was not committed is taken out of the store too, under the
    write lock, so that no concurrent ingest of the same bytes can lose its file.
    """
    root = incoming_root()
    if not root.is_dir():
        return 0
    return sum(_sweep_folder(folder) for folder in root.iterdir() if folder.is_dir())


def _sweep_folder(folder: Path) -> int:
    try:
        lock = (folder / "lock").open("w")
    except OSError:
        return 0
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0
        files = [path for path in folder.iterdir() if path.name != "lock"]
        for path in files:
            sweep_file(path)
        shutil.rmtree(folder, ignore_errors=True)
    return len(files)


def sweep_file(path: Path) -> None:
    """Remove an incoming file and, when no row wants it, its name in the store."""
    _, _, relative = path.name.partition(_SLASH)
    if relative:
        relative = relative.replace(_SLASH, "/")
        with transaction.atomic():
            if not Blob.objects.filter(path=relative).exists():
                discard(store_folder() / relative)
    discard(path)
