"""Pictures with coloured layers: the segments of a segmentation over its image, the bands of a dose over the CT.

They are made by the decoder processes and kept as other pictures are.
"""

from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import storage
from pacsbrowser.archive.derived import pictures
from pacsbrowser.archive.frames import pixel_layout
from pacsbrowser.archive.models import Blob, Instance
from pacsbrowser.archive.underneath import image_at, images_by_uid
from pacsbrowser.dicom.data_item import read_object
from pacsbrowser.dicom.decoder import Source
from pacsbrowser.dicom.dose import Dose, bands_of, highest_sample, highest_value, parse_dose
from pacsbrowser.dicom.frames import NoPixels
from pacsbrowser.dicom.layers import MOST_LAYERS
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.render import Viewport
from pacsbrowser.dicom.segments import LABELMAP, MaskSlice, Segmentation, colours_in, parse_segmentation

_FORMAT = 3  # raise it when pictures come out otherwise than before


class NoLayers(LookupError):
    """The object is of a kind that has no layers."""


@dataclass(frozen=True, slots=True)
class Layered:
    """What a layered picture is made of; `image` is the instance below, None where none is here.

    The sources have paths relative to the store, as `Blob.path` has them.
    """

    below: Source | None
    layers: list[Source]
    image: Instance | None


def layers_of(instance: Instance, number: int, scope: Scope) -> Layered:
    """Return what the picture of slice `number` (from 1; the usual one where there is no such) is made of.

    Raises:
        NoLayers: it is neither a segmentation nor a dose.
        DicomError, OSError: it cannot be read.
    """
    kind = object_kind(instance.sop_class_uid)
    if kind not in ("segmentation", "RT dose"):
        raise NoLayers
    if not instance.has_pixel_data:
        raise NoPixels("The object has no pixel data.")
    with storage.open_blob(instance.blob) as file:
        dataset = read_object(file)
    if kind == "RT dose":
        dose = parse_dose(dataset, full_dose(instance.blob))
        return dose_layers(instance, dose, number - 1 if 1 <= number <= dose.frames else dose.frames // 2, scope)
    segmentation = parse_segmentation(dataset)
    place = number - 1 if 1 <= number <= len(segmentation.slices) else segmentation.fullest
    return segment_layers(instance, segmentation, segmentation.slices[place], scope)


def segment_layers(instance: Instance, segmentation: Segmentation, shown: MaskSlice, scope: Scope) -> Layered:
    """Return the segments of a slice over the image that they were made from, if it is here."""
    image = images_by_uid([shown.source_uid], scope, instance).get(shown.source_uid) if shown.source_uid else None
    layers = [
        Source(instance.blob.path, mask.frame, colours_in(segmentation, mask), segmentation.kind == LABELMAP)
        for mask in shown.frames[:MOST_LAYERS]
    ]
    below = Source(image.blob.path, min(shown.source_frame, image.number_of_frames - 1)) if image else None
    return Layered(below, layers, image)


def dose_layers(instance: Instance, dose: Dose, frame: int, scope: Scope) -> Layered:
    """Return the bands of a dose in a frame over the CT at its height, if one is here."""
    height = dose.height_of(frame)
    image = image_at(instance, dose.frame_of_reference_uid, height, scope) if height is not None else None
    colours = tuple((band.least, band.colour) for band in bands_of(dose))
    below = Source(image.blob.path, 0) if image else None
    return Layered(below, [Source(instance.blob.path, frame, colours)], image)


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
    return highest_sample(pictures.samples(blob, pixels.frames // 2).data, pixels)


def layered_key(layered: Layered, viewport: Viewport) -> str:
    """Return the name of a layered picture: files of the store are named by their digests."""
    below = layered.below and asdict(layered.below)
    return pictures.name_of("layers", _FORMAT, below, [asdict(layer) for layer in layered.layers], repr(viewport))


def layered_picture(layered: Layered, viewport: Viewport) -> bytes:
    """Return a picture with coloured layers over it, or the layers alone over black, as WebP.

    Raises:
        DecodingError: it cannot be drawn.
    """
    below, sources = layered.below and _in_store(layered.below), [_in_store(layer) for layer in layered.layers]
    return pictures.kept_or_made(
        layered_key(layered, viewport),
        lambda: pictures.decoders().layers(below, sources, "image/webp", viewport).data,
    )


def _in_store(source: Source) -> Source:
    return replace(source, path=str(storage.store_folder() / Path(source.path)))
