"""A structured report to take along: as text, for the clipboard or a file, and as a page of HTML that stands alone."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from pacsbrowser.archive import export_names
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.sr.content import Report
from pacsbrowser.dicom.sr.html import report_html as html_of
from pacsbrowser.dicom.sr.text import report_text as text_of
from pacsbrowser.pages.lookup import NOT_HERE, InstancePlace, find_instance, offers_choice
from pacsbrowser.pages.report_page import read

KINDS = ("SR", "key objects")


@require_safe
@offers_choice
def report_text(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send a report as plain text."""
    return _send(request, find_instance(request, study_uid, series_uid, instance_uid), text_of, "text/plain", "txt")


@require_safe
@offers_choice
def report_html(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send a report as one page of HTML, which runs nothing and loads nothing."""
    return _send(request, find_instance(request, study_uid, series_uid, instance_uid), html_of, "text/html", "html")


def _send(
    request: HttpRequest, place: InstancePlace, write: Callable[[Report], str], media_type: str, ending: str
) -> HttpResponse:
    found = read(place) if object_kind(place.instance.sop_class_uid) in KINDS else None
    if found is None:
        raise Http404(NOT_HERE)
    record(
        Action.DOWNLOAD,
        request=request,
        patient=place.patient.audit_name,
        study=place.study.study_instance_uid,
        object=place.uid,
        detail={"level": "instance", "what": f"report as {ending}"},
    )
    body = write(found).encode("utf-8", "replace")
    response = HttpResponse(body, content_type=f"{media_type}; charset=utf-8")
    name = f"{export_names.safe_name_of_uid(place.uid)}.{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response
