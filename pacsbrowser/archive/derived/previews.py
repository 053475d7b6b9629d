"""Previews: a small picture of an instance or of what stands for a series, in the shape that it has in the patient.

It shows the middle frame in the window that the object recommends, on square pixels (`dicom.aspect`), as WebP.
"""

from datetime import datetime
from functools import lru_cache

from pacsbrowser.archive.derived.pictures import middle_frame, picture, picture_key
from pacsbrowser.archive.models import Instance, Series
from pacsbrowser.dicom.render import Look, Viewport
from pacsbrowser.dicom.transfer_syntaxes import VIDEO

MEDIA_TYPE = "image/webp"
# The longest side in pixels: in grids and lists, and on the page of an instance.
SMALL, LARGE = 256, 640
_QUALITY = 80
# A picture that takes more than the moment a page may wait for: it is made ahead, for so many of a series.
SLOW_PIXELS = 1_500_000
_SLOW_PREPARED = 60


def has_preview(instance: Instance) -> bool:
    """Say whether an instance has pixels that become a picture; single frames of a video do not."""
    return instance.has_pixel_data and instance.transfer_syntax_uid not in VIDEO


def preview_key(instance: Instance, side: int = SMALL) -> str:
    """Return the name of an instance's preview, which is also its entity tag."""
    frame = middle_frame(instance)
    return picture_key(instance.blob, frame, MEDIA_TYPE, _look(side))


def preview(instance: Instance, side: int = SMALL) -> bytes:
    """Return the preview of an instance, at most `side` pixels wide and high.

    Raises:
        DecodingError: it cannot be made; `step` says where it failed.
    """
    frame = middle_frame(instance)
    return picture(instance.blob, frame, MEDIA_TYPE, _look(side))


def _look(side: int) -> Look:
    return Look(viewport=Viewport(side, side), quality=_QUALITY, is_square=True)


def representative(series: Series) -> Instance | None:
    """Return the instance whose picture stands for a series: the middle one of those with pictures."""
    key = _middle(series.pk, series.received, series.change_seq, series.order_rule)
    if key is None:
        return None
    return Instance.objects.live().filter(pk=key).select_related("blob", "series__study").first()


@lru_cache(maxsize=4096)
def _middle(series_key: int, received: datetime, change_seq: int, order_rule: str) -> int | None:
    """Return the key of the middle instance; remembered while the series stays as it is."""
    rows = Instance.objects.live().filter(series=series_key, has_pixel_data=True)
    keys = list(rows.exclude(transfer_syntax_uid__in=VIDEO).order_by("position", "pk").values_list("pk", flat=True))
    return keys[len(keys) // 2] if keys else None


def slow_instances(series: Series) -> list[Instance]:
    """Return the first instances of a series, in its order, that are large images: their previews take long to make."""
    rows = Instance.objects.live().filter(series=series, has_pixel_data=True).select_related("blob")
    found = rows.order_by("position", "pk")[: 4 * _SLOW_PREPARED]
    slow = [row for row in found if has_preview(row) and (row.rows or 0) * (row.columns or 0) >= SLOW_PIXELS]
    return slow[:_SLOW_PREPARED]
