"""What a person decides about objects under one UID: which of them is the one that lists and protocols show."""

from django.db import transaction
from django.utils import timezone

from pacsbrowser.archive import counters, findings, ordering, storage
from pacsbrowser.archive.ingest import references, rows
from pacsbrowser.archive.models import Copy, Finding, Instance, Series
from pacsbrowser.dicom.header import read_header


def make_primary(copy: Copy, who: str, why: str) -> Instance:
    """Show a copy in place of what its instance shows; that becomes the copy. Nothing is lost, and it can be undone.

    Raises:
        Copy.DoesNotExist: somebody else has chosen it meanwhile, or its instance was deleted for good.
        DicomError, OSError: the copy's file cannot be read any more.
    """
    with storage.open_blob(copy.blob) as file:
        header = read_header(file)
    columns = rows.instance_columns(header.values)
    with transaction.atomic():
        copy = Copy.objects.select_related("blob", "instance__blob", "instance__series__study").get(pk=copy.pk)
        instance = copy.instance
        shown, copied = instance.blob, copy.blob
        frames = instance.number_of_frames
        # Both rows point at their file one to one: the copy lets go first.
        before = _facts(instance)
        Copy.objects.filter(pk=copy.pk).delete()
        for column, value in {**columns, **_facts(copy)}.items():
            setattr(instance, column, value)
        instance.blob = copied
        instance.has_pixel_data = header.has_pixel_data
        instance.position = instance.instance_number_value or 0
        instance.save()
        references.forget([instance])
        references.save([(instance.pk, header)])
        Copy.objects.create(instance=instance, kind=copy.kind, blob=shown, **before)
        Series.objects.filter(pk=instance.series_id).update(order_rule=ordering.UNKNOWN)
        if instance.removal_id is None:
            counters.shift(instance.series, instance.number_of_frames - frames, copied.size - shown.size)
    ordering.settle([instance.series_id])
    _close(instance, who, why)
    return instance


def _facts(row: Instance | Copy) -> dict[str, object]:
    """Return the columns that an instance and a copy have in common."""
    names = ("transfer_syntax_uid", "content_digest", "is_whole", "delivery_id", "original_name", "received")
    return {name: getattr(row, name) for name in names}


def _close(instance: Instance, who: str, why: str) -> None:
    conflict = Finding.objects.filter(instance=instance, code="conflict", state=Finding.State.OPEN).first()
    if conflict:
        findings.decide(conflict, who, why or f"another copy was chosen on {timezone.now():%Y-%m-%d}")
