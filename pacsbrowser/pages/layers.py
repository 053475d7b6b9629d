"""Pictures with coloured layers as a resource: `?slice=` counts from 1, `?small` is for grids and lists."""

from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_safe

from pacsbrowser.archive.derived.layered import NoLayers, layered_key, layered_picture, layers_of
from pacsbrowser.archive.models import Level
from pacsbrowser.audit.record import record_view
from pacsbrowser.dicom.decoder import DecodingError
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.render import Viewport
from pacsbrowser.pages.lookup import find_instance, offers_choice
from pacsbrowser.pages.previews import send_picture, send_reason, step_of
from pacsbrowser.pages.slices import slice_of

LARGE, SMALL = Viewport(768, 768), Viewport(160, 160)


@require_safe
@offers_choice
def instance_layers(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send the picture of a slice with its layers."""
    place = find_instance(request, study_uid, series_uid, instance_uid)
    record_view(request, Level.INSTANCE, place.uid, place.study.study_instance_uid, place.patient.audit_name)
    viewport = SMALL if "small" in request.GET else LARGE
    try:
        layered = layers_of(place.instance, slice_of(request.GET), place.scope)
        etag = f'"{layered_key(layered, viewport)}"'
    except NoLayers:
        raise Http404("The instance has no layers.") from None
    except (DicomError, DecodingError, OSError) as error:
        return send_reason(step_of(error))
    return send_picture(request, etag, "image/webp", lambda: layered_picture(layered, viewport))
