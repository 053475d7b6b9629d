"""Zip archives, unpacked in bounded memory straight into `ingest`, with nothing in them trusted.

Names of members are words for the report and never paths; declared sizes and counts are not believed; what is counted
is the bytes that really come out. A limit that is passed ends the unpacking and is said in the report; a member that
cannot be read is one line of it.
"""

import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.conf import settings

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest import IngestResult, ingest
from pacsbrowser.archive.models import Delivery, DeliveryItem, Outcome
from pacsbrowser.archive.receive import CHUNK, Readable, Staged, clean_name, stage
from pacsbrowser.dicom.errors import DicomError

GROUP = 100
GROUP_BYTES = 64 << 20
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


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold. `nested` is how many zips deep a member may lie inside the outer one."""

    members: int = 100_000
    inflated: int = 64 << 30
    ratio: int = 100
    ratio_counts_from: int = 32 << 20
    nested: int = 2


class ArchiveProblem(DicomError):
    """Something in or about an archive that cannot be taken."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class LimitPassed(ArchiveProblem):
    """The archive holds more than is unpacked; nothing more of it is read."""


class ZipProgress(Protocol):
    """Who is told how far it is (`jobs.Progress` is one)."""

    def set_total(self, total: int, unit: str = "") -> None:
        """Say how many files there are."""

    def advance(self, by: int = 1) -> None:
        """Say that some are done; may raise to stop the work."""


class Quiet:
    """Tells nobody."""

    def set_total(self, total: int, unit: str = "") -> None:
        """Say nothing."""

    def advance(self, by: int = 1) -> None:
        """Say nothing."""


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


def read_first(stream: Readable, size: int = 512) -> bytes:
    """Read the first bytes of a stream, fewer only at its end."""
    parts: list[bytes] = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


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


def refused(name: str, size: int, problem: DicomError, resume_key: str = "") -> Staged:
    """Return what stands for a file that has no bytes to keep, so that `ingest` writes its line of the report."""
    return Staged(Path(), size, b"", b"", None, problem, clean_name(name), resume_key)


def ingest_zip(
    path: Path,
    delivery: Delivery,
    progress: ZipProgress | None = None,
    *,
    name: str = "",
    key: str = "",
    limits: Limits | None = None,
) -> Counter[Outcome]:
    """Take all objects of a zip into the archive and count what became of its members.

    Args:
        path: the zip, wholly received.
        delivery: what its members' lines are added to, named `archive.zip!/member`.
        progress: is told how far it is and may raise to stop; what was committed stays.
        name: the name of the archive for the report.
        key: identifies the archive within the delivery (at most 40 characters). With it, members get a resume key,
            and those that have a line already are left out: a job that died goes on where it was.

    Raises:
        OSError, OperationalError: as `ingest`.
    """
    limits = limits or Limits(inflated=getattr(settings, "ZIP_MAX_BYTES", Limits().inflated))
    return _Unpacking(path, delivery, progress or Quiet(), limits, name or path.name, key).run()


@dataclass(frozen=True, slots=True)
class _Zip:
    """An archive on disk: the outer one, or one that lay in it."""

    path: Path
    name: str
    key: str
    depth: int


class _Unpacking:
    """One run over an outer archive and what is nested in it."""

    def __init__(
        self, path: Path, delivery: Delivery, progress: ZipProgress, limits: Limits, name: str, key: str
    ) -> None:
        self._outer = _Zip(path, name, f"{key}:" if key else "", 0)
        self._delivery = delivery
        self._progress = progress
        self._limits = limits
        self._size = path.stat().st_size
        self._batch: list[Staged] = []
        self._batch_bytes = 0
        self._members = 0
        self._inflated = 0
        self._counts: Counter[Outcome] = Counter()
        self._done = _lines_of(delivery, self._outer.key)

    def run(self) -> Counter[Outcome]:
        """Unpack, and say in a line on the archive itself what concerns the whole of it."""
        try:
            self._unpack_whole()
            self._flush()
        finally:
            for staged in self._batch:
                _discard(staged)
        return self._counts

    def _unpack_whole(self) -> None:
        found = False
        try:
            self._unpack(self._outer)
            self._flush()
            found = bool(self._done) or any(self._counts[outcome] for outcome in _KEPT)
            if not found:
                raise ArchiveProblem("no_dicom_in_zip", "No DICOM object was found in this zip.")
        except ArchiveProblem as problem:
            key = f"{self._outer.key}!" if self._outer.key else ""
            if key not in self._done:
                self._add(refused(self._outer.name, self._size, problem, key))

    def _unpack(self, archive: _Zip) -> None:
        """Go through the members of one archive.

        Raises:
            ArchiveProblem: it cannot be opened, or a limit was passed.
        """
        with _open(archive.path, self._limits.members - self._members) as file:
            members = file.infolist()
            self._members += len(members)
            if archive.depth == 0:
                self._progress.set_total(len(members), "files")
            for index, member in enumerate(members):
                if not member.is_dir():
                    self._take(archive, file, member, index)
                if archive.depth == 0:
                    self._progress.advance()

    def _take(self, archive: _Zip, file: zipfile.ZipFile, member: zipfile.ZipInfo, index: int) -> None:
        """Take one member: an object, a zip, or a line that says what is wrong with it."""
        key = f"{archive.key}{index}" if archive.key else ""
        name = f"{archive.name}!/{member.filename}"
        if key and key in self._done:
            return
        try:
            _check_member(member)
            self._receive(_Zip(Path(), name, key, archive.depth), self._open_member(file, member))
        except LimitPassed:
            raise
        except ArchiveProblem as problem:
            # the declared size is not believed, nor stored
            self._add(refused(name, min(member.compress_size, self._size), problem, key))

    def _receive(self, member: _Zip, stream: "_MemberStream") -> None:
        with stream:
            first = read_first(stream)
            source = Joined(first, stream)
            if not first:
                raise ArchiveProblem("not_dicom", "The file is empty.")
            if problem := other_archive(first):
                raise problem
            if is_zip(first):
                self._unpack_nested(member, source)
            else:
                self._add(stage(source, member.name, member.key))

    def _unpack_nested(self, member: _Zip, source: Readable) -> None:
        """Write a zip that lies in a zip to disk and unpack it; what is wrong with it is its own line."""
        if member.depth >= self._limits.nested:
            raise ArchiveProblem(
                "too_deep", f"A zip in a zip is unpacked up to {self._limits.nested} deep; this one lies deeper."
            )
        path = storage.incoming().new_path()
        try:
            with path.open("xb") as copy:
                while data := source.read(CHUNK):
                    copy.write(data)
            self._unpack(_Zip(path, member.name, f"{member.key}." if member.key else "", member.depth + 1))
        finally:
            storage.discard(path)

    def _open_member(self, file: zipfile.ZipFile, member: zipfile.ZipInfo) -> "_MemberStream":
        return _MemberStream(file, member, self._count)

    def _count(self, size: int) -> None:
        """Add bytes that came out; called for every read."""
        self._inflated += size
        if self._inflated > self._limits.inflated:
            raise LimitPassed(
                "zip_too_large",
                f"It unpacks to more than {self._limits.inflated / 1e9:,.1f} GB; what came before is kept, the rest "
                "was not read. Send it in parts.",
            )
        if self._inflated > max(self._limits.ratio_counts_from, self._limits.ratio * self._size):
            raise LimitPassed(
                "zip_ratio",
                f"It unpacks to more than {self._limits.ratio} times its size, which no real set of DICOM files does; "
                "what came before is kept, the rest was not read.",
            )

    def _add(self, staged: Staged) -> None:
        self._batch.append(staged)
        self._batch_bytes += staged.size if staged.header else 0
        if len(self._batch) >= GROUP or self._batch_bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            results: list[IngestResult] = ingest(self._batch, self._delivery)
            self._counts.update(result.outcome for result in results)
            self._batch.clear()
            self._batch_bytes = 0


_KEPT = (Outcome.STORED, Outcome.ALREADY_HERE, Outcome.VARIANT, Outcome.CONFLICT)


class _MemberStream:
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

    def __enter__(self) -> "_MemberStream":
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


def _open(path: Path, members: int) -> zipfile.ZipFile:
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


def _directory_lengths(file: "_SeekableFile") -> Iterator[int]:
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


class _SeekableFile(Protocol):
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def read(self, size: int = -1, /) -> bytes: ...


def _check_member(member: zipfile.ZipInfo) -> None:
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


def _lines_of(delivery: Delivery, prefix: str) -> frozenset[str]:
    """Return the resume keys of the members that have a line already; the end of the range is the next character."""
    if not prefix:
        return frozenset()
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    lines = DeliveryItem.objects.filter(delivery=delivery, resume_key__gte=prefix, resume_key__lt=end)
    return frozenset(lines.values_list("resume_key", flat=True))


def _discard(staged: Staged) -> None:
    if staged.header:
        storage.discard(staged.path)
