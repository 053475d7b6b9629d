"""WADO-RS rendered and thumbnail (PS3.18 10.4.1.1.3, 10.4.1.1.4): pictures of frames, at every level.

A study or series is shown by its middle picture, as one part; whoever accepts multipart/related gets every instance.
Objects without pixels are sent as documents.
"""

from collections.abc import Iterator

from django.http import HttpResponseBase

from pacsbrowser.archive.derived.pictures import THUMBNAIL, middle_frame, picture, picture_key
from pacsbrowser.archive.derived.previews import representative
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.decoder import DecodingError
from pacsbrowser.dicom.render import Look
from pacsbrowser.dicom.transfer_syntaxes import VIDEO
from pacsbrowser.dicomweb.accept import Offer, not_acceptable
from pacsbrowser.dicomweb.delivery import entity_tag, send_bytes, send_parts, unchanged
from pacsbrowser.dicomweb.documents import document_of
from pacsbrowser.dicomweb.failures import pixel_problem
from pacsbrowser.dicomweb.frames import check_numbers, check_work, parse_frames
from pacsbrowser.dicomweb.holders import (
    instances_of,
    keys_with_files,
    note_view,
    one_instance,
    read_batches,
    series_of,
)
from pacsbrowser.dicomweb.multipart import Part
from pacsbrowser.dicomweb.problems import Problem
from pacsbrowser.dicomweb.rendering import Rendering, annotation_lines, parse_rendering
from pacsbrowser.dicomweb.resource import Call

IMAGES = ("image/jpeg", "image/png", "image/webp")
_SINGLE = tuple(Offer(image) for image in IMAGES)
_PARTS = tuple(Offer(image, is_multipart=True) for image in IMAGES)


def rendered(call: Call, study: str, series: str = "", instance: str = "") -> HttpResponseBase:
    """Show an instance, or what stands for a series or study."""
    rendering = parse_rendering(call)
    if instance:
        row = one_instance(call, study, series, instance)
        document = document_of(row)
        if document is not None:
            return document(call)
        note_view(call, "instance", row)
        return _send(call, row, middle_frame(row), rendering)
    offer = call.choose(*_SINGLE, *_PARTS)
    if not offer.is_multipart:
        return _send(call, _representative(call, study, series), None, rendering)
    found = keys_with_files(instances_of(call, study, series).filter(has_pixel_data=True))
    keys = [key for key, _ in found]
    note_view(call, "series" if series else "study", next(read_batches(keys[:1])))
    parts = _parts(keys, offer.media_type, rendering)
    return _send_parts(call, parts, offer.media_type, entity_tag(found, offer, rendering, is_weak=True))


def rendered_frames(call: Call, study: str, series: str, instance: str, frames: str) -> HttpResponseBase:
    """Show frames of an instance."""
    numbers = parse_frames(frames)
    rendering = parse_rendering(call)
    row = one_instance(call, study, series, instance)
    check_numbers(row, numbers)
    check_work(row, numbers)
    note_view(call, "instance", row)
    if len(numbers) == 1:
        return _send(call, row, numbers[0] - 1, rendering)
    media_type = call.choose(*_PARTS).media_type
    parts = (Part(media_type, (make_picture(row, number - 1, media_type, rendering),)) for number in numbers)
    etag = entity_tag(bytes(row.blob.sha256), numbers, media_type, rendering, is_weak=True)
    return _send_parts(call, parts, media_type, etag)


def _send_parts(call: Call, parts: Iterator[Part], media_type: str, etag: str) -> HttpResponseBase:
    return unchanged(call, etag) or send_parts(call, parts, media_type, etag)


def thumbnail(call: Call, study: str, series: str = "", instance: str = "", frames: str = "") -> HttpResponseBase:
    """Show a small picture, 128 pixels at most unless a viewport is given."""
    rendering = parse_rendering(call)
    small = Rendering(None, rendering.viewport or THUMBNAIL, 80)
    if not instance:
        return _send(call, _representative(call, study, series), None, small)
    row = one_instance(call, study, series, instance)
    numbers = parse_frames(frames) if frames else []
    check_numbers(row, numbers)
    return _send(call, row, numbers[0] - 1 if numbers else None, small)


def _representative(call: Call, study: str, series: str) -> Instance:
    """Return the instance whose picture stands for a study (of its first series with pictures) or a series."""
    for row in series_of(call, study, series):
        found = representative(row)
        if found is not None:
            return found
    raise Problem(406, "There is no picture in it.")


def _send(call: Call, row: Instance, frame: int | None, rendering: Rendering) -> HttpResponseBase:
    if not row.has_pixel_data:
        raise Problem(406, "The object has no picture.")
    if row.transfer_syntax_uid in VIDEO:
        raise not_acceptable(["the address …/rendered as video/mp4"], "Single pictures of a video are not offered.")
    number = middle_frame(row) if frame is None else frame
    return send_picture(call, row, number, call.choose(*_SINGLE).media_type, rendering)


def send_picture(call: Call, row: Instance, frame: int, media_type: str, rendering: Rendering) -> HttpResponseBase:
    """Send the picture of frame `frame` (from 0)."""
    etag = f'"{picture_key(row.blob, frame, media_type, _look(row, rendering))}"'
    same = unchanged(call, etag)
    if same is not None:
        return same
    return send_bytes(call, make_picture(row, frame, media_type, rendering), media_type, etag)


def _look(row: Instance, rendering: Rendering) -> Look:
    """Return how a picture looks; in a viewport pixels have their shape."""
    lines = annotation_lines(rendering.annotation, row) if rendering.annotation else ()
    viewport = rendering.viewport
    return Look(rendering.window, viewport, rendering.quality, lines, is_square=viewport is not None)


def make_picture(row: Instance, frame: int, media_type: str, rendering: Rendering) -> bytes:
    """Return the picture of frame `frame` (from 0).

    Raises:
        Problem: it cannot be made.
    """
    try:
        return picture(row.blob, frame, media_type, _look(row, rendering))
    except (DecodingError, OSError) as error:
        raise pixel_problem(error) from error


def _parts(keys: list[int], media_type: str, rendering: Rendering) -> Iterator[Part]:
    """Yield the picture of each instance; those that cannot be shown are left out."""
    for row in read_batches(keys):
        try:
            yield Part(media_type, (make_picture(row, middle_frame(row), media_type, rendering),))
        except Problem:
            continue
