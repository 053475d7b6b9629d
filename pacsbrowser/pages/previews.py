"""Pictures for pages: the preview of an instance, of what stands for a series, a larger one, and a whole frame.

A browser keeps them and asks each time whether they are still good: rights may have changed.
"""

from collections.abc import Callable
from math import isfinite

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from pacsbrowser.access.scope import scope_of
from pacsbrowser.archive.derived import previews
from pacsbrowser.archive.derived.pictures import picture, picture_key
from pacsbrowser.archive.derived.previews import LARGE, SMALL
from pacsbrowser.archive.held import find_held
from pacsbrowser.archive.models import Instance
from pacsbrowser.audit.record import record_view
from pacsbrowser.bodies import CACHE, unchanged
from pacsbrowser.dicom.decoder import DecodingError
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.grey import GreyWindow
from pacsbrowser.dicom.render import Look, Viewport
from pacsbrowser.pages.lookup import NOT_HERE, find_series

FRAME_TYPE = "image/jpeg"
MOST_SIDE = 2048
HEADERS = {"Cache-Control": CACHE, "Content-Security-Policy": "default-src 'none'; sandbox"}


@require_safe
def instance_preview(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send the picture of an instance, 256 pixels at most, with `?large` 640."""
    instance = _instance(request, study_uid, series_uid, instance_uid)
    if not previews.has_preview(instance):
        raise Http404("This object has no picture.")
    return _send(request, instance, LARGE if "large" in request.GET else SMALL)


@require_safe
def frame_picture(
    request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str, frame: int
) -> HttpResponseBase:
    """Send a whole frame (from 1) in the `?window` asked for ("centre,width"), with square pixels, not too large."""
    instance = _instance(request, study_uid, series_uid, instance_uid)
    if not instance.has_pixel_data or not 1 <= frame <= max(instance.number_of_frames, 1):
        raise Http404("There is no such frame.")
    side = min(max(instance.rows or 0, instance.columns or 0, 1), MOST_SIDE)
    look = Look(_window(request.GET.get("window", "")), Viewport(side, side), is_square=True)
    etag = f'"{picture_key(instance.blob, frame - 1, FRAME_TYPE, look)}"'
    return send_picture(request, etag, FRAME_TYPE, lambda: picture(instance.blob, frame - 1, FRAME_TYPE, look))


def _window(text: str) -> GreyWindow | None:
    """Return the window that an address asks for, None where it asks for none that there can be."""
    try:
        center, width = map(float, text.split(","))
    except ValueError:
        return None
    window = GreyWindow(center, width)
    return window if isfinite(center) and isfinite(width) and window.is_valid else None


def _instance(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> Instance:
    held = find_held(scope_of(request.user), study_uid, series_uid, instance_uid)
    holder = request.GET.get("holder", "")
    found = [one for one in held if holder in ("", str(one.series.study_id))]
    if not found:
        raise Http404(NOT_HERE)
    study = found[0].series.study
    record_view(request, "instance", instance_uid, study_uid, study.patient.audit_name)
    return found[0]


@require_safe
def series_preview(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponseBase:
    """Send the picture that stands for a series: of its middle instance."""
    place = find_series(request, study_uid, series_uid)
    instance = previews.representative(place.series)
    if instance is None or not previews.has_preview(instance):
        raise Http404("There is no picture in this series.")
    record_view(request, "series", series_uid, study_uid, place.patient.audit_name)
    return _send(request, instance, SMALL)


def _send(request: HttpRequest, instance: Instance, side: int) -> HttpResponseBase:
    etag = f'"{previews.preview_key(instance, side)}"'
    return send_picture(request, etag, previews.MEDIA_TYPE, lambda: previews.preview(instance, side))


def send_picture(request: HttpRequest, etag: str, media_type: str, make: Callable[[], bytes | str]) -> HttpResponseBase:
    """Send a picture unless the caller has it; one that cannot be made is a drawing that says why."""
    same = unchanged(request, etag, HEADERS)
    if same is not None:
        return same
    try:
        data = make()
    except (DicomError, DecodingError, OSError) as error:
        return send_reason(step_of(error))
    return HttpResponse(data, content_type=media_type, headers={**HEADERS, "ETag": etag})


def step_of(error: Exception) -> str:
    """Return in which step a picture failed, else why, in a word or two."""
    return getattr(error, "step", "") or getattr(error, "reason", "") or "reading the file"


def send_reason(step: str) -> HttpResponse:
    """Send a drawing that says in which step the picture failed; nobody keeps it, the next time may be better."""
    drawing = format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 180 180" font-family="sans-serif" fill="#c9d1db" '
        'text-anchor="middle"><rect width="180" height="180" fill="#000"/><text x="90" y="84" font-size="15">'
        'No preview</text><text x="90" y="106" font-size="11">failed: {}</text></svg>',
        step[:28],
    )
    headers = {**HEADERS, "Cache-Control": "private, no-store"}
    return HttpResponse(drawing, content_type="image/svg+xml", headers=headers)
