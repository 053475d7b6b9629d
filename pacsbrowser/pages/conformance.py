"""The conformance statements: what DICOMweb and DIMSE offer and what they do not, for people who connect systems."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from pacsbrowser.archive.frames import MOST_AGAIN, MOST_DECODED, MOST_DECODED_PIXELS
from pacsbrowser.archive.in_files import MOST_CANDIDATES, MOST_READ
from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search import KEYS, MOST_RESULTS
from pacsbrowser.dicom.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacsbrowser.dicom.json_reader import INLINE_TOTAL, MOST_ELEMENTS
from pacsbrowser.dicom.storage_classes import known_storage_classes, known_transfer_syntaxes
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
        "metadata_elements": MOST_ELEMENTS,
        "metadata_megabytes": INLINE_TOTAL >> 20,
        "frames_again": MOST_AGAIN,
        "frames_decoded": MOST_DECODED,
        "pixels_decoded": MOST_DECODED_PIXELS // 1_000_000,
    }
    return page(request, "pages/conformance.html", context)


@require_safe
def dimse_conformance(request: HttpRequest) -> HttpResponse:
    """Show what the DIMSE port offers (PS3.2), with the settings that are in force."""
    context = {
        "keys": [(level.label, sorted(KEYS[level])) for level in Level],
        "ae_title": settings.DIMSE_AE_TITLE,
        "checks_called": settings.DIMSE_CHECK_CALLED,
        "strangers": ", ".join(sorted(settings.DIMSE_STRANGERS)),
        "takes_private": settings.DIMSE_TAKES_PRIVATE,
        "associations": settings.DIMSE_MOST_ASSOCIATIONS,
        "idle": settings.DIMSE_IDLE,
        "unit": settings.DIMSE_MOST_UNIT,
        "tls": bool(settings.DIMSE_TLS_CERT),
        "client_certificates": bool(settings.DIMSE_TLS_CERT and settings.DIMSE_TLS_CA),
        "implementation": (IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME),
        "storage_classes": known_storage_classes(),
        "transfer_syntaxes": known_transfer_syntaxes(),
    }
    return page(request, "pages/dimse_conformance.html", context)
