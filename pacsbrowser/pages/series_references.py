"""What a series refers to and what refers to it: a part of its page that comes after it, as it reads many rows."""

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from pacsbrowser.archive import references as known
from pacsbrowser.audit.record import record_view
from pacsbrowser.pages.lookup import find_series, offers_choice
from pacsbrowser.pages.render import page
from pacsbrowser.pages.study_page import banner


@require_safe
@offers_choice
def series_references(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponseBase:
    """Show the references of a series in both directions."""
    place = find_series(request, study_uid, series_uid)
    record_view(request, place.level, place.uid, place.study.study_instance_uid, place.patient.audit_name)
    context = {
        "place": place,
        "patient": place.patient,
        "study": place.study,
        "series": place.series,
        "refers_to": known.references_of_series(place.series, place.scope),
        "referred_by": known.referrers_of_series(place.series, place.scope),
        **banner(place),
    }
    return page(request, "pages/series_references.html", context, fragment="references")
