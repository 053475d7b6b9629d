"""What is inside an object, as resources of their own: a document, a page of it as a picture, a video, a sound.

They come from strangers: each says what it is by its own bytes, is sandboxed, and is never more than what a player or
a reader takes (PS3.18 8.7.3.3 has the same for DICOMweb). They are framed by pages of this site only.
"""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from pacsbrowser.archive import export_names
from pacsbrowser.archive.derived import documents
from pacsbrowser.archive.inside import Body, document_inside, sound_inside, video_inside
from pacsbrowser.archive.models import Level
from pacsbrowser.audit.record import record_view
from pacsbrowser.bodies import CACHE, entity_tag, send_ranged, unchanged
from pacsbrowser.dicom.decoder import DecodingError
from pacsbrowser.dicom.encapsulated import PDF
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.transfer_syntaxes import VIDEO
from pacsbrowser.pages.lookup import InstancePlace, find_instance, offers_choice
from pacsbrowser.pages.previews import send_reason

# A stranger's content runs nothing, loads nothing and is shown by this site only.
HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'self'", "Cache-Control": CACHE}
PAGE_WIDTHS = (160, 1200)


@require_safe
@xframe_options_sameorigin
@offers_choice
def instance_document(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send the document of an instance: a PDF to be shown, anything else to be saved."""
    place = _viewed(request, study_uid, series_uid, instance_uid)
    body = _inside(document_inside, place)
    return _send(request, place, body, "document", is_saved=body.form != PDF or "save" in request.GET)


@require_safe
@offers_choice
def instance_document_page(
    request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str, number: int
) -> HttpResponseBase:
    """Send page `number` (from 1) of a PDF as a picture, small with `?small`."""
    place = _viewed(request, study_uid, series_uid, instance_uid)
    blob, width = place.instance.blob, PAGE_WIDTHS["small" not in request.GET]
    etag = f'"{documents.page_key(blob, number - 1, width)}"'
    same = unchanged(request, etag, HEADERS)
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
    if place.instance.transfer_syntax_uid not in VIDEO:
        raise Http404("The instance is no video.")
    return _send(request, place, _inside(video_inside, place), "video", is_saved="save" in request.GET)


@require_safe
@offers_choice
def instance_sound(
    request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str, group: int
) -> HttpResponseBase:
    """Send multiplex group `group` (from 1) of a waveform as WAV."""
    place = _viewed(request, study_uid, series_uid, instance_uid)
    return _send(request, place, _inside(sound_inside, place, group), f"sound {group}", is_saved=False)


def _viewed(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> InstancePlace:
    place = find_instance(request, study_uid, series_uid, instance_uid)
    record_view(request, Level.INSTANCE, place.uid, place.study.study_instance_uid, place.patient.audit_name)
    return place


def _inside(find: Callable[..., Body], place: InstancePlace, *which: int) -> Body:
    try:
        return find(place.instance.blob, *which)
    except (DicomError, OSError) as error:
        raise Http404(getattr(error, "reason", "The file is not in the store.")) from error


def _send(request: HttpRequest, place: InstancePlace, body: Body, what: str, is_saved: bool) -> HttpResponseBase:
    name = f"{export_names.safe_name_of_uid(place.uid)}.{body.form.ending}"
    how = "attachment" if is_saved else "inline"
    headers = {**HEADERS, "Content-Disposition": f'{how}; filename="{name}"'}
    etag = entity_tag(bytes(place.instance.blob.sha256), what)
    same = unchanged(request, etag, HEADERS)
    return same or send_ranged(request, body.read, body.length, body.form.media_type, etag, headers)
