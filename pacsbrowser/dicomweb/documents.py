"""Objects that are shown as documents (PS3.18 8.7.3.3): SR as HTML, encapsulated PDF, MP4 where the video is one."""

from collections.abc import Callable

from django.http import HttpResponseBase

from pacsbrowser.archive import storage
from pacsbrowser.archive.inside import document_inside, video_inside
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.encapsulated import MP4, PDF, NoDocument
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.sr.html import report_html
from pacsbrowser.dicom.sr.reading import read_report
from pacsbrowser.dicom.transfer_syntaxes import VIDEO
from pacsbrowser.dicomweb.accept import Offer
from pacsbrowser.dicomweb.delivery import entity_tag, send_bytes, send_ranged, unchanged
from pacsbrowser.dicomweb.failures import pixel_problem
from pacsbrowser.dicomweb.holders import note_view
from pacsbrowser.dicomweb.problems import Problem
from pacsbrowser.dicomweb.resource import Call

HTML = "text/html"

Answer = Callable[[Call], HttpResponseBase]


def document_of(row: Instance) -> Answer | None:
    """Return what answers with an instance as a document; None for an image."""
    kind = object_kind(row.sop_class_uid)
    found = {"SR": _send_sr, "key objects": _send_sr, "PDF": _send_pdf}.get(kind)
    if row.transfer_syntax_uid in VIDEO and row.has_pixel_data:
        found = _send_video
    if found is None:
        return None
    answer = found

    def send(call: Call) -> HttpResponseBase:
        note_view(call, "instance", row)
        try:
            return answer(call, row)
        except (DicomError, OSError) as error:
            raise pixel_problem(error) from error

    return send


def _send_sr(call: Call, row: Instance) -> HttpResponseBase:
    call.choose(Offer(HTML))
    etag = entity_tag(bytes(row.blob.sha256), "html", 3)
    same = unchanged(call, etag)
    if same is not None:
        return same
    with storage.open_blob(row.blob) as file:
        page = report_html(read_report(file))
    response = send_bytes(call, page.encode("utf-8", "replace"), f"{HTML}; charset=utf-8", etag)
    # A report is text from a stranger: it runs nothing and loads nothing.
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'none'; sandbox"
    return response


def _send_pdf(call: Call, row: Instance) -> HttpResponseBase:
    call.choose(Offer(PDF.media_type))
    try:
        body = document_inside(row.blob)
    except NoDocument as error:
        raise Problem(406, error.reason) from None
    if body.form != PDF:
        raise Problem(406, "What the object holds is no PDF.")
    etag = entity_tag(bytes(row.blob.sha256), "pdf")
    response = unchanged(call, etag) or send_ranged(call, body.read, body.length, PDF.media_type, etag)
    response.headers["Content-Disposition"] = "inline; filename=document.pdf"
    return response


def _send_video(call: Call, row: Instance) -> HttpResponseBase:
    """Send the stream of a video that is an MP4 file (PS3.5 8.2.5 ff. also allow MPEG-2 transport streams)."""
    body = video_inside(row.blob)
    if body.form != MP4:
        raise Problem(406, "The video is no MP4 file. On offer: the object as it is stored, application/dicom.")
    call.choose(Offer(MP4.media_type))
    etag = entity_tag(bytes(row.blob.sha256), "mp4")
    return unchanged(call, etag) or send_ranged(call, body.read, body.length, MP4.media_type, etag)
