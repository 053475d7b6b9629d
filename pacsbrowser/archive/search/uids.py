"""Who holds a UID: studies, series and instances that a viewer may see; and which objects refer to one not here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from django.db.models import Model, QuerySet

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Instance, Level, Patient, Reference, Series, Study
from pacsbrowser.archive.search.query import SHORTEST_PARTIAL_UID
from pacsbrowser.archive.search.sql import Sql, all_of, equals, fill, one_of, prefix, rows, union

# Holders shown of one UID, and of one beginning or end of UIDs.
SHOWN = 50
# UIDs with the same beginning that are looked at: those out of scope must not make a search endless.
NEAR = 2_000
_UIDS = {
    Level.STUDY: "study_instance_uid",
    Level.SERIES: "series_instance_uid",
    Level.INSTANCE: "sop_instance_uid",
}
Row = TypeVar("Row", bound=Model)


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
    keys = _keys((level, one_of(column, wanted), column) for level, column in _UIDS.items())
    found_here = _of_keys(scope, keys, most)
    found: dict[str, list[Holder]] = {}
    for holder in found_here:
        found.setdefault(holder.uid, []).append(holder)
    return {uid: found[uid] for uid in wanted if uid in found}


def find_partial(scope: Scope, part: str) -> list[Holder]:
    """Return objects whose UID begins with `part`, and studies and series whose UID ends with it."""
    if len(part) < SHORTEST_PARTIAL_UID:
        return []
    ends = [(Level.STUDY, "uid_reversed", part[::-1]), (Level.SERIES, "uid_reversed", part[::-1])]
    begins = [(level, column, part) for level, column in _UIDS.items()]
    return _of_keys(scope, _keys((level, prefix(column, text), column) for level, column, text in begins + ends), SHOWN)


def find_frame_of_reference(scope: Scope, uid: str) -> list[Holder]:
    """Return the series that share a Frame of Reference UID (0020,0052)."""
    column = "frame_of_reference_uid"
    # the index leaves out series without one, and SQLite uses it only for a query that says so in the same words
    has_it = all_of([equals(column, uid), Sql(f"NOT ({column} = '')")])
    return _of_keys(scope, _keys([(Level.SERIES, has_it, column)]), SHOWN)


def find_references(scope: Scope, uid: str) -> list[Reference]:
    """Return references to a UID by instances in scope, with all that stands above them."""
    if not rows(fill("SELECT id FROM archive_reference WHERE {} LIMIT 1", equals("target_uid", uid))):
        return []
    visible = Instance.objects.visible_to(scope)
    found = Reference.objects.filter(target_uid=uid, instance__in=visible)
    return list(found.select_related("instance__series__study__patient").order_by("pk")[:SHOWN])


def _keys(wanted: Iterable[tuple[Level, Sql, str]]) -> dict[Level, set[int]]:
    """Look keys up in all tables by one statement: Django takes longer to write a query than SQLite to find nothing."""
    text = "SELECT * FROM (SELECT '{}' AS level, id FROM archive_{} WHERE {{}} ORDER BY {} LIMIT {})"
    found: dict[Level, set[int]] = {}
    selects = [fill(text.format(level, level, column, NEAR), condition) for level, condition, column in wanted]
    for level, key in rows(union(selects)):
        found.setdefault(Level(level), set()).add(key)
    return found


def _of_keys(scope: Scope, keys: dict[Level, set[int]], most: int) -> list[Holder]:
    """Read those of the objects that are in scope."""

    def those(level: Level, objects: Callable[[Scope], QuerySet[Row]]) -> Iterable[Row]:
        return objects(scope).filter(pk__in=keys[level])[:most] if level in keys else ()

    if not keys:
        return []
    studies = those(Level.STUDY, _studies)
    return _holders(scope, studies, those(Level.SERIES, _series), those(Level.INSTANCE, _instances))


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
