"""Stored counts, modalities and Last Study: kept right on every write, so that no list ever counts.

`add` applies what a group brought, from rows just read under the write lock. `recount` computes everything again from
the live instances; removals, restores, moves and repairs use it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q, Sum

from pacsbrowser.archive.models import Finding, Instance, Patient, Series, Study, StudyModality
from pacsbrowser.archive.models.levels import TEXT_LENGTH
from pacsbrowser.statements import update

_SERIES_COLUMNS = (
    "instance_count",
    "frame_count",
    "size",
    "change_seq",
    "order_rule",
    "lowest_number",
    "highest_number",
    "missing_count",
    "received",
)
_STUDY_COLUMNS = ("modalities", "series_count", "instance_count", "size", "received")
_PATIENT_COLUMNS = (
    "last_study",
    "last_study_row_id",
    "modalities",
    "study_count",
    "series_count",
    "instance_count",
    "size",
)

Row = Patient | Study | Series

# Numbers that leave more than this many places free for each instance are labels, not a count with gaps.
_SPARSE = 4
# How often a study is added up at most; the last time under the write lock.
_TRIES = 5


@dataclass(slots=True)
class Gain:
    """What a group added to a series."""

    series: Series
    instances: int = 0
    frames: int = 0
    size: int = 0


def add(gains: Sequence[Gain], filled: Mapping[tuple[type, int], Row], now: datetime) -> None:
    """Add what a group brought to the counters of its series, studies and patients.

    The rows must have been read in this transaction, and share their `study` and `patient` objects.
    `filled` are rows with further changed columns, which are saved whole.
    """
    series_rows: dict[int, Series] = {}
    studies: dict[int, Study] = {}
    patients: dict[int, Patient] = {}
    fresh_modalities: list[StudyModality] = []
    for gain in gains:
        series, study, patient = gain.series, gain.series.study, gain.series.study.patient
        _add_one(gain, now)
        if series.modality and series.modality not in split(study.modalities):
            study.modalities = join({*split(study.modalities), series.modality})
            fresh_modalities.append(StudyModality(modality=series.modality, date_sort=study.date_sort, study=study))
        patient.modalities = join({*split(patient.modalities), *split(study.modalities)})
        series_rows[series.pk], studies[study.pk], patients[patient.pk] = series, study, patient
    for study in {**studies, **_filled_studies(filled)}.values():
        _consider_last(study.patient, study)
        patients[study.patient.pk] = study.patient
    # in the order of their keys, as everybody locks rows
    update([row for _, row in sorted(series_rows.items())], *_SERIES_COLUMNS)
    update([row for _, row in sorted(studies.items())], *_STUDY_COLUMNS)
    update([row for _, row in sorted(patients.items())], *_PATIENT_COLUMNS)
    if fresh_modalities:
        StudyModality.objects.bulk_create(fresh_modalities, ignore_conflicts=True)
    _save_filled(filled.values())


def _add_one(gain: Gain, now: datetime) -> None:
    series, study, patient = gain.series, gain.series.study, gain.series.study.patient
    if gain.instances and not study.instance_count:
        patient.study_count += 1
    if gain.instances and not series.instance_count:
        study.series_count += 1
        patient.series_count += 1
    for row in (series, study, patient):
        row.instance_count += gain.instances
        row.size += gain.size
    series.frame_count += gain.frames
    series.missing_count = missing_numbers(series)
    series.change_seq += 1
    series.received = study.received = now


def missing_numbers(series: Series) -> int:
    """Return how many numbers are free between the first and the last instance of a series ordered by number."""
    if not series.order_rule or series.lowest_number is None or series.highest_number is None:
        return 0
    return free_places(series.lowest_number, series.highest_number, series.instance_count)


def free_places(lowest: int, highest: int, count: int) -> int:
    """Return how many numbers are free between the ends of so many instances; 0 where the numbers are mere labels."""
    places = highest - lowest + 1
    return max(0, places - count) if places <= _SPARSE * count else 0


def _consider_last(patient: Patient, study: Study) -> None:
    """Make a study its patient's last one if no known one ranks before it; undated ones rank last."""
    known = (patient.last_study, patient.last_study_row_id or 0)
    if study.instance_count and (study.date_sort, study.pk) > known:
        patient.last_study = study.date_sort
        patient.last_study_row = study


def _filled_studies(filled: Mapping[tuple[type, int], Row]) -> dict[int, Study]:
    return {row.pk: row for row in filled.values() if isinstance(row, Study)}


def _save_filled(rows: Iterable[Row]) -> None:
    # Patients last: their studies' copies of the name must not be overwritten by rows that were read before.
    for row in sorted(rows, key=lambda row: isinstance(row, Patient)):
        row.save()
        if isinstance(row, Study):
            StudyModality.objects.filter(study=row).update(date_sort=row.date_sort)
        elif isinstance(row, Patient):
            Study.objects.filter(patient=row).update(name_sort=row.name_sort)


def split(modalities: str) -> list[str]:
    """Return the modalities of a stored list."""
    return [part for part in modalities.split("\\") if part]


def join(modalities: Iterable[str]) -> str:
    """Return modalities as they are stored: sorted, each once, as many as fit."""
    return "\\".join(sorted({part for one in modalities for part in split(one)}))[:TEXT_LENGTH]


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the live instances of a study add up to, by series, and the state of its series that this is true of."""

    change_seqs: dict[int, int]
    by_series: dict[int, Mapping[str, Any]]


def recount(studies: Iterable[Study], patients: Iterable[Patient] = ()) -> None:
    """Compute all counts of some studies, their series and patients again from the live instances.

    Args:
        studies: the studies whose instances changed.
        patients: further patients, such as the one that a study was moved away from.
    """
    for study in studies:
        recount_after(study)
    for patient in patients:
        with transaction.atomic():
            _recount_patient(patient.pk)


def recount_after(
    study: Study, change: Callable[[], int] = int, going: Sequence[int] = (), coming: Sequence[int] = ()
) -> int:
    """Make a change to a study's instances and write its new counts, in one transaction; return what `change` returns.

    Adding up a large study takes longer than the write lock may be held, so it is done before, as if the change were
    made, and only verified under the lock; who keeps adding to the study is not waited for without end.

    Args:
        study: the study.
        change: takes instances away or brings them back, and returns how many it found.
        going: the keys of those that it takes away.
        coming: the keys of those that it brings back.
    """
    for tries_left in reversed(range(_TRIES)):
        sums = _add_up(study, going, coming)
        with transaction.atomic():
            if tries_left and _change_seqs(study) != sums.change_seqs:
                continue
            changed = change()
            if not tries_left or changed != len(going) + len(coming):
                sums = _add_up(study)
            _write_study(Study.objects.get(pk=study.pk), sums.by_series)
            _recount_patient(study.patient_id)
            return changed
    raise AssertionError("the last try always counts")


def shift(series: Series, frames: int, size: int) -> None:
    """Add the difference to the counts above an instance that shows another file now."""
    more = F("size") + size
    Series.objects.filter(pk=series.pk).update(
        frame_count=F("frame_count") + frames, size=more, change_seq=F("change_seq") + 1
    )
    Study.objects.filter(pk=series.study_id).update(size=more)
    Patient.objects.filter(studies=series.study_id).update(size=more)


def _change_seqs(study: Study) -> dict[int, int]:
    return dict(Series.objects.filter(study=study).values_list("pk", "change_seq"))


def _add_up(study: Study, going: Sequence[int] = (), coming: Sequence[int] = ()) -> _Sums:
    # the state is read first: what changes while the instances are read is noticed
    change_seqs = _change_seqs(study)
    then_live = Q(removal=None) & ~Q(pk__in=going) | Q(pk__in=coming)
    rows = Instance.objects.filter(then_live, series__study=study).order_by().values("series_id")
    sums = rows.annotate(n=Count("id"), frames=Sum("number_of_frames"), bytes=Sum("blob__size"))
    return _Sums(change_seqs, {row["series_id"]: row for row in sums})


def _write_study(study: Study, by_series: Mapping[int, Mapping[str, Any]]) -> None:
    for series in Series.objects.filter(study=study):
        row = by_series.get(series.pk, {"n": 0, "frames": 0, "bytes": 0})
        series.instance_count, series.frame_count, series.size = row["n"], row["frames"], row["bytes"]
        series.change_seq += 1
        series.save(update_fields=["instance_count", "frame_count", "size", "change_seq"])
    live = Series.objects.filter(study=study, instance_count__gt=0)
    study.series_count = live.count()
    study.instance_count = sum(row["n"] for row in by_series.values())
    study.size = sum(row["bytes"] for row in by_series.values())
    names = set(live.exclude(modality="").values_list("modality", flat=True))
    study.modalities = join(names)
    study.save(update_fields=["series_count", "instance_count", "size", "modalities"])
    StudyModality.objects.filter(study=study).exclude(modality__in=names).delete()
    StudyModality.objects.bulk_create(
        [StudyModality(modality=name, date_sort=study.date_sort, study=study) for name in sorted(names)],
        ignore_conflicts=True,
    )


def _recount_patient(key: int) -> None:
    patient = Patient.objects.get(pk=key)
    live = Study.objects.filter(patient=patient, instance_count__gt=0)
    sums = live.aggregate(n=Count("id"), series=Sum("series_count"), instances=Sum("instance_count"), bytes=Sum("size"))
    patient.study_count = sums["n"]
    patient.series_count = sums["series"] or 0
    patient.instance_count = sums["instances"] or 0
    patient.size = sums["bytes"] or 0
    patient.modalities = join(live.values_list("modalities", flat=True))
    last = live.order_by("-date_sort", "-id").first()
    patient.last_study = last.date_sort if last else ""
    patient.last_study_row = last
    patient.save(update_fields=[name.removesuffix("_id") for name in _PATIENT_COLUMNS])


def recount_findings(patients: Iterable[Patient]) -> None:
    """Compute the numbers of open findings of some patients, their studies and series again; the trash has none."""
    for patient in patients:
        still = Finding.objects.live().open().filter(patient=patient)
        Series.objects.filter(study__patient=patient).update(finding_count=0)
        Study.objects.filter(patient=patient).update(finding_count=0)
        for level, model in (("series", Series), ("study", Study)):
            counts = still.exclude(**{level: None}).order_by().values(level).annotate(n=Count("id"))
            for row in counts:
                model._default_manager.filter(pk=row[level]).update(finding_count=row["n"])
        Patient.objects.filter(pk=patient.pk).update(finding_count=still.count())
