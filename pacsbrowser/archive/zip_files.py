"""Zip files as they come: recognised by their first bytes, opened in bounded memory, read member by member.

Whatever is wrong with one is an ArchiveProblem, in plain words.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pacsbrowser.archive.receive import CHUNK
from pacsbrowser.dicom.errors import DicomError

# So many first bytes tell what kind of file it is.
HEAD = 512
# A central directory of 100,000 members has about 10 MB; a longer one is not read at all.
MAX_DIRECTORY = 64 << 20
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_METHOD_NAMES = {9: "Deflate64", 12: "BZip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd", 99: "AES encryption"}
_SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OTHER_ARCHIVES = (
    (b"\x1f\x8b", 0, "gzip"),
    (b"7z\xbc\xaf\x27\x1c", 0, "7z"),
    (b"Rar!\x1a\x07", 0, "RAR"),
    (b"BZh", 0, "bzip2"),
    (b"\xfd7zXZ\x00", 0, "xz"),
    (b"ustar", 257, "tar"),
)


class ArchiveProblem(DicomError):
    """Something in or about an archive that cannot be taken."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class LimitPassed(ArchiveProblem):
    """The archive holds more than is unpacked; nothing more of it is read."""


def is_zip(first: bytes) -> bool:
    """Whether a file that begins with these bytes is a zip. A DICOM preamble may look like one (PS3.10 7.1)."""
    return first.startswith(_SIGNATURES) and first[128:132] != b"DICM"


def other_archive(first: bytes) -> ArchiveProblem | None:
    """Return the problem with a file that by its first bytes is an archive that is not unpacked."""
    if first[128:132] == b"DICM":
        return None
    for signature, offset, name in _OTHER_ARCHIVES:
        if first[offset : offset + len(signature)] == signature:
            return ArchiveProblem(
                "other_archive", f"A {name} archive is not unpacked here. Send a zip, or the files themselves."
            )
    return None


class MemberStream:
    """A member's bytes, inflated piece by piece and counted; whatever breaks is an ArchiveProblem."""

    def __init__(self, file: zipfile.ZipFile, member: zipfile.ZipInfo, count: Callable[[int], None]) -> None:
        self._count = count
        with _said():
            self._stream = file.open(member)

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        with _said():
            data = self._stream.read(min(size, CHUNK) if size >= 0 else CHUNK)
        self._count(len(data))
        return data

    def __enter__(self) -> "MemberStream":
        return self

    def __exit__(self, *details: object) -> None:
        self._stream.close()


@contextmanager
def _said() -> Iterator[None]:
    """Turn what zipfile and zlib raise into plain words."""
    try:
        yield
    except NotImplementedError as error:
        raise ArchiveProblem("zip_method", "It is packed in a way that cannot be unpacked here.") from error
    except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError, ValueError, OSError, struct.error) as error:
        what = "its checksum is wrong" if "CRC" in str(error) else "its data break off or make no sense"
        raise ArchiveProblem("zip_damaged", f"The zip is damaged here: {what}. Make the zip again.") from error


def open_zip(path: Path, members: int) -> zipfile.ZipFile:
    """Open an archive of at most `members` members.

    Raises:
        ArchiveProblem: it is damaged.
        LimitPassed: it has more members, or a central directory longer than is read.
    """
    with path.open("rb") as file:
        count = sum(1 for _ in _directory_lengths(file))
    if count > members:
        raise LimitPassed(
            "zip_members", f"It holds {count:,} files; {members:,} are unpacked at most. Send it in parts."
        )
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, OSError, struct.error) as error:
        raise ArchiveProblem("zip_damaged", "The zip is damaged or not complete. Make the zip again.") from error


def _directory_lengths(file: BinaryIO) -> Iterator[int]:
    """Walk the central directory (APPNOTE 4.3.12) as zipfile will, without building what zipfile builds of it."""
    end = file.seek(0, 2)
    tail_start = max(0, end - 65_557 - 76)
    file.seek(tail_start)
    tail = file.read(65_557 + 76)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        return
    size = int(struct.unpack_from("<L", tail, at + 12)[0])
    directory_end = tail_start + at
    if at >= 76 and tail[at - 20 : at - 16] == b"PK\x06\x07" and tail[at - 76 : at - 72] == b"PK\x06\x06":
        size = int(struct.unpack_from("<Q", tail, at - 76 + 40)[0])
        directory_end -= 76
    if size > MAX_DIRECTORY:
        raise LimitPassed("zip_members", "Its list of files is longer than is read. Send it in parts.")
    file.seek(max(0, directory_end - size))
    directory = file.read(size)
    place = 0
    while directory[place : place + 4] == b"PK\x01\x02" and place + 46 <= len(directory):
        length = 46 + sum(struct.unpack_from("<3H", directory, place + 28))
        yield length
        place += length


def check_member(member: zipfile.ZipInfo) -> None:
    """Refuse what is no plain file.

    Raises:
        ArchiveProblem: a link, a device, encrypted, or packed by a method that is not supported.
    """
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise ArchiveProblem("not_a_file", "It is a link or a device, not a file; links are not followed.")
    if member.flag_bits & 0x1:
        raise ArchiveProblem("zip_encrypted", "It is encrypted. Make a zip without a password.")
    if member.compress_type not in _METHODS:
        method = _METHOD_NAMES.get(member.compress_type, f"method {member.compress_type}")
        raise ArchiveProblem("zip_method", f"It is packed by {method}, which is not supported. Use Deflate or Store.")
