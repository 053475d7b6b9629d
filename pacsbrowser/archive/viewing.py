"""What a viewer needs to know before it asks for pixels: which series have pictures, the order of their instances.

Key images are those that a Key Object Selection (PS3.3 A.35.4) of the same patient names; a segmentation lies over the
series that it refers to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Count, Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Instance, Reference, Series, Study
from pacsbrowser.dicom.transfer_syntaxes import VIDEO

KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
SEGMENTATIONS = frozenset(("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"))
# Of studies beyond these the patient's page tells.
MOST_STUDIES = 8
MOST_SERIES = 200
# More segmentations than this in one strip say nothing of what they lie over until they are opened.
_SEGMENTATIONS_LOOKED_UP = 20


class Kind(StrEnum):
    """How a series is shown: as pictures, as an overlay over others, or on its own page."""

    IMAGES = "images"
    SEGMENTATION = "segmentation"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class ViewableSeries:
    """A series in the strip of a viewer. `first` is the UID of its first instance with pixels, else of its first."""

    series: Series
    kind: Kind
    first: str
    sop_class_uid: str
    key_images: int = 0
    over: str = ""

    @property
    def study(self) -> Study:
        """The study of the series."""
        return self.series.study


@dataclass(frozen=True, slots=True)
class Slide:
    """An instance as a viewer lists it, in the order of its series."""

    sop_instance_uid: str
    instance_number: str
    sop_class_uid: str
    transfer_syntax_uid: str
    frames: int
    has_pixels: bool
    is_key: bool


def studies_to_view(study: Study, scope: Scope) -> list[Study]:
    """Return a study and, after it, the other studies of its patient, the latest first, a few of them."""
    rows = Study.objects.visible_to(scope).filter(patient=study.patient_id).exclude(pk=study.pk)
    return [study, *rows.order_by("-date_sort", "-pk")[: MOST_STUDIES - 1]]


def has_pictures(row: Study | Series) -> bool:
    """Say whether a study or series holds anything that a viewer can draw."""
    where = {"series__study": row} if isinstance(row, Study) else {"series": row}
    pictured = Instance.objects.live().filter(has_pixel_data=True, **where)
    return pictured.exclude(transfer_syntax_uid__in=VIDEO).exists()


def viewable_series(studies: Sequence[Study], scope: Scope) -> list[ViewableSeries]:
    """Return the series of some studies of one patient, by number within each study, in a few queries."""
    rows = Series.objects.visible_to(scope).filter(study__in=studies)
    found = list(rows.order_by(F("series_number_value").asc(nulls_last=True), "pk")[:MOST_SERIES])
    firsts = _firsts(found)
    places = {study.pk: (place, study) for place, study in enumerate(studies)}
    keys = _key_counts(studies, scope)
    shown = []
    for row in sorted(found, key=lambda row: places[row.study_id][0]):
        row.study = places[row.study_id][1]
        first = firsts[row.pk]
        kind = _kind_of(first)
        shown.append(ViewableSeries(row, kind, first.sop_instance_uid, first.sop_class_uid, keys.get(row.pk, 0)))
    return _with_sources(shown, scope)


def slides_of(series: Series, scope: Scope) -> list[Slide]:
    """Return the instances of a series in the stored order; the series must be ordered."""
    rows = (
        Instance.objects.visible_to(scope)
        .filter(series=series)
        .annotate(is_key=Exists(_key_references([series.study], scope).filter(target_uid=OuterRef("sop_instance_uid"))))
        .order_by("position", "pk")
        .values_list(
            "sop_instance_uid", "instance_number", "sop_class_uid", "transfer_syntax_uid", "number_of_frames",
            "has_pixel_data", "is_key",
        )
    )  # fmt: skip
    return [Slide(*row) for row in rows.iterator(chunk_size=2000)]


def _firsts(found: Sequence[Series]) -> dict[int, Instance]:
    """Return the first instance with pixels of each series, else the first, by the key of the series."""
    live = Instance.objects.live().filter(series=OuterRef("pk")).order_by("position", "pk")
    first = Coalesce(Subquery(live.filter(has_pixel_data=True).values("pk")[:1]), Subquery(live.values("pk")[:1]))
    keys = dict(Series.objects.filter(pk__in=[row.pk for row in found]).values_list("pk", first))
    instances = Instance.objects.in_bulk(list(keys.values()))
    return {series: instances[key] for series, key in keys.items()}


def _kind_of(first: Instance) -> Kind:
    if not first.has_pixel_data or first.transfer_syntax_uid in VIDEO:
        return Kind.DOCUMENT
    return Kind.SEGMENTATION if first.sop_class_uid in SEGMENTATIONS else Kind.IMAGES


def _key_references(studies: Iterable[Study], scope: Scope) -> QuerySet[Reference]:
    naming = Instance.objects.visible_to(scope).filter(series__study__in=list(studies), sop_class_uid=KEY_OBJECTS)
    return Reference.objects.filter(instance__in=naming)


def _key_counts(studies: Sequence[Study], scope: Scope) -> dict[int, int]:
    """Return how many key images each series has, by the key of the series."""
    named = _key_references(studies, scope).values("target_uid")
    rows = Instance.objects.visible_to(scope).filter(series__study__in=studies, sop_instance_uid__in=named)
    return dict(rows.order_by().values_list("series").annotate(found=Count("pk")))


def _with_sources(shown: list[ViewableSeries], scope: Scope) -> list[ViewableSeries]:
    """Name the series that each segmentation lies over: the one it refers to, else one of the same frame."""
    overlays = [one for one in shown if one.kind == Kind.SEGMENTATION][:_SEGMENTATIONS_LOOKED_UP]
    sources = {one.series.pk: _source_of(one, shown, scope) for one in overlays}
    return [
        ViewableSeries(one.series, one.kind, one.first, one.sop_class_uid, one.key_images, sources[one.series.pk])
        if sources.get(one.series.pk)
        else one
        for one in shown
    ]


def _source_of(overlay: ViewableSeries, shown: list[ViewableSeries], scope: Scope) -> str:
    named = Reference.objects.filter(instance__series=overlay.series).values("target_uid")
    rows = Instance.objects.visible_to(scope).filter(
        series__study=overlay.series.study_id, sop_instance_uid__in=named, has_pixel_data=True
    )
    uid = rows.exclude(sop_class_uid__in=SEGMENTATIONS).values_list("series__series_instance_uid", flat=True).first()
    if uid:
        return uid
    frame = overlay.series.frame_of_reference_uid
    return next(
        (
            one.series.series_instance_uid
            for one in shown
            if frame and one.kind == Kind.IMAGES and one.series.frame_of_reference_uid == frame
        ),
        "",
    )
