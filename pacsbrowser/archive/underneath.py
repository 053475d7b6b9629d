"""What lies under a mask, an outline or a dose: the images that it names and a viewer may see."""

from collections.abc import Iterable

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Instance, Series

CANDIDATES = 3_000


def images_by_uid(uids: Iterable[str], scope: Scope, beside: Instance) -> dict[str, Instance]:
    """Return visible images of the same patient by SOP Instance UID; of several of one UID that in the same study."""
    rows = Instance.objects.visible_to(scope).filter(
        sop_instance_uid__in=set(uids), has_pixel_data=True, series__study__patient=beside.series.study.patient_id
    )
    found: dict[str, Instance] = {}
    for row in rows.select_related("blob", "series__study").order_by("pk")[:CANDIDATES]:
        known = found.get(row.sop_instance_uid)
        if known is None or row.series.study_id == beside.series.study_id:
            found[row.sop_instance_uid] = row
    return found


def image_at(beside: Instance, frame_of_reference_uid: str, z: float, scope: Scope) -> Instance | None:
    """Return the axial image nearest to a height (mm) in a frame of reference, not farther than its neighbours lie.

    Only the study of `beside` is looked at: nothing else is sure to be of the same patient in the same place.
    """
    if not frame_of_reference_uid:
        return None
    series = Series.objects.visible_to(scope).filter(
        study=beside.series.study_id, frame_of_reference_uid=frame_of_reference_uid, modality__in=("CT", "MR", "PT")
    )
    rows = Instance.objects.live().filter(
        series__in=series, has_pixel_data=True, slice_position__gte=z - 5, slice_position__lte=z + 5
    )
    near = rows.select_related("blob", "series__study").order_by("pk")[:CANDIDATES]
    return min(near, key=lambda row: abs((row.slice_position or 0.0) - z), default=None)
