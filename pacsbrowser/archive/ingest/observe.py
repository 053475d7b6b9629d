"""What is odd about a group: what each header says of itself, and what shows only beside what is in the archive."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import TypeVar

from django.db.models import QuerySet

from pacsbrowser.archive.findings import KINDS, Observation
from pacsbrowser.archive.ingest.decision import Decision
from pacsbrowser.archive.ingest.parents import Disagreement, Parents
from pacsbrowser.archive.models import Instance, Outcome, Patient, Series, Study
from pacsbrowser.statements import rows_of_each

# Of the older holders of a UID so many are looked at: a device that gives all its objects one UID has no end of them.
_MOST_OTHERS = 200


def observe(decisions: Sequence[Decision], parents: Parents) -> list[Observation]:
    """Return all findings of a group. Rows that lack values are filled in from the arrivals on the way."""
    found: list[Observation] = []
    for decision in decisions:
        if decision.code in _ON_INSTANCE:
            found.append(_on_instance(decision, _ON_INSTANCE[decision.code]))
        # what comes back from the trash has its findings still
        if decision.outcome == Outcome.STORED and decision.code != "restored":
            found += _of_header(decision)
            found += _of_disagreement(decision, parents)
    found += _shared_studies(parents)
    found += _shared_series(parents)
    found += _shared_instances(decisions)
    return found


_ON_INSTANCE = {
    "variant": "variant",
    "conflict": "conflict",
    "replaced_removed": "conflict",
    "replaced_truncated": "replaced_truncated",
}


def _on_instance(decision: Decision, code: str) -> Observation:
    family, instance = decision.family, decision.instance
    return Observation(
        code=code,
        severity=KINDS[code].severity,
        level="instance",
        patient_id=family.patient.pk,
        study_id=family.study.pk,
        series_id=family.series.pk,
        instance_id=instance.pk if instance else None,
    )


def _of_header(decision: Decision) -> Iterator[Observation]:
    family, instance = decision.family, decision.instance
    for finding in decision.arrival.header.findings:
        yield Observation(
            code=finding.code,
            severity=finding.severity,
            level="series",
            patient_id=family.patient.pk,
            study_id=family.study.pk,
            series_id=family.series.pk,
            instance_id=instance.pk if instance else None,
            keyword=finding.subject,
            detail=finding.detail,
        )


def _of_disagreement(decision: Decision, parents: Parents) -> Iterator[Observation]:
    family, instance = decision.family, decision.instance
    for one in parents.compare(decision.arrival, family):
        level = _level(one)
        yield Observation(
            code="attribute_disagrees",
            severity=KINDS["attribute_disagrees"].severity,
            level=level,
            patient_id=family.patient.pk,
            study_id=None if level == "patient" else family.study.pk,
            series_id=family.series.pk if level == "series" else None,
            instance_id=instance.pk if instance else None,
            keyword=one.keyword,
            detail=one.shown,
            value=one.value,
        )


def _level(one: Disagreement) -> str:
    if isinstance(one.row, Patient):
        return "patient"
    return "study" if isinstance(one.row, Study) else "series"


def _shared_studies(parents: Parents) -> Iterator[Observation]:
    if not _are_elsewhere(_STUDY_ELSEWHERE, [(one.study_instance_uid, one.pk) for one in parents.created_studies]):
        return
    others = Study.objects.filter(study_instance_uid__in={one.study_instance_uid for one in parents.created_studies})
    for study in _holders(others, parents.created_studies, attrgetter("study_instance_uid")):
        yield _shared("study_uid_shared", "study", study.patient_id, study.pk)


def _shared_series(parents: Parents) -> Iterator[Observation]:
    if not _are_elsewhere(_SERIES_ELSEWHERE, [(one.series_instance_uid, one.pk) for one in parents.created_series]):
        return
    uids = {one.series_instance_uid for one in parents.created_series}
    others = Series.objects.filter(series_instance_uid__in=uids).select_related("study")
    for series in _holders(others, parents.created_series, attrgetter("series_instance_uid")):
        yield _shared("series_uid_shared", "series", series.study.patient_id, series.study_id, series.pk)


def _shared_instances(decisions: Sequence[Decision]) -> Iterator[Observation]:
    fresh = [one.instance for one in decisions if one.instance and one.is_new and not one.code]
    uids = {one.sop_instance_uid for one in fresh}
    if not _are_elsewhere(_INSTANCE_ELSEWHERE, [(one.sop_instance_uid, one.pk) for one in fresh]):
        return
    others = Instance.objects.filter(sop_instance_uid__in=uids).select_related("series__study")
    for one in _holders(others, fresh, attrgetter("sop_instance_uid")):
        series = one.series
        yield _shared("sop_uid_shared", "instance", series.study.patient_id, series.study_id, series.pk, one.pk)


# Hardly ever is a UID in two places: one look into the index each tells.
_STUDY_ELSEWHERE = "SELECT 1 FROM archive_study WHERE study_instance_uid = %s AND id <> %s LIMIT 1"
_SERIES_ELSEWHERE = "SELECT 1 FROM archive_series WHERE series_instance_uid = %s AND id <> %s LIMIT 1"
_INSTANCE_ELSEWHERE = "SELECT 1 FROM archive_instance WHERE sop_instance_uid = %s AND id <> %s LIMIT 1"


def _are_elsewhere(question: str, fresh: Sequence[tuple[str, int]]) -> bool:
    """Whether any of these UIDs, each with the key of its new row, is another row's too."""
    return bool(rows_of_each(question, fresh))


Row = TypeVar("Row", Study, Series, Instance)


def _holders(others: QuerySet[Row], fresh: Sequence[Row], uid_of: Callable[[Row], str]) -> Iterator[Row]:
    """Yield the rows that share the UID of a fresh one and have not been told so before: it, and a lone older one.

    At most _MOST_OTHERS are looked at: where a UID has so many holders, all but the newest have been told.
    """
    new = {row.pk for row in fresh}
    older: dict[str, list[Row]] = {}
    for row in others.exclude(pk__in=new)[:_MOST_OTHERS]:
        older.setdefault(uid_of(row), []).append(row)
    counts = Counter(uid_of(row) for row in fresh)
    for row in fresh:
        if counts[uid_of(row)] > 1 or uid_of(row) in older:
            yield row
    for rows in older.values():
        if len(rows) == 1:
            yield rows[0]


def _shared(
    code: str, level: str, patient_id: int, study_id: int, series_id: int | None = None, instance_id: int | None = None
) -> Observation:
    return Observation(
        code=code,
        severity=KINDS[code].severity,
        level=level,
        patient_id=patient_id,
        study_id=study_id,
        series_id=series_id,
        instance_id=instance_id,
    )
