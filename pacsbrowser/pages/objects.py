"""The pages of the four levels: patient, study, series, instance."""

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.views.decorators.http import require_safe

from pacsbrowser.archive import ordering
from pacsbrowser.archive.models import Level
from pacsbrowser.audit.record import record_view
from pacsbrowser.pages import instance_page, patient_page, series_page, study_page
from pacsbrowser.pages.lookup import Place, find_instance, find_patient, find_series, find_study, offers_choice
from pacsbrowser.pages.render import page

# Documents, video and sound that are inside an object are shown in its page, from resources of this site.
INSIDE = {name: ["'self'"] for name in ("media-src", "object-src", "frame-src")}


@require_safe
def patient_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a patient: identifiers, names, and the studies, newest first."""
    patient, scope = find_patient(request, pk)
    record_view(request, Level.PATIENT, patient.audit_name, "", patient.audit_name)
    context = patient_page.context(patient, scope, request.GET.get("after", ""))
    return page(request, "pages/patient_detail.html", context, fragment="studies")


@require_safe
@offers_choice
def study_detail(request: HttpRequest, study_uid: str) -> HttpResponseBase:
    """Show a study: its attributes and its series."""
    place = find_study(request, study_uid)
    _record(request, place)
    return page(request, "pages/study_detail.html", study_page.context(place, request.GET), fragment="series")


@require_safe
@offers_choice
def series_detail(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponseBase:
    """Show a series: one page of its instances in the stored order. `?n=` jumps to an Instance Number."""
    place = find_series(request, study_uid, series_uid)
    ordering.ensure_ordered(place.series)
    if "n" in request.GET:
        return HttpResponseRedirect(series_page.jump(place, request.GET))
    _record(request, place)
    return page(request, "pages/series_detail.html", series_page.context(place, request.GET), fragment="instances")


@require_safe
@csp_update(INSIDE)  # type: ignore[arg-type]
@offers_choice
def instance_detail(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Show an instance: attributes, provenance, references, copies, findings and the whole header."""
    place = find_instance(request, study_uid, series_uid, instance_uid)
    ordering.ensure_ordered(place.series)
    _record(request, place)
    context = instance_page.context(place, request.GET)
    return page(request, "pages/instance_detail.html", context, fragment="tag_rows")


def _record(request: HttpRequest, place: Place) -> None:
    record_view(request, place.level, place.uid, place.study.study_instance_uid, place.patient.audit_name)
