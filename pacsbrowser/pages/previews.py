"""Pictures for pages: the preview of an instance, of what stands for a series, and a larger one for its own page.

A browser keeps them and asks each time whether they are still good: rights may have changed.
"""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from pacsbrowser.access.scope import scope_of
from pacsbrowser.archive.derived import previews
from pacsbrowser.archive.derived.previews import LARGE, SMALL
from pacsbrowser.archive.held import find_held
from pacsbrowser.archive.models import Instance
from pacsbrowser.audit.record import record_view
from pacsbrowser.bodies import CACHE, unchanged
from pacsbrowser.dicom.decoder import DecodingError
from pacsbrowser.pages.lookup import NOT_HERE, find_series

HEADERS = {"Cache-Control": CACHE, "Content-Security-Policy": "default-src 'none'; sandbox"}


@require_safe
def instance_preview(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send the picture of an instance, 256 pixels at most, with `?large` 640."""
    held = find_held(scope_of(request.user), study_uid, series_uid, instance_uid)
    holder = request.GET.get("holder", "")
    found = [one for one in held if holder in ("", str(one.series.study_id))]
    if not found:
        raise Http404(NOT_HERE)
    study = found[0].series.study
    record_view(request, "instance", instance_uid, study_uid, study.patient.audit_name)
    return _send(request, found[0], LARGE if "large" in request.GET else SMALL)


@require_safe
def series_preview(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponseBase:
    """Send the picture that stands for a series: of its middle instance."""
    place = find_series(request, study_uid, series_uid)
    instance = previews.representative(place.series)
    if instance is None:
        raise Http404("There is no picture in this series.")
    record_view(request, "series", series_uid, study_uid, place.patient.audit_name)
    return _send(request, instance, SMALL)


def _send(request: HttpRequest, instance: Instance, side: int) -> HttpResponseBase:
    if not previews.has_preview(instance):
        raise Http404("This object has no picture.")
    etag = f'"{previews.preview_key(instance, side)}"'
    same = unchanged(request, etag, HEADERS)
    if same is not None:
        return same
    try:
        data = previews.preview(instance, side)
    except (DecodingError, OSError) as error:
        return send_reason(getattr(error, "step", "") or "reading the file")
    return HttpResponse(data, content_type=previews.MEDIA_TYPE, headers={**HEADERS, "ETag": etag})


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
