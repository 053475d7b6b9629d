"""The proof that nothing is lost: every row has its file, every file its row, every digest and every count is right."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.db.models import Count

from pacsbrowser.archive import counters, storage
from pacsbrowser.archive.ingest import close_delivery, ingest, open_delivery
from pacsbrowser.archive.models import Blob, Door, Instance, Patient, Study
from pacsbrowser.archive.receive import CHUNK, stage_path

_STEP = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be. `path` is relative to the store, or names rows."""

    code: str
    path: str
    detail: str

    def __str__(self) -> str:
        return f"{self.code}: {self.path}: {self.detail}"


def check_files(digests: bool = True) -> Iterator[Problem]:
    """Compare every row of a file with the disk: is it there, is it as long, are its bytes the received ones."""
    last = 0
    while blobs := list(Blob.objects.filter(pk__gt=last).order_by("pk")[:_STEP]):
        last = blobs[-1].pk
        for blob in blobs:
            problem = _check_blob(blob, digests)
            if problem:
                yield problem


def _check_blob(blob: Blob, digests: bool) -> Problem | None:
    path = storage.blob_path(blob)
    try:
        size = path.stat().st_size
        if size != blob.size:
            return Problem("damaged_file", blob.path, f"{size} bytes instead of {blob.size}")
        if digests and hash_file(path) != bytes(blob.sha256):
            return Problem("damaged_file", blob.path, "its SHA-256 is not that of the received bytes")
    except FileNotFoundError:
        return Problem("missing_file", blob.path, "the row has no file")
    except OSError as error:
        return Problem("unreadable_file", blob.path, str(error.strerror))
    return None


def hash_file(path: Path) -> bytes:
    """Return the SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(CHUNK):
            digest.update(part)
    return digest.digest()


def check_store() -> Iterator[Problem]:
    """List files of the store that no row knows; a file that is on its way in is none of them."""
    root = storage.store_folder()
    batch: list[str] = []
    for path in root.rglob("*") if root.is_dir() else ():
        if path.is_file():
            batch.append(str(path.relative_to(root)))
        if len(batch) == _STEP:
            yield from _unknown(batch)
            batch = []
    yield from _unknown(batch)


def _unknown(paths: list[str]) -> Iterator[Problem]:
    strangers = set(paths) - _known(paths)
    if strangers:
        # A file has its incoming name until its row is committed, so rows are looked up again after these names: what
        # was on its way has either. A file that turned out to be superfluous is gone.
        strangers -= storage.paths_on_their_way()
        strangers -= _known(strangers)
    for path in sorted(strangers):
        if (storage.store_folder() / path).exists():
            yield Problem("unknown_file", path, "the file has no row")


def _known(paths: Iterable[str]) -> set[str]:
    return set(Blob.objects.filter(path__in=paths).values_list("path", flat=True))


def check_counts() -> Iterator[Problem]:
    """List studies and patients whose stored counts are not what is stored."""
    for study in Study.objects.order_by("pk").iterator(chunk_size=_STEP):
        live = Instance.objects.live().filter(series__study=study).order_by()
        counted = list(live.values("series").annotate(n=Count("id")).values_list("n", flat=True))
        if (len(counted), sum(counted)) != (study.series_count, study.instance_count):
            yield Problem("wrong_count", f"study {study.pk}", f"{len(counted)} series, {sum(counted)} instances stored")
    for patient in Patient.objects.order_by("pk").iterator(chunk_size=_STEP):
        studies = patient.studies.filter(instance_count__gt=0)
        last = max(studies.values_list("date_sort", flat=True), default="")
        if studies.count() != patient.study_count or last != patient.last_study:
            yield Problem("wrong_count", f"patient {patient.pk}", f"{studies.count()} studies stored")


def repair(problems: list[Problem], say: Callable[[str], None]) -> list[Problem]:
    """Mend what can be mended and return what is left.

    A file without a row is received again, so that nothing that was once received is lost; wrong counts are computed
    again. A missing or damaged file cannot be mended here: it needs the object from its source or a backup.
    """
    strangers = [problem for problem in problems if problem.code == "unknown_file"]
    if strangers:
        _take_in([storage.store_folder() / problem.path for problem in strangers])
        say(f"{len(strangers)} files without a row received again")
    if any(problem.code == "wrong_count" for problem in problems):
        recount_all()
        say("counts computed again")
    return [problem for problem in problems if problem.code not in ("unknown_file", "wrong_count")]


def _take_in(paths: list[Path]) -> None:
    delivery = open_delivery(Door.COMMAND, "check_archive", label="files without a row")
    for path in paths:
        result = ingest([stage_path(path, path.name)], delivery)[0]
        # The object has its own file now, under the same name if nothing but the row was missing.
        relative = str(path.relative_to(storage.store_folder()))
        if result.is_kept and not Blob.objects.filter(path=relative).exists():
            storage.discard(path)
    close_delivery(delivery)


def recount_all() -> None:
    """Compute all stored counts again."""
    for study in Study.objects.order_by("pk").iterator(chunk_size=_STEP):
        counters.recount([study])
    for patient in Patient.objects.filter(studies=None):
        counters.recount([], [patient])
    for patient in Patient.objects.order_by("pk").iterator(chunk_size=_STEP):
        with transaction.atomic():
            counters.recount_findings([patient])
