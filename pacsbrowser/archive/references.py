"""What refers to what: from an instance or a series, and to them.

References are rows of what a header names (`dicom.references`), by UID. They are told grouped by series and kind, as
one report may name thousands of images, and within a bound, as one image may be named by every slice there is. What
the viewer may not see is "not in the archive", exactly like what is not.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db.models import QuerySet

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Instance, Reference, Series, Study

FRAME_OF_REFERENCE = "frame_of_reference"
# Kinds that name no instance but what holds it.
OF_LEVELS = ("referenced_series", "referenced_study")
MOST_REFERENCES = 20_000
GROUPS_SHOWN = 40
DANGLING_SHOWN = 10
_CHUNK = 10_000

Kinds = tuple[str, ...]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class ReferenceGroup:
    """Instances of one series that are referred to, or that refer, as the same kinds; `example` is the first."""

    kinds: Kinds
    example: Instance
    count: int


@dataclass(frozen=True, slots=True)
class Dangling:
    """An object that is named and is not in the archive, as far as the viewer may know."""

    kinds: Kinds
    sop_class_uid: str
    target_uid: str


@dataclass(slots=True)
class References:
    """One side of what an object refers to or is referred to by. `is_cut`: there are more references than were read."""

    groups: list[ReferenceGroup] = field(default_factory=list)
    group_count: int = 0
    series: list[Series] = field(default_factory=list)
    studies: list[Study] = field(default_factory=list)
    dangling: list[Dangling] = field(default_factory=list)
    dangling_count: int = 0
    is_cut: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.groups or self.series or self.studies or self.dangling)


def references_of_instance(instance: Instance, scope: Scope) -> References:
    """Return what an instance refers to."""
    return _resolved(Reference.objects.filter(instance=instance).order_by("pk"), scope, None)


def references_of_series(series: Series, scope: Scope) -> References:
    """Return what the live instances of a series refer to outside of it."""
    rows = Reference.objects.filter(instance__series=series, instance__removal=None).order_by()
    return _resolved(rows.distinct(), scope, series)


def referrers_of_instance(instance: Instance, scope: Scope) -> References:
    """Return which instances refer to this one."""
    return _referrers([instance.sop_instance_uid], scope, None)


def referrers_of_series(series: Series, scope: Scope) -> References:
    """Return which instances outside a series refer to it, or to its instances."""
    uids = Instance.objects.live().filter(series=series).order_by().values_list("sop_instance_uid", flat=True)
    found = list(uids[: MOST_REFERENCES + 1])
    told = _referrers([series.series_instance_uid, *found[:MOST_REFERENCES]], scope, series)
    told.is_cut |= len(found) > MOST_REFERENCES
    return told


def _resolved(rows: QuerySet[Reference], scope: Scope, own: Series | None) -> References:
    """Find what references name, within the bound and within the scope."""
    named = rows.exclude(kind=FRAME_OF_REFERENCE).values_list("kind", "sop_class_uid", "target_uid")
    read = list(named[: MOST_REFERENCES + 1])
    kinds: dict[str, list[str]] = defaultdict(list)
    classes: dict[str, str] = {}
    for kind, sop_class, uid in read[:MOST_REFERENCES]:
        if kind not in kinds[uid]:
            kinds[uid].append(kind)
        classes[uid] = classes.get(uid) or sop_class
    found = _instances_by_uid(list(kinds), scope)
    told = _grouped((kinds[uid], series, pk) for uid, series, pk in found if own is None or series != own.pk)
    told.is_cut = len(read) > MOST_REFERENCES
    here = {uid for uid, *_ in found}
    named_levels = _add_levels(told, [uid for uid in kinds if uid not in here], {row[1] for row in found}, scope)
    absent = [uid for uid in kinds if uid not in here and uid not in named_levels]
    objects = [uid for uid in absent if not set(kinds[uid]) <= set(OF_LEVELS)]
    lacking = objects or absent
    told.dangling_count = len(lacking)
    told.dangling = [Dangling(tuple(kinds[uid]), classes[uid], uid) for uid in lacking[:DANGLING_SHOWN]]
    return told


def _referrers(uids: Sequence[str], scope: Scope, own: Series | None) -> References:
    """Find which instances name any of these UIDs."""
    kinds: dict[int, list[str]] = defaultdict(list)
    is_cut = False
    for some in _chunks(uids):
        rows = Reference.objects.filter(target_uid__in=some).exclude(kind=FRAME_OF_REFERENCE)
        rows = rows if own is None else rows.exclude(instance__series=own)
        read = list(rows.order_by().values_list("instance", "kind")[: MOST_REFERENCES + 1])
        is_cut |= len(read) > MOST_REFERENCES
        for pk, kind in read[:MOST_REFERENCES]:
            if kind not in kinds[pk]:
                kinds[pk].append(kind)
    visible = Instance.objects.visible_to(scope).order_by("series_id", "position", "pk")
    found = [row for some in _chunks(list(kinds)) for row in visible.filter(pk__in=some).values_list("series_id", "pk")]
    told = _grouped((kinds[pk], series, pk) for series, pk in found)
    told.is_cut = is_cut
    return told


def _instances_by_uid(uids: Sequence[str], scope: Scope) -> list[tuple[str, int, int]]:
    """Return (UID, series, instance) of what the viewer may see of some SOP Instance UIDs."""
    rows: list[tuple[str, int, int]] = []
    visible = Instance.objects.visible_to(scope).order_by("series_id", "position", "pk")
    for some in _chunks(uids):
        rows += visible.filter(sop_instance_uid__in=some).values_list("sop_instance_uid", "series_id", "pk")
    return rows


def _grouped(rows: Iterable[tuple[Sequence[str], int, int]]) -> References:
    """Group (kinds, series, instance) by series and kinds, the first of each standing for all."""
    counts: dict[tuple[int, Kinds], int] = defaultdict(int)
    examples: dict[tuple[int, Kinds], int] = {}
    for kinds, series, instance in rows:
        key = series, tuple(kind for kind in kinds if kind not in OF_LEVELS) or tuple(kinds)
        counts[key] += 1
        examples.setdefault(key, instance)
    shown = dict(sorted(examples.items(), key=lambda entry: (entry[0][1], entry[0][0]))[:GROUPS_SHOWN])
    loaded = Instance.objects.select_related("series__study__patient").in_bulk(list(shown.values()))
    groups = [ReferenceGroup(key[1], loaded[pk], counts[key]) for key, pk in shown.items() if pk in loaded]
    return References(groups=groups, group_count=len(examples))


def _add_levels(told: References, uids: Sequence[str], known: set[int], scope: Scope) -> set[str]:
    """Add series and studies that are named themselves, unless instances of theirs are told; return which are here."""
    series = [
        row
        for some in _chunks(uids)
        for row in Series.objects.visible_to(scope)
        .filter(series_instance_uid__in=some)
        .select_related("study__patient")
    ]
    studies = [
        row
        for some in _chunks(uids)
        for row in Study.objects.visible_to(scope).filter(study_instance_uid__in=some).select_related("patient")
    ]
    told.series = [row for row in series if row.pk not in known][:GROUPS_SHOWN]
    within = {group.example.series.study_id for group in told.groups} | {row.study_id for row in series}
    told.studies = [row for row in studies if row.pk not in within][:GROUPS_SHOWN]
    return {row.series_instance_uid for row in series} | {row.study_instance_uid for row in studies}


def _chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    return (values[at : at + _CHUNK] for at in range(0, len(values), _CHUNK))
