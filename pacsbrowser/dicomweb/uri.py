"""WADO-URI (PS3.18 9) for older clients: one object or picture by the parameters of /wado."""

from django.http import HttpResponseBase

from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.encapsulated import MP4, PDF
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.render import Viewport
from pacsbrowser.dicom.transfer_syntaxes import DECODABLE, NATIVE, VIDEO, choose_form
from pacsbrowser.dicomweb.accept import DICOM, covers, not_acceptable, parse_accept
from pacsbrowser.dicomweb.documents import HTML, document_of
from pacsbrowser.dicomweb.frames import check_numbers, parse_frames
from pacsbrowser.dicomweb.holders import note_download, note_view, one_instance
from pacsbrowser.dicomweb.parameters import parameters_of
from pacsbrowser.dicomweb.problems import Problem
from pacsbrowser.dicomweb.rendered import IMAGES, send_picture
from pacsbrowser.dicomweb.rendering import (
    QUALITY,
    Rendering,
    parse_annotation,
    parse_quality,
    parse_window,
)
from pacsbrowser.dicomweb.resource import Call
from pacsbrowser.dicomweb.retrieve import send_object

_DOCUMENT_TYPES = {"SR": HTML, "key objects": HTML, "PDF": PDF.media_type}


def wado(call: Call) -> HttpResponseBase:
    """Send one object in the form asked for."""
    found = {name.lower(): value.strip() for name, value in parameters_of(call.request)}
    if found.get("requesttype", "") != "WADO":
        raise Problem(400, "requestType has to be WADO.")
    uids = [found.get(name, "") for name in ("studyuid", "seriesuid", "objectuid")]
    if not all(uids):
        raise Problem(400, "studyUID, seriesUID and objectUID are needed.")
    if found.get("anonymize"):
        raise Problem(400, "anonymize is not offered.")
    row = one_instance(call, *uids)
    content_type = _content_type(found, row)
    if content_type == DICOM:
        return _send_dicom(call, found, row)
    if content_type in IMAGES:
        return _send_picture(call, found, row, content_type)
    document = document_of(row)
    if document is None:
        raise not_acceptable(_offers(row))
    call.request.META["HTTP_ACCEPT"] = content_type
    return document(call)


def _offers(row: Instance) -> tuple[str, ...]:
    """Return the media types of an object, the default first (PS3.18 9.5)."""
    kind = object_kind(row.sop_class_uid)
    if kind in _DOCUMENT_TYPES:
        return (_DOCUMENT_TYPES[kind], DICOM)
    if row.transfer_syntax_uid in VIDEO:
        return (MP4.media_type, DICOM)
    return (*IMAGES, DICOM) if row.has_pixel_data else (DICOM,)


def _content_type(found: dict[str, str], row: Instance) -> str:
    """Return the first wanted media type that the object can be sent in."""
    offers = _offers(row)
    wanted = parse_accept(found["contenttype"]) if found.get("contenttype") else []
    if not wanted:
        return offers[0]
    for one in wanted:
        for offer in offers:
            if covers(one.type, offer):
                return offer
    raise not_acceptable(offers)


def _send_dicom(call: Call, found: dict[str, str], row: Instance) -> HttpResponseBase:
    """Send the object as a file; the default is Explicit VR Little Endian where it can be had."""
    wanted = found.get("transfersyntax", "")
    stored = row.transfer_syntax_uid
    if not wanted:
        wanted = "" if stored in NATIVE or stored in DECODABLE else "*"
    if not choose_form(stored, (wanted,)):
        raise not_acceptable([f"{DICOM}; transfer-syntax={stored}"])
    note_download(call, "instance", row.sop_instance_uid, row.series.study)
    return send_object(call, row, (wanted,))


def _send_picture(call: Call, found: dict[str, str], row: Instance, media_type: str) -> HttpResponseBase:
    frame = parse_frames(found.get("framenumber") or "1")[0] - 1
    check_numbers(row, [frame + 1])
    rendering = _rendering(found, row)
    note_view(call, "instance", row)
    return send_picture(call, row, frame, media_type, rendering)


def _rendering(found: dict[str, str], row: Instance) -> Rendering:
    """Parse the parameters of PS3.18 9.5: rows and columns bound the picture, region is in parts of the whole."""
    center, width = found.get("windowcenter", ""), found.get("windowwidth", "")
    if bool(center) != bool(width):
        raise Problem(400, "windowCenter and windowWidth come together.")
    quality = found.get("imagequality", "")
    return Rendering(
        parse_window(f"{center},{width}") if center else None,
        _viewport(found, row),
        parse_quality(quality) if quality else QUALITY,
        parse_annotation(found.get("annotation", "")),
    )


def _viewport(found: dict[str, str], row: Instance) -> Viewport | None:
    rows, columns, region = found.get("rows", ""), found.get("columns", ""), found.get("region", "")
    if not rows and not columns and not region:
        return None
    high, wide = row.rows or 1, row.columns or 1
    left, top, right, bottom = _region(region)
    part = ((right - left) * wide, (bottom - top) * high)
    size = _size(columns, part[0], rows, part[1])
    viewport = Viewport(size[0], size[1], left * wide, top * high, part[0], part[1])
    if not viewport.is_possible:
        raise Problem(400, "The picture asked for is too large, or empty.")
    return viewport


def _size(columns: str, width: float, rows: str, height: float) -> tuple[int, int]:
    """Return the bounds of the picture; one that is not given follows the other."""
    given = [int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0 for text in (columns, rows)]
    if (columns and not given[0]) or (rows and not given[1]):
        raise Problem(400, "rows and columns are whole numbers above 0.")
    scale = min(given[0] / width if columns else float("inf"), given[1] / height if rows else float("inf"))
    scale = 1.0 if scale == float("inf") else scale
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _region(text: str) -> tuple[float, float, float, float]:
    if not text:
        return 0.0, 0.0, 1.0, 1.0
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError:
        raise Problem(400, "A region has four numbers from 0 to 1.") from None
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise Problem(400, "A region goes from left and top to right and bottom, all from 0 to 1.")
    return left, top, right, bottom
