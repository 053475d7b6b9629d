"""What stands for an object in a grid or a list: its picture, or a card that says what kind of object it is.

`templates/includes/thumb.html` draws a `Thumb`. A kind of object may have a picture of its own (`PICTURES`), or lines
of text on its card.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import reverse

from pacsbrowser.archive.derived.previews import has_preview
from pacsbrowser.archive.models import Instance, Series
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.pages.lookup import Place


@dataclass(frozen=True, slots=True)
class Thumb:
    """The picture's address ('' for a card), what it shows in words; kind and modality; lines of text on a card."""

    picture: str
    alternative: str
    kind: str
    sop_class_uid: str
    modality: str
    size: str = ""
    lines: tuple[str, ...] = ()


def picture(instance: Instance, series: Series, place: Place) -> Thumb | None:
    """Return the large picture of an instance for its own page; None for one that has no pixels to show."""
    return instance_thumb(instance, series, place, is_large=True) if has_preview(instance) else None


def instance_thumb(instance: Instance, series: Series, place: Place, is_large: bool = False) -> Thumb:
    """Return what stands for an instance of a series."""
    uids = [place.study.study_instance_uid, series.series_instance_uid, instance.sop_instance_uid]
    kind = object_kind(instance.sop_class_uid)
    address = ""
    if kind in PICTURES and not (is_large and has_preview(instance)):
        address = PICTURES[kind](uids)
    elif has_preview(instance):
        address = reverse("instance_preview", args=uids)
    queries = [*(["large"] if is_large else []), *([place.holder_query[1:]] if place.holder_query else [])]
    if address and queries:
        address += f"{'&' if '?' in address else '?'}{'&'.join(queries)}"
    size = f"{instance.columns} × {instance.rows}" if instance.columns and instance.rows else ""
    words = [word_of(series.modality, kind), instance.instance_number or "without number"]
    return Thumb(address, " ".join(words), kind, instance.sop_class_uid, series.modality, size)


def series_thumb(series: Series, first: Instance | None, place: Place) -> Thumb:
    """Return what stands for a series, by its first instance: the picture of its middle one, or a card."""
    if first is None:
        return Thumb("", "", object_kind(""), "", series.modality)
    if not has_preview(first) or object_kind(first.sop_class_uid) in PICTURES:
        return instance_thumb(first, series, place)
    address = reverse("series_preview", args=[place.study.study_instance_uid, series.series_instance_uid])
    kind = object_kind(first.sop_class_uid)
    words = f"{word_of(series.modality, kind)} from the middle of series {series.series_number or 'without number'}"
    return Thumb(address + place.holder_query, words, kind, first.sop_class_uid, series.modality)


def word_of(modality: str, kind: str) -> str:
    """Return what an object is in two words: "CT image", "RT dose"."""
    return f"{modality} {kind}" if modality and not kind.startswith(modality) else kind


def _first_page(uids: list[str]) -> str:
    return f"{reverse('instance_document_page', args=[*uids, 1])}?small"


def _drawing(uids: list[str]) -> str:
    return reverse("instance_drawing", args=uids)


def _layers(uids: list[str]) -> str:
    return f"{reverse('instance_layers', args=uids)}?small"


# The addresses of pictures of objects that have no pixels of their own to show, by the kind of object.
PICTURES: dict[str, Callable[[list[str]], str]] = {
    "PDF": _first_page,
    "segmentation": _layers,
    "RT dose": _layers,
    **dict.fromkeys(
        (
            "waveform",
            "RT structures",
            "RT plan",
            "RT record",
            "registration",
            "fiducials",
            "annotations",
            "tractography",
        ),
        _drawing,
    ),
}
