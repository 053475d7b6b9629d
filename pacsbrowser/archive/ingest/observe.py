"""What is odd about a group: what each header says of itself, and what shows only beside what is in the archive."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TypeVar

from pacsbrowser.archive.findings import KINDS, Observation
from pacsbrowser.archive.ingest.collisions import Place
from pacsbrowser.archive.ingest.decision import Decision
from pacsbrowser.archive.ingest.parents import Disagreement, Parents
from pacsbrowser.archive.models import Instance, Outcome, Patient, Series, Study


def observe(decisions: Sequence[Decision], parents: Parents, held: Mapping[Place, Instance]) -> list[Observation]:
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
    found += _shared_instances(decisions, held)
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
    for group in _holders(parents.studies.values(), parents.created_studies, attrgetter("study_instance_uid")):
        for study in group:
            yield _shared("study_uid_shared", "study", study.patient_id, study.pk)


def _shared_series(parents: Parents) -> Iterator[Observation]:
    for group in _holders(parents.series.values(), parents.created_series, attrgetter("series_instance_uid")):
        for series in group:
            yield _shared("series_uid_shared", "series", series.study.patient_id, series.study_id, series.pk)


def _shared_instances(decisions: Sequence[Decision], held: Mapping[Place, Instance]) -> Iterator[Observation]:
    fresh = [one.instance for one in decisions if one.instance and one.is_new and not one.code]
    for group in _holders([*held.values(), *fresh], fresh, attrgetter("sop_instance_uid")):
        for one in group:
            series = one.series
            yield _shared("sop_uid_shared", "instance", series.study.patient_id, series.study_id, series.pk, one.pk)


Row = TypeVar("Row", Study, Series, Instance)


def _holders(rows: Iterable[Row], fresh: Sequence[Row], uid_of: Callable[[Row], str]) -> Iterator[list[Row]]:
    """Yield, for each UID of a fresh row that others have too, those rows that have not been told so before."""
    by_uid: dict[str, dict[int, Row]] = {}
    for row in rows:
        by_uid.setdefault(uid_of(row), {})[row.pk] = row
    new = {row.pk for row in fresh}
    for uid in {uid_of(row) for row in fresh}:
        holders = list(by_uid[uid].values())
        before = [row for row in holders if row.pk not in new]
        if len(holders) > 1:
            yield [row for row in holders if row.pk in new or len(before) == 1]


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
