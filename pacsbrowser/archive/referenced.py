"""Objects that others name by UID: found within the viewer's scope, from the nearest holder."""

from collections.abc import Iterable

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Instance

MOST_UIDS = 5_000


def find_referenced(uids: Iterable[str], near: Instance, scope: Scope) -> dict[str, Instance]:
    """Return the instances of these UIDs that the viewer may see, by UID.

    Of several holders the one in the study of `near` is taken, else one of its patient, else the first. At most
    MOST_UIDS are looked for; a UID that is absent is "not in the archive" as far as this viewer may know.
    """
    wanted = list(dict.fromkeys(uid for uid in uids if uid))[:MOST_UIDS]
    if not wanted:
        return {}
    study = near.series.study
    rows = (
        Instance.objects.visible_to(scope)
        .filter(sop_instance_uid__in=wanted)
        .select_related("series__study", "blob")
        .order_by("-pk")
    )

    def nearness(row: Instance) -> int:
        other = row.series.study
        return 2 if other.pk == study.pk else int(other.patient_id == study.patient_id)

    return {row.sop_instance_uid: row for row in sorted(rows, key=nearness)}
