"""The instance behind the three UIDs of an address, found by a query that is compiled once (see `prepared`)."""

from functools import lru_cache

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Instance
from pacsbrowser.prepared import Prepared, Slot

# What answers with a file or a picture need; anything else is read when it is asked for.
SENT = (
    "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid", "number_of_frames", "rows", "columns",
    "has_pixel_data", "received", "blob__path", "blob__sha256", "blob__size", "series__series_instance_uid",
    "series__study__study_instance_uid",
)  # fmt: skip


def find_held(scope: Scope, study: str, series: str, instance: str) -> list[Instance]:
    """Return the live instance of every holder in `scope`, in the order of their arrival, with file and parents."""
    return _held(scope).find(study=study, series=series, instance=instance)


@lru_cache(maxsize=256)
def _held(scope: Scope) -> Prepared[Instance]:
    rows = Instance.objects.visible_to(scope).filter(
        sop_instance_uid=Slot("instance"),
        series__series_instance_uid=Slot("series"),
        series__study__study_instance_uid=Slot("study"),
    )
    needed = (*SENT, "series__study__patient__patient_id")
    return Prepared(rows.select_related("blob", "series__study__patient").only(*needed).order_by("pk"))
