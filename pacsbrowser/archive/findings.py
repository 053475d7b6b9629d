"""Findings of the archive: what they are called, how they are recorded, and how a person decides on them.

The findings of a single header have their codes and words in `dicom.findings`; here are those that only show between
objects.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import counters
from pacsbrowser.archive.models import Finding, Patient, Series, Study
from pacsbrowser.archive.models.findings import FindingQuerySet
from pacsbrowser.statements import marks, select, update

# What is said of a disagreement's values; more than these are counted but not listed.
_VALUES = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of finding: how much it matters, its title, and what it means, in plain words."""

    severity: str
    title: str
    meaning: str


KINDS: dict[str, Kind] = {
    "study_uid_shared": Kind(
        "error",
        "Study Instance UID under several patients",
        "Objects with this Study Instance UID (0020,000D) came with different Patient IDs. They are kept apart: each "
        "is shown under the patient whose ID it carries. A study belongs to one patient (PS3.3 A.1.2).",
    ),
    "series_uid_shared": Kind(
        "warning",
        "Series Instance UID in several studies",
        "Objects with this Series Instance UID (0020,000E) came in different studies, and are shown in each of them. A "
        "series belongs to one study (PS3.3 A.1.2).",
    ),
    "sop_uid_shared": Kind(
        "warning",
        "SOP Instance UID in several series",
        "Objects with this SOP Instance UID (0008,0018) came in different series, and are shown in each of them. A UID "
        "names one object (PS3.5 9).",
    ),
    "attribute_disagrees": Kind(
        "warning",
        "Values disagree",
        "Objects that belong together carry different values. The first one received is shown.",
    ),
    "variant": Kind(
        "info",
        "Also here in another transfer syntax",
        "The same object was received in another encoding, which is kept beside the one shown.",
    ),
    "conflict": Kind(
        "error",
        "Different objects under one SOP Instance UID",
        "Another object with this UID and other content was received. Both are kept; the first is shown until a person "
        "decides.",
    ),
    "replaced_truncated": Kind(
        "info",
        "A whole object replaced one that was cut short",
        "The first copy received was cut short. The whole one is shown, the other is kept beside it.",
    ),
}

# These speak of other holders of a UID, which a viewer with a limited scope must not even guess at.
_BETWEEN_HOLDERS = frozenset({"study_uid_shared", "series_uid_shared", "sop_uid_shared"})


@dataclass(frozen=True, slots=True)
class Observation:
    """A finding that was met once, on one object."""

    code: str
    severity: str
    level: str
    patient_id: int
    study_id: int | None = None
    series_id: int | None = None
    instance_id: int | None = None
    keyword: str = ""
    detail: str = ""
    value: str = ""

    @property
    def object_key(self) -> int:
        """The row key of the object that the finding is on."""
        key = {
            "patient": self.patient_id,
            "study": self.study_id,
            "series": self.series_id,
            "instance": self.instance_id,
        }[self.level]
        if key is None:
            raise ValueError(f"a finding on the level {self.level} needs its row")
        return key

    @property
    def identity(self) -> tuple[str, int, str, str]:
        """What makes a repeat of it the same finding."""
        return self.level, self.object_key, self.code, self.keyword


def visible_findings(scope: Scope) -> FindingQuerySet:
    """Return the findings a viewer may see: none that tells of studies out of scope."""
    found = Finding.objects.all()
    if scope.everything:
        return found
    return found.filter(study__in=Study.objects.visible_to(scope)).exclude(code__in=_BETWEEN_HOLDERS)


def record(observations: Sequence[Observation], now: datetime) -> None:
    """Write observations: a repeat adds to the finding that is there. Call inside the transaction of the objects."""
    if not observations:
        return
    known = _find_known(observations)
    fresh: dict[tuple[str, int, str, str], Finding] = {}
    for one in observations:
        finding = known.get(one.identity) or fresh.get(one.identity)
        if finding is None:
            finding = fresh[one.identity] = _new(one, now)
        else:
            finding.instance_count += 1
            finding.last_seen = now
        _add_value(finding, one)
    again = sorted({one.identity for one in observations} & known.keys())
    _update([known[key] for key in again])
    Finding.objects.bulk_create(fresh.values())
    _bump(fresh.values())


def _update(findings: Sequence[Finding]) -> None:
    """Write what a repeat changes."""
    update(findings, "instance_count", "last_seen", "values")


def _find_known(observations: Sequence[Observation]) -> dict[tuple[str, int, str, str], Finding]:
    keys = list({one.object_key for one in observations})
    codes = list({one.code for one in observations})
    rows = select(Finding, f"object_key IN ({marks(keys)}) AND code IN ({marks(codes)})", [*keys, *codes])
    return {(row.level, row.object_key, row.code, row.keyword): row for row in rows}


def _new(one: Observation, now: datetime) -> Finding:
    return Finding(
        code=one.code,
        severity=one.severity,
        level=one.level,
        keyword=one.keyword[:64],
        detail=one.detail[:1000],
        patient_id=one.patient_id,
        study_id=one.study_id,
        series_id=one.series_id,
        instance_id=one.instance_id,
        object_key=one.object_key,
        first_seen=now,
        last_seen=now,
    )


def _add_value(finding: Finding, one: Observation) -> None:
    if not one.value:
        return
    for entry in finding.values:
        if entry["value"] == one.value:
            entry["instances"] += 1
            return
    if len(finding.values) < _VALUES:
        finding.values.append(
            {
                "value": one.value,
                "instances": 1,
                "study": one.study_id,
                "series": one.series_id,
                "instance": one.instance_id,
            }
        )


def _bump(fresh: Iterable[Finding]) -> None:
    """Count new open findings on their series, studies and patients; notes are not counted."""
    counted = [finding for finding in fresh if finding.severity != Finding.Severity.INFO]
    for model, keys in (
        (Patient, Counter(finding.patient_id for finding in counted)),
        (Study, Counter(finding.study_id for finding in counted if finding.study_id)),
        (Series, Counter(finding.series_id for finding in counted if finding.series_id)),
    ):
        for key, count in keys.items():
            model._default_manager.filter(pk=key).update(finding_count=F("finding_count") + count)


def decide(finding: Finding, who: str, why: str) -> None:
    """Mark a finding as dealt with, with the reason a person gave."""
    _set_state(finding, Finding.State.DONE, who, why)


def reopen(finding: Finding, who: str, why: str) -> None:
    """Put a finding back among the open ones."""
    _set_state(finding, Finding.State.OPEN, who, why)


def _set_state(finding: Finding, state: Finding.State, who: str, why: str) -> None:
    finding.state = state
    finding.decided_by = who[:150]
    finding.decided = timezone.now()
    finding.decision = why[:500]
    with transaction.atomic():
        finding.save(update_fields=["state", "decided_by", "decided", "decision"])
        counters.recount_findings([finding.patient])
