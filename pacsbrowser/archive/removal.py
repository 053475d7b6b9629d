"""The trash: objects are taken out of sight with who, when and why; restored; or deleted for good.

Whether a person may do this is for the doors to ask. Large removals are done in steps that each hold the write lock
only shortly; a removal that was cut off is finished by doing it again.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from pacsbrowser.access.models import User
from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import counters, ordering, storage
from pacsbrowser.archive.models import (
    Blob,
    Copy,
    DeliveryItem,
    Finding,
    Instance,
    Level,
    Patient,
    Removal,
    Series,
    Study,
    Tombstone,
)
from pacsbrowser.archive.models.levels import in_scope

_STEP = 1000
# A row that is deleted takes its copies, references, findings and lines of deliveries along or changes them.
_DELETED_AT_ONCE = 100
_GONE = "deleted for good"


class AlreadyEnded(Exception):
    """A removal was restored or deleted for good by somebody else."""


Removable = Patient | Study | Series | Instance
# Called once for each study, in the transaction that ends what was done to it, with the number of its instances.
Witness = Callable[[Removal, Study, int], object]


def _nobody(removal: Removal, study: Study, count: int) -> None:
    """Witness nothing."""


def level_of(row: Removable) -> Level:
    """Return the level of a row."""
    return {
        Patient: Level.PATIENT,
        Study: Level.STUDY,
        Series: Level.SERIES,
        Instance: Level.INSTANCE,
    }[type(row)]


def live_instances(row: Removable) -> QuerySet[Instance]:
    """Return the live instances below a row of any level."""
    path = {
        Level.PATIENT: "series__study__patient",
        Level.STUDY: "series__study",
        Level.SERIES: "series",
        Level.INSTANCE: "pk",
    }[level_of(row)]
    return Instance.objects.live().filter(**{path: row.pk})


def visible_removals(scope: Scope) -> QuerySet[Removal]:
    """Return the acts of removal that a viewer may know of: those of which every instance is in scope."""
    rows = Removal.objects.all()
    if scope.everything:
        return rows
    of_this = Instance.objects.filter(removal=OuterRef("pk"))
    inside = in_scope(scope, "series__study__")
    return rows.filter(Exists(of_this.filter(inside))).exclude(Exists(of_this.exclude(inside)))


def remove(row: Removable, user: User, why: str, witness: Witness = _nobody) -> Removal:
    """Put everything below a row into the trash and return the act."""
    removal = Removal.objects.create(
        level=level_of(row),
        label=_label(row),
        uid=_uid(row),
        user=user,
        who=user.get_username(),
        when=timezone.now(),
        why=why[:500],
        instance_count=0,
        size=row.size if not isinstance(row, Instance) else row.blob.size,
    )
    removal.instance_count = _move(live_instances(row), removal, partial(witness, removal))
    removal.save(update_fields=["instance_count"])
    return removal


def _label(row: Removable) -> str:
    """Return what a person recognises the removed object by on the trash page."""
    if isinstance(row, Patient):
        return row.name_display or row.patient_id or "No ID"
    if isinstance(row, Study):
        return row.study_description or row.study_date or row.study_instance_uid
    if isinstance(row, Series):
        return row.series_description or f"{row.modality} series {row.series_number}".strip()
    return f"Instance {row.instance_number}" if row.instance_number else row.sop_instance_uid


def _uid(row: Removable) -> str:
    if isinstance(row, Study):
        return row.study_instance_uid
    if isinstance(row, Series):
        return row.series_instance_uid
    return row.sop_instance_uid if isinstance(row, Instance) else ""


def restore(removal: Removal, who: str, witness: Witness = _nobody) -> int:
    """Make the instances of a removal live again; return how many. What was sent again meanwhile is live already.

    Raises:
        AlreadyEnded: somebody else restored it or deleted it for good meanwhile, and nothing was left to do.
    """
    count = _move(Instance.objects.filter(removal=removal), None, partial(witness, removal))
    _end(removal, count, restored=timezone.now(), restored_by=who[:150])
    return count


def _end(removal: Removal, count: int, **how: object) -> None:
    """Note how a removal ended. Of several at once the first one says it; who came too late to do anything is told."""
    ended = Removal.objects.filter(pk=removal.pk, restored=None, purged=None).update(**how)
    if not ended and not count:
        raise AlreadyEnded


def _move(instances: QuerySet[Instance], into: Removal | None, witness: Callable[[Study, int], object]) -> int:
    """Put instances into the trash, or out of it, study by study; return how many."""
    moved = 0
    patients: dict[int, Patient] = {}
    for study in _studies_of(instances):
        patients[study.patient_id] = study.patient
        moved += _move_study(study, instances, into, witness)
    for patient in patients.values():
        with transaction.atomic():
            counters.recount_findings([patient])
    return moved


def _move_study(
    study: Study, instances: QuerySet[Instance], into: Removal | None, witness: Callable[[Study, int], object]
) -> int:
    """Move the instances of one study.

    The last step, its counts and its witness are one transaction: where this was cut off, instances are left over, and
    doing it again finds the study by them.
    """
    found = list(instances.filter(series__study=study).values_list("pk", "series_id"))
    series = {key for _, key in found}
    *steps, last = _steps([key for key, _ in found]) if found else [[]]
    moved = sum(instances.filter(pk__in=step).update(removal=into) for step in steps)

    def end() -> int:
        ended = instances.filter(pk__in=last).update(removal=into)
        Series.objects.filter(pk__in=series).update(order_rule=ordering.UNKNOWN)
        if moved + ended:
            witness(study, moved + ended)
        return ended

    going, coming = (last, []) if into else ([], last)
    moved += counters.recount_after(study, end, going, coming)
    ordering.settle(series)
    return moved


def purge(removal: Removal, who: str, witness: Witness = _nobody) -> int:
    """Delete for good what a removal put into the trash: rows first, then files; return how many instances.

    Raises:
        AlreadyEnded: somebody else restored it or deleted it for good meanwhile, and nothing was left to do.
    """
    studies = _studies_of(Instance.objects.filter(removal=removal))
    deleted = sum(_purge_study(study, removal, partial(witness, removal)) for study in studies)
    _end(removal, deleted, purged=timezone.now(), purged_by=who[:150])
    _delete_empty_parents(studies)
    return deleted


def _purge_study(study: Study, removal: Removal, witness: Callable[[Study, int], object]) -> int:
    of_this = Instance.objects.filter(removal=removal, series__study=study)
    steps = list(_steps(list(of_this.values_list("pk", flat=True)), _DELETED_AT_ONCE))
    deleted = 0
    for place, step in enumerate(steps, 1):
        with transaction.atomic():
            # Read again under the lock: an object that was sent again meanwhile is live and stays.
            still = list(of_this.filter(pk__in=step).values_list("pk", flat=True))
            _delete_rows(still)
            deleted += len(still)
            if deleted and place == len(steps):
                witness(study, deleted)
        unlink_tombstones()
    return deleted


def _delete_rows(keys: list[int]) -> None:
    copies = Copy.objects.filter(instance__in=keys)
    blobs = [
        *Instance.objects.filter(pk__in=keys).values_list("blob_id", "blob__path"),
        *copies.values_list("blob_id", "blob__path"),
    ]
    # The lines of the deliveries stay, for their counts; without their key, a file that is sent again is taken in.
    DeliveryItem.objects.filter(instance__in=keys).update(
        name=_GONE, reason="", resume_key="", study_instance_uid="", series_instance_uid="", sop_instance_uid=""
    )
    Tombstone.objects.bulk_create((Tombstone(path=path) for _, path in blobs), ignore_conflicts=True)
    # What other instances have as well stays, without this one as the example.
    several = Finding.objects.filter(instance__in=keys, instance_count__gt=1).exclude(level=Level.INSTANCE)
    several.update(instance=None)
    copies.delete()
    Instance.objects.filter(pk__in=keys).delete()
    Blob.objects.filter(pk__in=[key for key, _ in blobs]).delete()


def unlink_tombstones() -> int:
    """Unlink the files whose rows are deleted, unless the same bytes were received again; return how many."""
    count = 0
    while stones := list(Tombstone.objects.all()[:_DELETED_AT_ONCE]):
        with transaction.atomic():
            paths = [stone.path for stone in stones]
            kept = set(Blob.objects.filter(path__in=paths).values_list("path", flat=True))
            for path in paths:
                if path not in kept:
                    storage.discard(storage.store_folder() / path)
            Tombstone.objects.filter(pk__in=[stone.pk for stone in stones]).delete()
        count += len(stones)
    return count


def delete_empty_studies() -> None:
    """Delete studies, and their patients, of which a deletion for good that was cut off left nothing but the rows."""
    within = Instance.objects.filter(series__study=OuterRef("pk"))
    empty = Study.objects.filter(instance_count=0).exclude(Exists(within)).select_related("patient")
    while studies := list(empty[:_STEP]):
        _delete_empty_parents(studies)


def _delete_empty_parents(studies: list[Study]) -> None:
    for study in studies:
        with transaction.atomic():
            Series.objects.filter(study=study, instances=None).delete()
            if not study.series_set.exists():
                study.delete()
    for patient in {study.patient for study in studies}:
        with transaction.atomic():
            if patient.studies.exists() or patient.merged.exists():
                counters.recount_findings([patient])
            else:
                patient.delete()


def _studies_of(instances: QuerySet[Instance]) -> list[Study]:
    keys = set(instances.order_by().values_list("series__study", flat=True).distinct())
    return list(Study.objects.filter(pk__in=keys).select_related("patient"))


def _steps(keys: list[int], size: int | None = None) -> Iterator[list[int]]:
    rest = iter(keys)
    while step := list(islice(rest, size or _STEP)):
        yield step
