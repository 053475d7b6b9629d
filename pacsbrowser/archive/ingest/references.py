"""Which other objects an instance names: the rows of what `dicom.references` found in its header."""

from collections.abc import Iterable

from pacsbrowser.archive.ingest.rows import cut
from pacsbrowser.archive.models import Instance, Reference
from pacsbrowser.archive.models.levels import UID_LENGTH
from pacsbrowser.dicom.header import Header
from pacsbrowser.statements import execute_all

_INSERT = "INSERT INTO archive_reference (instance_id, kind, sop_class_uid, target_uid) VALUES (%s, %s, %s, %s)"


def forget(instances: Iterable[Instance]) -> None:
    """Delete the references of instances that are to show another file."""
    changed = list(instances)
    if changed:
        Reference.objects.filter(instance__in=changed).delete()


def save(shown: Iterable[tuple[int, Header]]) -> None:
    """Write the references of instances, given by their keys, each with the header of the file that it shows."""
    named = [
        (key, one.kind, cut(one.sop_class_uid, UID_LENGTH), cut(one.target_uid, UID_LENGTH))
        for key, header in shown
        for one in header.references
    ]
    if named:
        execute_all(_INSERT, named)
