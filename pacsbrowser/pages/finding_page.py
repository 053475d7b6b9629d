"""What the page of a finding shows: where it is, the values that disagree, the holders of a UID, the other copy."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Copy, Finding, Instance, Series, Study
from pacsbrowser.pages import comparing
from pacsbrowser.pages.wording import finding_line

HOLDERS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A value that some objects have, in how many it was seen when they came, and one of them.

    Those with the value that is shown were not counted: they are the others.
    """

    value: str
    instances: int
    example: Instance | None
    is_shown: bool


def detail_context(finding: Finding, scope: Scope) -> dict[str, Any]:
    """Return the context of a finding's page."""
    copies = _copies(finding)
    shown = copies[0].instance if copies else None
    return {
        "finding": finding,
        "line": finding_line(finding),
        "example": example(finding, scope),
        "values": value_rows(finding, scope),
        "holders": list(holders(finding, scope)[:HOLDERS_SHOWN]),
        "copies": copies,
        "shown": shown,
        "comparison": comparing.compare(shown, copies[0], limit=40) if shown else None,
    }


def example(finding: Finding, scope: Scope) -> Instance | None:
    """Return an instance that has what the finding says."""
    rows = _with_parents(Instance.objects.visible_to(scope))
    if finding.instance_id:
        found = rows.filter(pk=finding.instance_id).first()
        if found:
            return found
    if finding.series_id and finding.level == "series":
        return rows.filter(series=finding.series_id).order_by("position", "pk").first()
    return None


def value_rows(finding: Finding, scope: Scope) -> list[ValueRow]:
    """Return the value that is shown and those that disagree with it, each with an example the viewer may see."""
    if finding.code != "attribute_disagrees":
        return []
    keys = [entry["instance"] for entry in finding.values if entry.get("instance")]
    rows = _with_parents(Instance.objects.visible_to(scope).filter(pk__in=keys))
    examples = {instance.pk: instance for instance in rows}
    others = [
        ValueRow(str(entry.get("value", "")), entry.get("instances", 0), examples.get(entry.get("instance")), False)
        for entry in finding.values
    ]
    return [ValueRow(finding.detail, 0, _first_instance(finding, scope), True), *others]


def _first_instance(finding: Finding, scope: Scope) -> Instance | None:
    """Return the first object that was received for what the finding is on: its value is the one shown."""
    series = Series.objects.visible_to(scope)
    if finding.series_id:
        series = series.filter(pk=finding.series_id)
    elif finding.study_id:
        series = series.filter(study=finding.study_id)
    else:
        series = series.filter(study__patient=finding.patient_id)
    first = series.order_by("pk").first()
    rows = _with_parents(Instance.objects.visible_to(scope).filter(series=first))
    return rows.order_by("pk").first() if first else None


def holders(finding: Finding, scope: Scope) -> QuerySet[Study] | QuerySet[Instance]:
    """Return the studies, or the instances, that hold a UID which should be in one place."""
    studies = Study.objects.visible_to(scope).select_related("patient").order_by("pk")
    if finding.code == "study_uid_shared" and finding.study:
        return studies.filter(study_instance_uid=finding.study.study_instance_uid)
    if finding.code == "series_uid_shared" and finding.series:
        return studies.filter(series_set__series_instance_uid=finding.series.series_instance_uid).distinct()
    if finding.code == "sop_uid_shared" and finding.instance:
        held = Instance.objects.visible_to(scope).filter(sop_instance_uid=finding.instance.sop_instance_uid)
        return _with_parents(held).order_by("pk")
    return studies.none()


def _copies(finding: Finding) -> list[Copy]:
    if finding.code not in ("conflict", "variant", "replaced_truncated") or not finding.instance_id:
        return []
    rows = Copy.objects.filter(instance=finding.instance_id).select_related(
        "blob", "delivery", "instance__blob", "instance__delivery", "instance__series__study"
    )
    return list(rows.order_by("pk")[:HOLDERS_SHOWN])


def _with_parents(rows: QuerySet[Instance]) -> QuerySet[Instance]:
    return rows.select_related("series__study__patient")
