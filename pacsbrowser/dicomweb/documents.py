"""Objects that are shown as documents (PS3.18 8.7.3.3): SR as HTML, encapsulated PDF, MP4 where the video is one."""

import hashlib
from collections.abc import Callable, Iterator

from django.http import HttpResponseBase

from pacsbrowser.archive import storage
from pacsbrowser.archive.frames import pixel_layout
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.bulkdata import NoSuchValue, find_value
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.frames import Segment
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.part10 import open_data_set
from pacsbrowser.dicom.sr.html import report_html
from pacsbrowser.dicom.sr.reading import read_report
from pacsbrowser.dicom.transfer_syntaxes import VIDEO
from pacsbrowser.dicomweb.accept import Offer
from pacsbrowser.dicomweb.delivery import send_bytes, send_ranged, unchanged
from pacsbrowser.dicomweb.failures import pixel_problem
from pacsbrowser.dicomweb.holders import note_view
from pacsbrowser.dicomweb.problems import Problem
from pacsbrowser.dicomweb.resource import Call

HTML, PDF, MP4 = "text/html", "application/pdf", "video/mp4"
_DOCUMENT = "00420011"
CHUNK = 1 << 20

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


def _etag(row: Instance, kind: str) -> str:
    return f'"{hashlib.sha256(bytes(row.blob.sha256) + kind.encode()).hexdigest()[:40]}"'


def _send_sr(call: Call, row: Instance) -> HttpResponseBase:
    call.choose(Offer(HTML))
    etag = _etag(row, "html-2")
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
    call.choose(Offer(PDF))
    etag = _etag(row, "pdf")
    same = unchanged(call, etag)
    if same is not None:
        return same
    with storage.open_blob(row.blob) as file:
        try:
            value = find_value(open_data_set(file), _DOCUMENT)
        except NoSuchValue:
            raise Problem(406, "The object holds no document.") from None
        length = value.length
        if b"%PDF-" not in b"".join(value.read(0, 1023)):
            raise Problem(406, "What the object holds is no PDF.")

    def read(first: int, last: int) -> Iterator[bytes]:
        with storage.open_blob(row.blob) as file:
            yield from find_value(open_data_set(file), _DOCUMENT).read(first, last)

    response = send_ranged(call, read, length, PDF, etag)
    response.headers["Content-Disposition"] = "inline; filename=document.pdf"
    return response


def _send_video(call: Call, row: Instance) -> HttpResponseBase:
    """Send the stream of a video that is an MP4 file (PS3.5 8.2.5 ff. also allow MPEG-2 transport streams)."""
    pixels, _ = pixel_layout(row.blob)
    segments = [segment for frame in pixels.segments for segment in frame]
    with storage.open_blob(row.blob) as file:
        file.seek(segments[0][0])
        is_mp4 = file.read(12)[4:8] == b"ftyp"
    if not is_mp4:
        raise Problem(406, "The video is no MP4 file. On offer: the object as it is stored, application/dicom.")
    call.choose(Offer(MP4))
    etag = _etag(row, "mp4")
    same = unchanged(call, etag)
    if same is not None:
        return same
    length = sum(size for _, size in segments)
    return send_ranged(call, lambda first, last: _read(row, segments, first, last), length, MP4, etag)


def _read(row: Instance, segments: list[Segment], first: int, last: int) -> Iterator[bytes]:
    """Yield bytes of the stream that the fragments make together."""
    begin = 0
    with storage.open_blob(row.blob) as file:
        for offset, length in segments:
            start, end = max(first - begin, 0), min(last - begin + 1, length)
            begin += length
            if start >= end:
                continue
            file.seek(offset + start)
            left = end - start
            while left and (piece := file.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece
