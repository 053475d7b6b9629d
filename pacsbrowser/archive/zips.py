"""Zip archives, unpacked in bounded memory straight into `ingest`, with nothing in them trusted.

Names of members are words for the report and never paths; declared sizes and counts are not believed; what is counted
is the bytes that really come out. A limit that is passed ends the unpacking and is said in the report; a member that
cannot be read is one line of it.
"""

import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.conf import settings

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest import IngestResult, ingest
from pacsbrowser.archive.models import KEPT, Delivery, DeliveryItem, Outcome
from pacsbrowser.archive.receive import CHUNK, Joined, Readable, Staged, clean_name, read_full, stage
from pacsbrowser.archive.zip_files import (
    HEAD,
    ArchiveProblem,
    LimitPassed,
    MemberStream,
    check_member,
    is_zip,
    open_zip,
    other_archive,
)
from pacsbrowser.dicom.errors import DicomError

GROUP = 100
GROUP_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold. `nested` is how many zips deep a member may lie inside the outer one."""

    members: int = 100_000
    inflated: int = 64 << 30
    ratio: int = 100
    ratio_counts_from: int = 32 << 20
    nested: int = 2


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


def refused(name: str, size: int, problem: DicomError, resume_key: str = "") -> Staged:
    """Return what stands for a file that has no bytes to keep, so that `ingest` writes its line of the report."""
    return Staged("", size, b"", None, problem, clean_name(name), resume_key)


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
            found = bool(self._done) or any(self._counts[outcome] for outcome in KEPT)
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
        with open_zip(archive.path, self._limits.members - self._members) as file:
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
            check_member(member)
            self._receive(_Zip(Path(), name, key, archive.depth), MemberStream(file, member, self._count))
        except LimitPassed:
            raise
        except ArchiveProblem as problem:
            # the declared size is not believed, nor stored
            self._add(refused(name, min(member.compress_size, self._size), problem, key))

    def _receive(self, member: _Zip, stream: MemberStream) -> None:
        with stream:
            first = read_full(stream, HEAD)
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
        path = Path(storage.incoming().new_path())
        try:
            with path.open("xb") as copy:
                while data := source.read(CHUNK):
                    copy.write(data)
            self._unpack(_Zip(path, member.name, f"{member.key}." if member.key else "", member.depth + 1))
        finally:
            storage.discard(path)

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
