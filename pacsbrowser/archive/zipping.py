"""Zips that are written while they are sent: members stored as they are, memory flat, any size (APPNOTE 6.3.10, zip64).

A member's size and checksum stand in its own header, not behind its data, so that every unpacker can read the stream
from front to back. For that a small file is read whole and a large one twice. What cannot be read is named in a text
file at the end; nothing is left out silently.
"""

import os
import struct
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

CHUNK = 1 << 20
IN_MEMORY = 8 << 20
NOT_INCLUDED = "NOT_INCLUDED.txt"
NAME_LENGTH = 48

_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_UTF8 = 0x0800
_VERSION, _VERSION_64 = 20, 45
_ON_UNIX = 3 << 8
_REGULAR_FILE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Member:
    """A file to send: its name in the zip, where its bytes are, and since when."""

    name: str
    path: Path
    when: datetime


@dataclass(slots=True)
class _Directory:
    """What the end of the zip says of the members before it; about a hundred bytes each."""

    entries: bytearray = field(default_factory=bytearray)
    count: int = 0
    offset: int = 0


def stream_zip(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield the bytes of a zip of these members.

    Raises:
        OSError: a large file became unreadable while it was sent. The zip ends short, which every unpacker notices.
    """
    directory = _Directory()
    missing: list[str] = []
    for member in members:
        try:
            size, checksum, small = _measure(member.path)
        except OSError:
            missing.append(member.name)
            continue
        yield from _count(directory, _member(directory, member, size, checksum, small))
    if missing:
        text = "These files are in the index but could not be read:\r\n" + "\r\n".join(missing) + "\r\n"
        note = text.encode()
        about = Member(NOT_INCLUDED, Path(), datetime(1980, 1, 1))
        yield from _count(directory, _member(directory, about, len(note), zlib.crc32(note), note))
    yield from _end(directory)


def safe_name(text: str, otherwise: str = "") -> str:
    """Return text as a file name that no system takes for anything else: letters, digits, dot, dash and underscore."""
    plain = "".join(sign if sign.isalnum() or sign in ".-" else "_" for sign in unicodedata.normalize("NFKC", text))
    words = "_".join(word for word in plain.split("_") if word)[:NAME_LENGTH]
    return words.strip("._-") or otherwise


def _measure(path: Path) -> tuple[int, int, bytes | None]:
    """Return size and checksum of a file, and its bytes where they are few."""
    checksum = size = 0
    with path.open("rb", buffering=0) as file:
        # a block is as long as the file where it can be: room for more would be made and cleared for nothing
        length = os.fstat(file.fileno()).st_size
        while block := file.read(min(max(length - size, 1), IN_MEMORY)):
            checksum, size = zlib.crc32(block, checksum), size + len(block)
            if size == length < IN_MEMORY and len(block) == size:
                return size, checksum, block
    return size, checksum, None


def _count(directory: _Directory, blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        directory.offset += len(block)
        yield block


def _member(directory: _Directory, member: Member, size: int, checksum: int, small: bytes | None) -> Iterator[bytes]:
    name = member.name.encode()
    stamp = _dos_time(member.when)
    _remember(directory, name, stamp, checksum, size)
    large = size >= _FULL_32
    extra = struct.pack("<HHQQ", 1, 16, size, size) if large else b""
    shown = _FULL_32 if large else size
    version = _VERSION_64 if large else _VERSION
    header = struct.pack(
        "<4sHHHHHIIIHH", b"PK\3\4", version, _UTF8, 0, *stamp, checksum, shown, shown, len(name), len(extra)
    )
    yield header + name + extra
    yield from _blocks(member.path, size) if small is None else (small,)


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with path.open("rb") as file:
        while left and (block := file.read(min(CHUNK, left))):
            left -= len(block)
            yield block
    if left:
        raise OSError("a file of the archive became shorter while it was sent")


def _remember(directory: _Directory, name: bytes, stamp: tuple[int, int], checksum: int, size: int) -> None:
    """Add a member to the central directory; numbers that do not fit go into the zip64 field."""
    beyond = [number for number in (size, size, directory.offset) if number >= _FULL_32]
    extra = struct.pack(f"<HH{len(beyond)}Q", 1, 8 * len(beyond), *beyond) if beyond else b""
    version = _VERSION_64 if beyond else _VERSION
    shown = min(size, _FULL_32)
    directory.entries += struct.pack(
        "<4sHHHHHHIIIHHHHHII", b"PK\1\2", _ON_UNIX | version, version, _UTF8, 0, *stamp, checksum, shown, shown,
        len(name), len(extra), 0, 0, 0, _REGULAR_FILE, min(directory.offset, _FULL_32),
    )  # fmt: skip
    directory.entries += name + extra
    directory.count += 1


def _end(directory: _Directory) -> Iterator[bytes]:
    start, length, count = directory.offset, len(directory.entries), directory.count
    yield bytes(directory.entries)
    if count >= _FULL_16 or start >= _FULL_32 or length >= _FULL_32:
        yield struct.pack(
            "<4sQHHIIQQQQ", b"PK\6\6", 44, _ON_UNIX | _VERSION_64, _VERSION_64, 0, 0, count, count, length, start
        )
        yield struct.pack("<4sIQI", b"PK\6\7", 0, start + length, 1)
    shown = min(count, _FULL_16)
    yield struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, shown, shown, min(length, _FULL_32), min(start, _FULL_32), 0)


def _dos_time(when: datetime) -> tuple[int, int]:
    """Return time and date as MS-DOS kept them: two-second steps since 1980."""
    year = min(max(when.year, 1980), 2107)
    return when.hour << 11 | when.minute << 5 | when.second // 2, (year - 1980) << 9 | when.month << 5 | when.day
