"""WADO-RS metadata (PS3.18 10.4.1.1.2) in JSON and XML: a series from stored chunks, an instance from its file."""

import hashlib
import json
from collections.abc import Iterator

from django.http import HttpResponseBase

from pacsbrowser.archive.derived.metadata import BULK_MARK, SeriesMetadata, instance_metadata, series_metadata
from pacsbrowser.dicom.json_reader import MOST_ELEMENTS
from pacsbrowser.dicom.native_xml import native_xml
from pacsbrowser.dicomweb.accept import DICOM_JSON, DICOM_XML, JSON, Offer
from pacsbrowser.dicomweb.delivery import send_parts, send_stream, unchanged
from pacsbrowser.dicomweb.holders import held_instances, note_series_view, note_view, series_of
from pacsbrowser.dicomweb.multipart import Part
from pacsbrowser.dicomweb.resource import Call

_CUT = (
    f"An object holds more than {MOST_ELEMENTS:,} data elements; items of sequences that come after them are left out"
)
# Who asks for XML without saying that it comes in parts gets it in parts, as in a search.
_OFFERS = (Offer(DICOM_JSON), Offer(DICOM_XML, is_multipart=True), Offer(JSON), Offer(DICOM_XML))


def retrieve_metadata(call: Call, study: str, series: str = "") -> HttpResponseBase:
    """Send the metadata of the instances of a study or series, in the order of their arrival."""
    offer = call.choose(*_OFFERS)
    rows = series_of(call, study, series)
    note_series_view(call, "series" if series else "study", rows[0])
    found = [series_metadata(row) for row in rows]
    address = call.url("/dicom-web")
    digest = hashlib.sha256("|".join([address, offer.media_type, *(one.digest for one in found)]).encode()).hexdigest()
    etag = f'W/"{digest[:40]}"'
    same = unchanged(call, etag)
    if same is not None:
        return same
    is_cut = any(one.is_cut() for one in found)
    if offer.media_type == DICOM_XML:
        response = _send_xml(call, _documents(found, address), etag)
    else:
        response = send_stream(call, _array(found, address), offer.media_type, etag)
    return _with_warning(response, is_cut)


def retrieve_instance_metadata(call: Call, study: str, series: str, instance: str) -> HttpResponseBase:
    """Send the metadata of one instance, of every holder."""
    offer = call.choose(*_OFFERS)
    rows = held_instances(call, study, series, instance)
    note_view(call, "instance", rows[0])
    address = call.url("/dicom-web")
    digest = hashlib.sha256(f"{address}|{offer.media_type}".encode())
    for row in rows:
        digest.update(bytes(row.blob.sha256))
    etag = f'W/"{digest.hexdigest()[:40]}"'
    same = unchanged(call, etag)
    if same is not None:
        return same
    readings = [instance_metadata(row) for row in rows]
    texts = [json.dumps(one.model, ensure_ascii=False, separators=(",", ":")) for one in readings]
    placed = [_placed(text, address) for text in texts]
    if offer.media_type == DICOM_XML:
        response = _send_xml(call, (native_xml(json.loads(text)) for text in placed), etag)
    else:
        body = f"[{','.join(placed)}]".encode("utf-8", "replace")
        response = send_stream(call, iter((body,)), offer.media_type, etag)
    return _with_warning(response, any(one.is_cut for one in readings))


def _with_warning(response: HttpResponseBase, is_cut: bool) -> HttpResponseBase:
    if is_cut:
        response.headers["Warning"] = f'299 pacsbrowser "{_CUT}"'
    return response


def _placed(text: str, address: str) -> str:
    return text.replace(f'"BulkDataURI":"{BULK_MARK}/', f'"BulkDataURI":"{address}/')


def _array(found: list[SeriesMetadata], address: str) -> Iterator[bytes]:
    before = b"["
    for one in found:
        for piece in one.read(address):
            yield before + piece
            before = b","
    yield b"]" if before == b"," else b"[]"


def _documents(found: list[SeriesMetadata], address: str) -> Iterator[bytes]:
    for one in found:
        for piece in one.read(address):
            for model in json.loads(b"[" + piece + b"]"):
                yield native_xml(model)


def _send_xml(call: Call, documents: Iterator[bytes], etag: str) -> HttpResponseBase:
    return send_parts(call, (Part(DICOM_XML, (document,)) for document in documents), DICOM_XML, etag)
