"""The conformance statement: what DICOMweb offers and what it does not, for people who connect programs."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from pacsbrowser.archive.in_files import MOST_CANDIDATES, MOST_READ
from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search import KEYS, MOST_RESULTS
from pacsbrowser.pages.render import page


@require_safe
def conformance(request: HttpRequest) -> HttpResponse:
    """Show it; the matching keys come from the search itself."""
    keys = [(level.label, sorted(KEYS[level])) for level in Level]
    context = {
        "base": request.build_absolute_uri("/dicom-web"),
        "keys": keys,
        "most": MOST_RESULTS,
        "most_read": MOST_READ,
        "most_candidates": MOST_CANDIDATES,
    }
    return page(request, "pages/conformance.html", context)
