"""Small drawings of objects that have no pixels, as SVG files for grids and lists: a trace, outlines, first lines."""

from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Instance, Level
from pacsbrowser.audit.record import record_view
from pacsbrowser.bodies import entity_tag
from pacsbrowser.dicom.data_item import read_object
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.part10 import open_data_set
from pacsbrowser.dicom.structures import CONTOUR_DATA, fullest, parse_regions, read_contours, read_points
from pacsbrowser.dicom.waveform import WAVEFORM_DATA, NoWaveform, parse_recording
from pacsbrowser.pages.attribute_tables import facts_of
from pacsbrowser.pages.lookup import find_instance, offers_choice
from pacsbrowser.pages.previews import send_picture
from pacsbrowser.pages.rt_page import OUTLINES, draw_outlines
from pacsbrowser.pages.summaries import SUMMARIES
from pacsbrowser.pages.waveform_page import is_at_gain
from pacsbrowser.pages.waveform_paper import Strip, draw

_FORMAT = 1  # raise it when drawings come out otherwise than before
SIDE = 60.0  # mm of paper
SHOWN = 3  # channels
SPEED, GAIN = 25.0, 10.0
LINES, WIDE = 8, 26  # of a card with text


class NoContours(DicomError):
    """The structure set holds no contours."""

    code = "no_contours"


@require_safe
@offers_choice
def instance_drawing(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send the drawing of an instance."""
    place = find_instance(request, study_uid, series_uid, instance_uid)
    record_view(request, Level.INSTANCE, place.uid, place.study.study_instance_uid, place.patient.audit_name)
    etag = entity_tag(bytes(place.instance.blob.sha256), "drawing", _FORMAT)
    return send_picture(request, etag, "image/svg+xml", lambda: _draw(place.instance))


def _draw(instance: Instance) -> str:
    kind = object_kind(instance.sop_class_uid)
    if kind == "waveform":
        return _trace(instance)
    if kind == "RT structures":
        return _outlines(instance)
    if kind in SUMMARIES:
        return _lines(instance, kind)
    raise Http404("The instance has no drawing.")


def _lines(instance: Instance, kind: str) -> str:
    """Write the first lines of what an object says of itself, cut where the card ends."""
    with storage.open_blob(instance.blob) as file:
        facts = facts_of(read_object(file), SUMMARIES[kind].facts)[:LINES]
    lines = [
        {"y": 46 + 17 * place, "label": fact.label, "value": fact.value[: max(WIDE - len(fact.label), 6)]}
        for place, fact in enumerate(facts)
    ]
    return render_to_string("drawings/lines.svg", {"title": kind[:1].upper() + kind[1:], "lines": lines})


def _trace(instance: Instance) -> str:
    """Draw the begin of some channels: of leads I, II and V2 where they are, else of the first three."""
    with storage.open_blob(instance.blob) as file:
        groups = parse_recording(read_object(file, frozenset((WAVEFORM_DATA,)))).groups
        group = next((one for one in groups if one.channels), None)
        if group is None:
            raise NoWaveform("there is no waveform")
        leads = {channel.lead: place for place, channel in reversed(list(enumerate(group.channels)))}
        wanted = [leads[lead] for lead in ("I", "II", "V2") if lead in leads]
        chosen = wanted if len(wanted) == SHOWN else list(range(min(SHOWN, len(group.channels))))
        row, seconds = SIDE / len(chosen), min((SIDE - 4) / SPEED, group.duration)
        strips = [Strip(channel, 2.0, row * (place + 0.5), 0.0, seconds) for place, channel in enumerate(chosen)]
        sheet = draw(file, group, strips, SIDE, gain=GAIN, speed=SPEED, in_millivolts=is_at_gain(instance))
    return render_to_string("drawings/trace.svg", {"traces": sheet.traces, "side": SIDE})


def _outlines(instance: Instance) -> str:
    """Draw the outlines of the slice with most structures."""
    with storage.open_blob(instance.blob) as file:
        contours = read_contours(file)
        slices = contours.slices()
        if not slices:
            raise NoContours("there are no contours")
        regions = parse_regions(read_object(file, frozenset((CONTOUR_DATA,))), contours)
        window = open_data_set(file).window
        _, found = slices[fullest(slices)]
        points = [(contour, read_points(window, contour)) for contour in found[:OUTLINES]]
    return render_to_string("drawings/outlines.svg", {"drawing": draw_outlines(points, regions, contours.axis)})
