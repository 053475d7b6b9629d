"""WADO-RS bulk data (PS3.18 10.4.1.1.5): one value of an object by the path that its metadata gave."""

from collections.abc import Iterator

from django.http import HttpResponseBase

from pacsbrowser.archive import storage
from pacsbrowser.archive.frames import pixel_layout, stored_frame
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.bulkdata import NoSuchValue, Value, find_value
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.part10 import EXPLICIT_UID, open_data_set
from pacsbrowser.dicomweb.accept import Offer
from pacsbrowser.dicomweb.delivery import CACHE, for_head, send_ranged, unchanged
from pacsbrowser.dicomweb.failures import pixel_problem
from pacsbrowser.dicomweb.holders import note_view, one_instance
from pacsbrowser.dicomweb.multipart import Part, multipart_related
from pacsbrowser.dicomweb.problems import not_found
from pacsbrowser.dicomweb.resource import Call

OCTETS = "application/octet-stream"


def retrieve_bulkdata(call: Call, study: str, series: str, instance: str, path: str) -> HttpResponseBase:
    """Send one value. Compressed pixel data comes as it is stored, a part a frame."""
    row = one_instance(call, study, series, instance)
    try:
        with storage.open_blob(row.blob) as file:
            value = find_value(open_data_set(file), path.strip("/"))
            length, is_encapsulated = value.length, value.is_encapsulated
            if length and not is_encapsulated:
                next(value.read(length - 1), b"")  # its end can be reached, so all of it can
    except NoSuchValue:
        raise not_found() from None
    except (DicomError, OSError) as error:
        raise pixel_problem(error) from error
    note_view(call, "instance", row)
    if is_encapsulated:
        return _send_frames(call, row)
    offer = call.choose(Offer(OCTETS, is_multipart=True), Offer(OCTETS))
    etag = f'{"W/" if offer.is_multipart else ""}"{bytes(row.blob.sha256).hex()[:40]}-{path.strip("/")}"'
    same = unchanged(call, etag)
    if same is not None:
        return same
    if not offer.is_multipart:
        return send_ranged(call, lambda first, last: _read(row, path, first, last), length, OCTETS, etag)
    content_type = f"{OCTETS}; transfer-syntax={EXPLICIT_UID}"
    part = Part(content_type, _read(row, path, 0, length - 1), call.url(call.request.path))
    response = multipart_related(iter((part,)), OCTETS)
    response.headers["ETag"], response.headers["Cache-Control"] = etag, CACHE
    return for_head(call, response)


def _read(row: Instance, path: str, first: int, last: int) -> Iterator[bytes]:
    with storage.open_blob(row.blob) as file:
        value: Value = find_value(open_data_set(file), path.strip("/"))
        yield from value.read(first, last)


def _send_frames(call: Call, row: Instance) -> HttpResponseBase:
    call.choose(Offer(OCTETS, is_multipart=True))
    try:
        pixels, _ = pixel_layout(row.blob)
    except (DicomError, OSError) as error:
        raise pixel_problem(error) from error
    content_type = f"{OCTETS}; transfer-syntax={pixels.transfer_syntax_uid}"
    parts = (Part(content_type, stored_frame(row.blob, pixels, number)) for number in range(len(pixels.segments)))
    return for_head(call, multipart_related(parts, OCTETS, f"transfer-syntax={pixels.transfer_syntax_uid}"))
