"""Who holds a UID: studies, series and instances that a viewer may see; and which objects refer to one not here."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db.models import Q, QuerySet

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Instance, Level, Patient, Reference, Series, Study
from pacsbrowser.archive.search.query import SHORTEST_PARTIAL_UID
from pacsbrowser.archive.search.sql import LAST

# Holders shown of one UID, and of one beginning or end of UIDs.
SHOWN = 50
# UIDs with the same beginning that are looked at: those out of scope must not make a search endless.
NEAR = 2_000


@dataclass(frozen=True, slots=True)
class Holder:
    """An object that has a UID, and what stands above it. `is_shared`: its study's UID has other holders as well."""

    level: Level
    uid: str
    study: Study
    series: Series | None = None
    instance: Instance | None = None
    is_shared: bool = False

    @property
    def patient(self) -> Patient:
        """The patient whom the object is shown under."""
        return self.study.patient


def find_holders(scope: Scope, uids: Iterable[str]) -> dict[str, list[Holder]]:
    """Return the holders of each UID among Study, Series and SOP Instance UIDs; a UID without any is absent."""
    wanted = list(dict.fromkeys(uids))
    most = SHOWN * max(1, len(wanted))
    studies = _studies(scope).filter(study_instance_uid__in=wanted)[:most]
    series = _series(scope).filter(series_instance_uid__in=wanted)[:most]
    instances = _instances(scope).filter(sop_instance_uid__in=wanted)[:most]
    found: dict[str, list[Holder]] = {}
    for holder in _holders(scope, studies, series, instances):
        found.setdefault(holder.uid, []).append(holder)
    return {uid: found[uid] for uid in wanted if uid in found}


def find_partial(scope: Scope, part: str) -> list[Holder]:
    """Return objects whose UID begins with `part`, and studies and series whose UID ends with it."""
    if len(part) < SHORTEST_PARTIAL_UID:
        return []
    studies = _near(Study, "study_instance_uid", part) | _near(Study, "uid_reversed", part[::-1])
    series = _near(Series, "series_instance_uid", part) | _near(Series, "uid_reversed", part[::-1])
    instances = _near(Instance, "sop_instance_uid", part)
    return _holders(
        scope,
        _studies(scope).filter(pk__in=studies)[:SHOWN],
        _series(scope).filter(pk__in=series)[:SHOWN],
        _instances(scope).filter(pk__in=instances)[:SHOWN],
    )


def find_frame_of_reference(scope: Scope, uid: str) -> list[Holder]:
    """Return the series that share a Frame of Reference UID (0020,0052)."""
    series = _series(scope).filter(frame_of_reference_uid=uid).exclude(frame_of_reference_uid="")[:SHOWN]
    return _holders(scope, [], series, [])


def find_references(scope: Scope, uid: str) -> list[Reference]:
    """Return references to a UID by instances in scope, with all that stands above them."""
    visible = Instance.objects.visible_to(scope)
    rows = Reference.objects.filter(target_uid=uid, instance__in=visible)
    return list(rows.select_related("instance__series__study__patient").order_by("pk")[:SHOWN])


def _near(model: type[Study] | type[Series] | type[Instance], column: str, part: str) -> set[int]:
    inside = Q(**{f"{column}__gte": part, f"{column}__lt": part + LAST})
    rows = model._default_manager.filter(inside).order_by(column)
    return set(rows.values_list("pk", flat=True)[:NEAR])


def _studies(scope: Scope) -> QuerySet[Study]:
    return Study.objects.visible_to(scope).select_related("patient").order_by("pk")


def _series(scope: Scope) -> QuerySet[Series]:
    return Series.objects.visible_to(scope).select_related("study__patient").order_by("pk")


def _instances(scope: Scope) -> QuerySet[Instance]:
    return Instance.objects.visible_to(scope).select_related("series__study__patient").order_by("pk")


def _holders(
    scope: Scope, studies: Iterable[Study], series: Iterable[Series], instances: Iterable[Instance]
) -> list[Holder]:
    found = [Holder(Level.STUDY, study.study_instance_uid, study) for study in studies]
    found += [Holder(Level.SERIES, one.series_instance_uid, one.study, one) for one in series]
    found += [Holder(Level.INSTANCE, one.sop_instance_uid, one.series.study, one.series, one) for one in instances]
    return _with_shared(scope, found)


def _with_shared(scope: Scope, found: list[Holder]) -> list[Holder]:
    """Note whose study's UID has several holders, so that links say which one is meant."""
    shared = Study.objects.visible_to(scope).shared_uids(holder.study.study_instance_uid for holder in found)
    return [replace(holder, is_shared=holder.study.study_instance_uid in shared) for holder in found]
