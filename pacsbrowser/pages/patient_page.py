"""What the patient page shows: who it is, and a page of the studies, newest first, grouped by year."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.inbox import finding_counts, is_key, open_findings_of
from pacsbrowser.archive.models import Patient, Study
from pacsbrowser.dicom.names import PersonName
from pacsbrowser.pages.wording import FindingLine, finding_lines

PAGE = 100
NAME_GROUPS = ("alphabetic", "ideographic", "phonetic")


@dataclass(frozen=True, slots=True)
class StudyCard:
    """A study in the list, with the query its links carry where its UID is shared, and its number of findings."""

    study: Study
    holder_query: str
    findings: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What a viewer may see of a patient, counted."""

    studies: int
    series: int
    instances: int
    size: int
    last_study: str


@dataclass(frozen=True, slots=True)
class NameLine:
    """One group of a name (PS3.5 6.2.1): which, and how it is shown."""

    group: str
    text: str


def context(patient: Patient, scope: Scope, after: str) -> dict[str, Any]:
    """Return the context of a patient's page; `after` is the key of the last study of the page before."""
    visible = Study.objects.visible_to(scope).filter(patient=patient)
    rows = _page(visible, after)
    more = rows[PAGE - 1].pk if len(rows) > PAGE else None
    cards = study_cards(rows[:PAGE], scope)
    return {
        "patient": patient,
        "totals": totals(patient, visible, scope),
        "years": [(year, list(group)) for year, group in groupby(cards, key=_year)],
        "more": more,
        "continued": bool(after),
        "names": name_lines(patient.patient_name),
        **findings_context(patient, scope),
    }


def findings_context(patient: Patient, scope: Scope) -> dict[str, Any]:
    """Return what the banner and the notice say of a patient's findings."""
    rows = open_findings_of(patient, scope)
    lines: list[FindingLine] = finding_lines(rows[:3])
    count = patient.finding_count if scope.everything else rows.count()
    return {"finding_lines": lines, "patient_findings": count, "findings_query": f"?patient={patient.pk}"}


def totals(patient: Patient, visible: QuerySet[Study], scope: Scope) -> Totals:
    """Return the counts of what is visible: the stored ones, or for a limited scope those of its studies."""
    if scope.everything:
        return Totals(
            patient.study_count, patient.series_count, patient.instance_count, patient.size, patient.last_study
        )
    counted = visible.aggregate(
        studies=Count("pk"), series=Sum("series_count"), instances=Sum("instance_count"), size=Sum("size")
    )
    newest = visible.order_by("-date_sort", "-pk").first()
    return Totals(
        counted["studies"], counted["series"] or 0, counted["instances"] or 0, counted["size"] or 0,
        newest.date_sort if newest else "",
    )  # fmt: skip


def study_cards(studies: list[Study], scope: Scope) -> list[StudyCard]:
    """Return studies with what their links and badges need, in two queries whatever their number."""
    shared = Study.objects.visible_to(scope).shared_uids(study.study_instance_uid for study in studies)
    counts = finding_counts(studies, scope)
    return [
        StudyCard(
            study,
            f"?holder={study.pk}" if study.study_instance_uid in shared else "",
            counts.get(study.pk, 0),
        )
        for study in studies
    ]


def name_lines(raw: str) -> list[NameLine]:
    """Return the groups of a name that are given, each with what it is called."""
    groups = zip(NAME_GROUPS, PersonName.parse(raw).groups, strict=False)
    lines = [NameLine(kind, group.text(upper=kind == "alphabetic")) for kind, group in groups]
    return [line for line in lines if line.text]


def _page(visible: QuerySet[Study], after: str) -> list[Study]:
    last = visible.filter(pk=int(after)).first() if is_key(after) else None
    if last:
        visible = visible.filter(Q(date_sort__lt=last.date_sort) | Q(date_sort=last.date_sort, pk__lt=last.pk))
    return list(visible.order_by("-date_sort", "-pk")[: PAGE + 1])


def _year(card: StudyCard) -> str:
    return card.study.date_sort[:4] or "No date"
