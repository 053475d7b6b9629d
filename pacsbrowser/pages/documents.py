"""What is inside an object, as resources of their own: a document, a page of it as a picture, a video, a sound.

They come from strangers: each says what it is by its own bytes, is sandboxed, and is never more than what a player or
a reader takes (PS3.18 8.7.3.3 has the same for DICOMweb). They are framed by pages of this site only.
"""

import hashlib
from collections.abc import Iterator

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from pacsbrowser.archive import export_names, storage
from pacsbrowser.archive.derived import documents
from pacsbrowser.archive.frames import pixel_layout
from pacsbrowser.archive.models import Blob, Level
from pacsbrowser.audit.record import record_view
from pacsbrowser.dicom.bulkdata import NoSuchValue, find_value
from pacsbrowser.dicom.data_item import read_object
from pacsbrowser.dicom.decoder import DecodingError
from pacsbrowser.dicom.encapsulated import DOCUMENT_TAG, PDF, find_document, parse_document, video_form
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.frames import PixelLayout
from pacsbrowser.dicom.part10 import open_data_set
from pacsbrowser.dicom.sound import wav_head
from pacsbrowser.dicom.transfer_syntaxes import VIDEO
from pacsbrowser.dicom.waveform import WAVEFORM_DATA, parse_recording
from pacsbrowser.pages.byte_ranges import read_pieces, send_ranged
from pacsbrowser.pages.lookup import InstancePlace, find_instance, offers_choice
from pacsbrowser.pages.previews import send_reason

# A stranger's content runs nothing, loads nothing and is shown by this site only.
# A browser must ask for what it keeps again each time: rights may have changed.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'self'",
    "Cache-Control": "private, no-cache",
}
PAGE_WIDTHS = (160, 1200)


@require_safe
@xframe_options_sameorigin
@offers_choice
def instance_document(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send the document of an instance: a PDF to be shown, anything else to be saved."""
    place = _viewed(request, study_uid, series_uid, instance_uid)
    try:
        with storage.open_blob(place.instance.blob) as file:
            value = find_document(file)
            document = parse_document(read_object(file, frozenset((DOCUMENT_TAG,))), value)
    except (DicomError, OSError) as error:
        raise Http404(getattr(error, "reason", "The file is not in the store.")) from error
    name = f"{export_names.safe_name_of_uid(place.uid)}.{document.form.ending}"
    how = "inline" if document.form == PDF and "save" not in request.GET else "attachment"

    def read(first: int, last: int) -> Iterator[bytes]:
        with storage.open_blob(place.instance.blob) as file:
            yield from find_document(file).read(first, last)

    headers = {**HEADERS, "Content-Disposition": f'{how}; filename="{name}"'}
    etag = _etag(place.instance.blob, "document")
    same = _unchanged(request, etag)
    return same or send_ranged(request, read, document.length, document.form.media_type, etag, headers)


@require_safe
@offers_choice
def instance_document_page(
    request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str, number: int
) -> HttpResponseBase:
    """Send page `number` (from 1) of a PDF as a picture, small with `?small`."""
    place = _viewed(request, study_uid, series_uid, instance_uid)
    blob, width = place.instance.blob, PAGE_WIDTHS["small" not in request.GET]
    etag = f'"{documents.page_key(blob, number - 1, width)}"'
    same = _unchanged(request, etag)
    if same is not None:
        return same
    try:
        data = documents.page_picture(blob, number - 1, width)
    except (DecodingError, OSError) as error:
        if "small" in request.GET:
            return send_reason(getattr(error, "step", "") or "reading the file")
        raise Http404(getattr(error, "reason", "The file is not in the store.")) from error
    return HttpResponse(data, content_type="image/png", headers={**HEADERS, "ETag": etag})


@require_safe
@offers_choice
def instance_video(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send the stream of a video, its fragments put together; `?save` to be saved."""
    place = _viewed(request, study_uid, series_uid, instance_uid)
    instance = place.instance
    if instance.transfer_syntax_uid not in VIDEO:
        raise Http404("The instance is no video.")
    try:
        pixels, _ = pixel_layout(instance.blob)
        form = video_form(b"".join(_video_bytes(instance.blob, pixels, 0, 255)))
    except (DicomError, OSError) as error:
        raise Http404(getattr(error, "reason", "The file is not in the store.")) from error
    how = "attachment" if "save" in request.GET else "inline"
    name = f"{export_names.safe_name_of_uid(place.uid)}.{form.ending}"
    headers = {**HEADERS, "Content-Disposition": f'{how}; filename="{name}"'}
    size = sum(length for frame in pixels.segments for _, length in frame)
    etag = _etag(instance.blob, "video")
    same = _unchanged(request, etag)
    return same or send_ranged(
        request, lambda first, last: _video_bytes(instance.blob, pixels, first, last), size, form.media_type, etag,
        headers,
    )  # fmt: skip


@require_safe
@offers_choice
def instance_sound(
    request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str, group: int
) -> HttpResponseBase:
    """Send multiplex group `group` (from 1) of a waveform as WAV."""
    place = _viewed(request, study_uid, series_uid, instance_uid)
    blob = place.instance.blob
    try:
        with storage.open_blob(blob) as file:
            recording = parse_recording(read_object(file, frozenset((WAVEFORM_DATA,))))
            found = next((one for one in recording.groups if one.number == group), None)
            value = find_value(open_data_set(file), found.path if found else "")
    except (DicomError, NoSuchValue, OSError) as error:
        raise Http404("There is no such sound.") from error
    head = wav_head(found, value.length) if found else None
    if found is None or head is None:
        raise Http404("The samples are of a kind that cannot be played.")
    path = found.path

    def read(first: int, last: int) -> Iterator[bytes]:
        yield head[first : last + 1]
        if last >= len(head):
            with storage.open_blob(blob) as file:
                yield from find_value(open_data_set(file), path).read(max(first - len(head), 0), last - len(head))

    etag = _etag(blob, f"sound {group}")
    return send_ranged(request, read, len(head) + value.length, "audio/wav", etag, HEADERS)


def _viewed(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> InstancePlace:
    place = find_instance(request, study_uid, series_uid, instance_uid)
    record_view(request, Level.INSTANCE, place.uid, place.study.study_instance_uid, place.patient.audit_name)
    return place


def _unchanged(request: HttpRequest, etag: str) -> HttpResponseBase | None:
    """Return 304 where the browser has this already, with the headers that it takes over to what it has."""
    response = get_conditional_response(request, etag=etag, response=None)
    if response is not None:
        for name, value in {**HEADERS, "ETag": etag}.items():
            response.headers[name] = value
    return response


def _etag(blob: Blob, what: str) -> str:
    return f'"{hashlib.sha256(bytes(blob.sha256) + what.encode()).hexdigest()[:40]}"'


def _video_bytes(blob: Blob, pixels: PixelLayout, first: int, last: int) -> Iterator[bytes]:
    """Yield bytes of the stream that all fragments make together."""
    begin = 0
    with storage.open_blob(blob) as file:
        for offset, length in (segment for frame in pixels.segments for segment in frame):
            start, end = max(first - begin, 0), min(last - begin + 1, length)
            begin += length
            if start < end:
                yield from read_pieces(file, offset + start, end - start)
