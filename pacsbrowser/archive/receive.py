"""Staging: a received stream becomes a file in `incoming/` with its digest and its header read.

What is staged is not yet in the archive; `ingest` takes it from here. A file that cannot be read as an object of a
study is removed at once and its error kept, so that the sender is told why.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from pacsbrowser.archive import storage
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.header import Header, read_header

CHUNK = 1 << 20
# Up to this size the group syncs its files: the file system writes them all out at once. A large one would keep the
# group waiting.
_SYNCED_BY_GROUP = 4 << 20


class Readable(Protocol):
    """Anything with `read(n)` that returns b"" at its end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""


class Joined:
    """A stream whose first bytes have been read already."""

    def __init__(self, first: bytes, rest: Readable) -> None:
        self._first = first
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        if not self._first:
            return self._rest.read(size)
        if size < 0:
            data, self._first = self._first + self._rest.read(-1), b""
        else:
            data, self._first = self._first[:size], self._first[size:]
        return data


@dataclass(frozen=True, slots=True)
class Staged:
    """A received file: where it lies, its digest, and its header or the reason why there is none."""

    path: str
    size: int
    sha256: bytes
    header: Header | None
    error: DicomError | None
    original_name: str
    resume_key: str = ""


def stage(stream: Readable, name: str, resume_key: str = "") -> Staged:
    """Write a stream to `incoming/` and read its header.

    Args:
        stream: the object's bytes; small ones stay in memory while they are read, large ones are read back.
        name: the name that the sender gave, kept for people to read and never used as a path.
        resume_key: identifies the file on the sender's side, for resuming an upload.

    Raises:
        OSError: the disk is full or broken. Nothing is left behind.
    """
    path = storage.incoming().new_path()
    first = read_full(stream, CHUNK)
    try:
        size, digest, small = _write(path, first, stream)
        staged = _examine(path, small, size, digest, name, resume_key)
    except BaseException:
        storage.discard(path)
        raise
    if staged.error:
        storage.discard(path)
    return staged


def read_full(stream: Readable, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end: a socket gives what it has."""
    parts, left = [], size
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _write(path: str, first: bytes, stream: Readable) -> tuple[int, bytes, bytes | None]:
    """Write all to `path`; return size, SHA-256, and the bytes themselves when `first` was all."""
    digest = hashlib.sha256(first)
    size = len(first)
    with io.FileIO(path, "x") as file:
        _write_all(file, first)
        while len(first) == CHUNK and (part := stream.read(CHUNK)):
            digest.update(part)
            size += len(part)
            _write_all(file, part)
        if size > _SYNCED_BY_GROUP:
            storage.sync_data(file.fileno())
        else:
            storage.begin_writing_out(file.fileno())
    return size, digest.digest(), first if size == len(first) else None


def _write_all(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _examine(path: str, small: bytes | None, size: int, digest: bytes, name: str, resume_key: str) -> Staged:
    header: Header | None = None
    error: DicomError | None = None
    source: BinaryIO = io.BytesIO(small) if small is not None else io.BufferedReader(io.FileIO(path))
    with source:
        try:
            header = read_header(source)
        except DicomError as problem:
            error = problem
    return Staged(path, size, digest, header, error, clean_name(name), resume_key)


def clean_name(name: str) -> str:
    """Return a sender's file name as one line of storable text of at most 1,024 characters, its end kept."""
    if name.isascii() and name.isprintable():
        return name[-1024:]
    text = name.encode("utf-8", "replace").decode("utf-8")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)[-1024:]


def stage_path(path: Path, name: str | None = None) -> Staged:
    """Stage a file of a local disk."""
    with path.open("rb") as file:
        return stage(file, name if name is not None else str(path))
