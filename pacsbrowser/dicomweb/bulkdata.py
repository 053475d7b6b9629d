"""WADO-RS bulk data (PS3.18 10.4.1.1.5): one value of an object by the path that its metadata gave."""

from collections.abc import Iterator
from dataclasses import replace

from django.http import HttpResponseBase

from pacsbrowser.archive import storage
from pacsbrowser.archive.frames import pixel_layout
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.bulkdata import NoSuchValue, Value, find_value
from pacsbrowser.dicom.decoder import DecodingError
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.frames import BadPixels
from pacsbrowser.dicom.part10 import EXPLICIT_UID, open_data_set
from pacsbrowser.dicomweb.accept import Offer
from pacsbrowser.dicomweb.delivery import entity_tag, send_parts, send_ranged, unchanged
from pacsbrowser.dicomweb.failures import pixel_problem
from pacsbrowser.dicomweb.frames import OCTETS, choose_form, send_frames
from pacsbrowser.dicomweb.holders import note_view, one_instance
from pacsbrowser.dicomweb.multipart import Part
from pacsbrowser.dicomweb.problems import not_found
from pacsbrowser.dicomweb.resource import Call


def retrieve_bulkdata(call: Call, study: str, series: str, instance: str, path: str) -> HttpResponseBase:
    """Send one value. Compressed pixel data comes as it is stored unless another form is asked for, a part a frame."""
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
    # The boundary of parts is another each time, so only their content is said to be the same.
    etag = entity_tag(bytes(row.blob.sha256), path.strip("/"), is_weak=offer.is_multipart)
    same = unchanged(call, etag)
    if same is not None:
        return same
    if not offer.is_multipart:
        return send_ranged(call, lambda first, last: _read(row, path, first, last), length, OCTETS, etag)
    content_type = f"{OCTETS}; transfer-syntax={EXPLICIT_UID}"
    part = Part(content_type, _read(row, path, 0, length - 1), call.url(call.request.path))
    return send_parts(call, (part,), OCTETS, etag)


def _read(row: Instance, path: str, first: int, last: int) -> Iterator[bytes]:
    with storage.open_blob(row.blob) as file:
        value: Value = find_value(open_data_set(file), path.strip("/"))
        yield from value.read(first, last)


def _send_frames(call: Call, row: Instance) -> HttpResponseBase:
    ranges = [
        one if one.transfer_syntax else replace(one, parameters={**one.parameters, "transfer-syntax": "*"})
        for one in call.accepted()
    ]
    try:
        pixels, _ = pixel_layout(row.blob)
        if not pixels.segments:
            raise BadPixels("The pixel data holds no frame.")
        form = choose_form(ranges, pixels, is_wrong=False, is_one=False)
        return send_frames(call, row, pixels, form, range(1, len(pixels.segments) + 1))
    except (DicomError, DecodingError, OSError) as error:
        raise pixel_problem(error) from error
