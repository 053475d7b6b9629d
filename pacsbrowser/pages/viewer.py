"""The viewer: its page, which shows frames drawn by the server where there is no JavaScript, and the order of a series.

Everything else the viewer gets over WADO-RS like any other client. What is shown is in the query: `series`,
`instance`, `frame` (from 1) and `window` ("centre,width"). Its Content-Security-Policy allows what Cornerstone needs
and no other page does: compiling WebAssembly, and `style` attributes on the drawings of measurements.
"""

from typing import Any, cast

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_safe

from pacsbrowser.archive import ordering
from pacsbrowser.archive.models import Level
from pacsbrowser.audit.record import record_view
from pacsbrowser.dicom.uids import transfer_syntax_name
from pacsbrowser.pages import viewer_page
from pacsbrowser.pages.lookup import Rest, View, find_series, find_study, offers_choice
from pacsbrowser.pages.render import page

RELAXED = {
    "script-src": ["'wasm-unsafe-eval'"],
    "worker-src": ["'self'"],
    "style-src-attr": ["'unsafe-inline'"],
    "img-src": ["blob:"],
}


def relaxed(view: View[Rest]) -> View[Rest]:
    """Widen the policy of a view's answers."""
    return cast(View[Rest], csp_update(RELAXED)(cast(Any, view)))


@require_safe
@relaxed
@offers_choice
def viewer(request: HttpRequest, study_uid: str) -> HttpResponseBase:
    """Show a study in the viewer."""
    place = find_study(request, study_uid)
    record_view(request, Level.STUDY, place.uid, place.uid, place.patient.audit_name)
    return page(request, "pages/viewer.html", viewer_page.context(place, request.GET))


@require_safe
@offers_choice
def viewer_series(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponseBase:
    """Send the instances of a series in the order in which every page shows them, as JSON."""
    place = find_series(request, study_uid, series_uid)
    ordering.ensure_ordered(place.series)
    slides = viewer_page.slides_json(place.series, place.scope)
    syntaxes = {slide["syntax"] for slide in slides}
    return JsonResponse(
        {
            "syntaxes": {uid: transfer_syntax_name(uid) for uid in sorted(syntaxes)},
            "instances": slides,
        }
    )
