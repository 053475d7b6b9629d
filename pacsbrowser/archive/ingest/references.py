"""Which other objects an instance names: the rows of what `dicom.references` found in its header."""

from collections.abc import Iterable

from pacsbrowser.archive.ingest.rows import cut
from pacsbrowser.archive.models import Instance, Reference
from pacsbrowser.archive.models.levels import UID_LENGTH
from pacsbrowser.dicom.header import Header


def forget(instances: Iterable[Instance]) -> None:
    """Delete the references of instances that are to show another file."""
    changed = list(instances)
    if changed:
        Reference.objects.filter(instance__in=changed).delete()


def save(shown: Iterable[tuple[Instance, Header]]) -> None:
    """Write the references of instances, each with the header of the file that it shows."""
    Reference.objects.bulk_create(
        Reference(
            instance=instance,
            kind=reference.kind,
            sop_class_uid=cut(reference.sop_class_uid, UID_LENGTH),
            target_uid=cut(reference.target_uid, UID_LENGTH),
        )
        for instance, header in shown
        for reference in header.references
    )
