"""The proof that nothing is lost: every row has its file, every file its row, every digest and every count is right."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction
from django.db.models import Count, Sum

from pacsbrowser.archive import counters, storage
from pacsbrowser.archive.ingest import close_delivery, ingest, open_delivery
from pacsbrowser.archive.models import Blob, Door, Finding, Instance, Patient, Series, Study
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
    """List series, studies and patients whose stored counts, sizes and modalities are not what is stored."""
    for study in Study.objects.order_by("pk").iterator(chunk_size=_STEP):
        # what arrived since the row was read is no problem: it is looked at again
        if _study_problems(study) and (fresh := Study.objects.filter(pk=study.pk).first()):
            yield from _study_problems(fresh)
    for patient in Patient.objects.order_by("pk").iterator(chunk_size=_STEP):
        if _patient_problem(patient) and (again := Patient.objects.filter(pk=patient.pk).first()):
            yield from filter(None, [_patient_problem(again)])
    yield from check_finding_counts()


def _study_problems(study: Study) -> list[Problem]:
    live = Instance.objects.live().filter(series__study=study).order_by().values("series")
    sums = live.annotate(n=Count("id"), frames=Sum("number_of_frames"), bytes=Sum("blob__size"))
    counted = {row["series"]: (row["n"], row["frames"], row["bytes"]) for row in sums}
    problems, modalities = [], set()
    for series in Series.objects.filter(study=study):
        count, frames, size = counted.get(series.pk, (0, 0, 0))
        if (count, frames, size) != (series.instance_count, series.frame_count, series.size):
            detail = f"{count} instances, {frames} frames, {size} bytes stored"
            problems.append(Problem("wrong_count", f"series {series.pk}", detail))
        if count and series.modality:
            modalities.add(series.modality)
    stored = len(counted), sum(n for n, _, _ in counted.values()), sum(size for _, _, size in counted.values())
    if stored != (study.series_count, study.instance_count, study.size):
        detail = f"{stored[0]} series, {stored[1]} instances, {stored[2]} bytes stored"
        problems.append(Problem("wrong_count", f"study {study.pk}", detail))
    listed = set(study.study_modalities.values_list("modality", flat=True))
    if study.modalities != counters.join(modalities) or listed != modalities:
        problems.append(Problem("wrong_count", f"study {study.pk}", f"modalities {sorted(modalities)} stored"))
    return problems


def _patient_problem(patient: Patient) -> Problem | None:
    live = patient.studies.filter(instance_count__gt=0)
    sums = live.aggregate(n=Count("id"), series=Sum("series_count"), instances=Sum("instance_count"), bytes=Sum("size"))
    stored = sums["n"], sums["series"] or 0, sums["instances"] or 0, sums["bytes"] or 0
    last = max(live.values_list("date_sort", flat=True), default="")
    modalities = counters.join(live.values_list("modalities", flat=True))
    counts = patient.study_count, patient.series_count, patient.instance_count, patient.size
    if (*stored, last, modalities) == (*counts, patient.last_study, patient.modalities):
        return None
    return Problem("wrong_count", f"patient {patient.pk}", f"{stored[0]} studies, {stored[3]} bytes stored")


def check_finding_counts() -> Iterator[Problem]:
    """List series, studies and patients whose number of open findings is not that of the findings."""
    for name, model in (("series", Series), ("study", Study), ("patient", Patient)):
        still = Finding.objects.live().open().exclude(**{name: None}).order_by().values_list(name)
        counted = dict(still.annotate(n=Count("id")))
        for key, count in (
            model._default_manager.order_by("pk").values_list("pk", "finding_count").iterator(chunk_size=_STEP)
        ):
            if count != counted.get(key, 0):
                yield Problem("wrong_count", f"{name} {key}", f"{counted.get(key, 0)} open findings")


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
