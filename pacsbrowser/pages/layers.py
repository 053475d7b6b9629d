"""Pictures with coloured layers: the segments of a segmentation over its image, the bands of a dose over the CT."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import storage
from pacsbrowser.archive.derived import documents
from pacsbrowser.archive.derived.pictures import samples
from pacsbrowser.archive.frames import pixel_layout
from pacsbrowser.archive.models import Blob, Instance, Level
from pacsbrowser.archive.underneath import image_at, images_by_uid
from pacsbrowser.audit.record import record_view
from pacsbrowser.bodies import CACHE, unchanged
from pacsbrowser.dicom.data_item import read_object
from pacsbrowser.dicom.decoder import DecodingError, Source
from pacsbrowser.dicom.dose import Dose, bands_of, highest_value, parse_dose
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.frames import NoPixels
from pacsbrowser.dicom.layers import MOST_LAYERS
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.render import Viewport
from pacsbrowser.dicom.segments import FRACTIONAL, LABELMAP, MaskSlice, Segmentation, parse_segmentation
from pacsbrowser.pages.lookup import find_instance, offers_choice
from pacsbrowser.pages.previews import send_reason
from pacsbrowser.pages.slices import leaf_of

LARGE, SMALL = Viewport(768, 768), Viewport(160, 160)


@dataclass(frozen=True, slots=True)
class Layered:
    """What a layered picture is made of; `image` is the instance below, None where none is here."""

    below: Source | None
    layers: list[Source]
    image: Instance | None


@require_safe
@offers_choice
def instance_layers(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send the picture of slice `?slice=` (from 1) with its layers, small with `?small`."""
    place = find_instance(request, study_uid, series_uid, instance_uid)
    record_view(request, Level.INSTANCE, place.uid, place.study.study_instance_uid, place.patient.audit_name)
    try:
        layered = layers_of(request, place.instance, place.scope)
        viewport = SMALL if "small" in request.GET else LARGE
        etag = f'"{documents.layered_key(layered.below, layered.layers, viewport)}"'
        same = unchanged(request, etag, {"Cache-Control": CACHE})
        if same is not None:
            return same
        data = documents.layered_picture(layered.below, layered.layers, viewport)
    except (DicomError, DecodingError, OSError) as error:
        return send_reason(getattr(error, "step", "") or "reading the file")
    return HttpResponse(data, content_type="image/webp", headers={"ETag": etag, "Cache-Control": CACHE})


def layers_of(request: HttpRequest, instance: Instance, scope: Scope) -> Layered:
    """Return what the picture of the slice asked for is made of."""
    kind = object_kind(instance.sop_class_uid)
    if kind not in ("segmentation", "RT dose"):
        raise Http404("The instance has no layers.")
    if not instance.has_pixel_data:
        raise NoPixels("The object has no pixel data.")
    with storage.open_blob(instance.blob) as file:
        dataset = read_object(file)
    if kind == "RT dose":
        dose = parse_dose(dataset, full_dose(instance.blob))
        return dose_layers(instance, dose, leaf_of(request.GET, dose.frames, dose.frames // 2).number - 1, scope)
    segmentation = parse_segmentation(dataset)
    leaf = leaf_of(request.GET, len(segmentation.slices), segmentation.fullest)
    return segment_layers(instance, segmentation, segmentation.slices[leaf.number - 1], scope)


def full_dose(blob: Blob) -> float | None:
    """Return the highest stored value of a dose grid: of a compressed one, of its middle frame."""
    return _full_dose(blob.pk, bytes(blob.sha256))


@lru_cache(maxsize=256)
def _full_dose(key: int, digest: bytes) -> float | None:
    blob = Blob.objects.get(pk=key, sha256=digest)
    with storage.open_blob(blob) as file:
        highest = highest_value(file)
    if highest is not None:
        return highest
    pixels, _ = pixel_layout(blob)
    return float(np.frombuffer(samples(blob, pixels.frames // 2).data, f"<u{pixels.bits_allocated // 8}").max())


def segment_layers(instance: Instance, segmentation: Segmentation, shown: MaskSlice, scope: Scope) -> Layered:
    """Return the segments of a slice over the image that they were made from, if it is here."""
    image = images_by_uid([shown.source_uid], scope, instance).get(shown.source_uid) if shown.source_uid else None
    colours = {segment.number: segment.colour for segment in segmentation.segments}
    layers = []
    for mask in shown.frames[:MOST_LAYERS]:
        if segmentation.kind == LABELMAP:
            wanted = tuple((float(number), colour) for number, colour in colours.items() if number)
        else:
            # Of a fraction or a probability, the half and more counts as within the segment.
            least = max(segmentation.most / 2, 1) if segmentation.kind == FRACTIONAL else 1.0
            wanted = ((float(least), colours.get(mask.segment, (230, 159, 0))),)
        layers.append(Source(instance.blob.path, mask.frame, wanted, segmentation.kind == LABELMAP))
    below = Source(image.blob.path, min(shown.source_frame, image.number_of_frames - 1)) if image else None
    return Layered(below, layers, image)


def dose_layers(instance: Instance, dose: Dose, frame: int, scope: Scope) -> Layered:
    """Return the bands of a dose in a frame over the CT at its height, if one is here."""
    height = dose.height_of(frame)
    image = image_at(instance, dose.frame_of_reference_uid, height, scope) if height is not None else None
    colours = tuple((band.least, band.colour) for band in bands_of(dose))
    below = Source(image.blob.path, 0) if image else None
    return Layered(below, [Source(instance.blob.path, frame, colours)], image)
