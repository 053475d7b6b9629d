"""Retrieval of objects: containers, transfer syntaxes, ranges, several holders, scope, deletion."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.pixels import pixel_array

from pacsbrowser.access.models import Role
from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Instance
from pacsbrowser.audit.models import Action, Event
from tests.datasets import ROOT, ingest_datasets, ingest_files, make_dataset, make_series
from tests.dicom.samples import unreadable_jpeg, wheel_file
from tests.dicomweb.parts import body_of, parts_of
from tests.dicomweb.test_fidelity import address
from tests.dicomweb.tools import BASE, Api, person
from tests.dimse.peers import run

pytestmark = pytest.mark.django_db

STUDY, SERIES = f"{ROOT}.1", f"{ROOT}.1.1"
EXPLICIT, RLE, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"
DICOM = 'multipart/related; type="application/dicom"'


@pytest.fixture
def api() -> Api:
    """A program that may read."""
    return Api(person(Role.VIEWER))


def store(name: str) -> Instance:
    """Take a file of pydicom's wheel in."""
    (result,) = ingest_files([wheel_file(name)])
    return Instance.objects.select_related("blob", "series__study").get(pk=result.instance_id)


def get(api: Api, path: str, accept: str, **headers: str) -> Any:
    return api.get(path, headers={"Accept": accept, **{name.replace("_", "-"): text for name, text in headers.items()}})


def test_a_study_comes_as_parts_in_the_order_of_its_series(api: Api) -> None:
    ingest_datasets(*make_series(3), *make_series(2, series=2))
    parts = parts_of(get(api, f"{BASE}/studies/{STUDY}", DICOM))
    uids = [pydicom.dcmread(io.BytesIO(part.body)).SOPInstanceUID for part in parts]
    assert uids == [f"{STUDY}.1.1", f"{STUDY}.1.2", f"{STUDY}.1.3", f"{STUDY}.2.1", f"{STUDY}.2.2"]
    assert {part.headers["Content-Type"] for part in parts} == {f"application/dicom; transfer-syntax={EXPLICIT}"}
    assert parts[0].headers["Content-Location"].endswith(f"/studies/{STUDY}/series/{SERIES}/instances/{STUDY}.1.1")
    assert len(parts_of(get(api, f"{BASE}/studies/{STUDY}/series/{STUDY}.2", "*/*"))) == 2


def test_a_zip_holds_the_stored_files(api: Api) -> None:
    files = [*make_series(3), *make_series(2, series=2)]
    ingest_datasets(*files)
    for path, count in (("", 5), (f"/series/{SERIES}", 3), (f"/series/{SERIES}/instances/{STUDY}.1.1", 1)):
        answer = get(api, f"{BASE}/studies/{STUDY}{path}", "application/zip")
        packed = zipfile.ZipFile(io.BytesIO(body_of(answer)))
        assert answer.headers["Content-Type"] == "application/zip"
        assert len(packed.namelist()) == count
        assert {packed.read(name) for name in packed.namelist()} <= set(files)


def test_compressed_is_decoded_unless_it_is_asked_for(api: Api) -> None:
    row = store("MR_small_RLE.dcm")
    (part,) = parts_of(get(api, address(row), DICOM))
    sent = pydicom.dcmread(io.BytesIO(part.body))
    assert part.transfer_syntax == sent.file_meta.TransferSyntaxUID == EXPLICIT
    assert (pixel_array(sent) == pixel_array(wheel_file("MR_small_RLE.dcm"))).all()
    for syntax in ("*", RLE):
        (part,) = parts_of(get(api, address(row), f"{DICOM}; transfer-syntax={syntax}"))
        assert part.body == storage.blob_path(row.blob).read_bytes()
        assert part.transfer_syntax == RLE


@pytest.mark.parametrize("name", ["SC_rgb_rle_2frame.dcm", "J2K_pixelrep_mismatch.dcm", "SC_rgb_jpeg_dcmtk.dcm"])
def test_decoded_objects_hold_what_they_say(api: Api, name: str) -> None:
    row = store(name)
    (part,) = parts_of(get(api, address(row), DICOM))
    sent, stored = pydicom.dcmread(io.BytesIO(part.body)), pydicom.dcmread(wheel_file(name))
    assert len(sent.PixelData) % 2 == 0
    assert (pixel_array(sent) == pixel_array(stored)).all()
    unlike = {"PixelData", "PhotometricInterpretation", "PlanarConfiguration"}
    for element in stored:
        if element.keyword not in unlike:
            assert sent[element.tag] == element


def test_what_is_not_on_offer_is_refused_with_what_is(api: Api) -> None:
    row = store("MR_small_RLE.dcm")
    answer = get(api, address(row), f"{DICOM}; transfer-syntax={J2K}")
    assert answer.status_code == 406
    assert f"{DICOM}; transfer-syntax={RLE}" in answer.json()["offers"]
    assert f"{DICOM}; transfer-syntax={EXPLICIT}" in answer.json()["offers"]
    assert get(api, address(row), "image/gif").status_code == 406
    assert (
        get(api, address(row), f"{DICOM}; transfer-syntax={J2K}, {DICOM}; transfer-syntax=*; q=0.1").status_code == 200
    )


def test_implicit_is_never_sent(api: Api) -> None:
    row = store("rtplan.dcm")
    answer = get(api, address(row), f"{DICOM}; transfer-syntax=1.2.840.10008.1.2")
    assert answer.status_code == 406
    (part,) = parts_of(get(api, address(row), f"{DICOM}; transfer-syntax=*"))
    assert part.transfer_syntax == EXPLICIT
    assert pydicom.dcmread(io.BytesIO(part.body)).BeamSequence[0].BeamName == "Field 1"


def test_jpeg_of_twelve_bits_comes_decompressed(api: Api, tmp_path: Path) -> None:
    run("dcmdjpeg", wheel_file("JPEG-lossy.dcm"), tmp_path / "native.dcm")
    (part,) = parts_of(get(api, address(store("JPEG-lossy.dcm")), DICOM))
    sent, expected = pydicom.dcmread(io.BytesIO(part.body)), pydicom.dcmread(tmp_path / "native.dcm")
    assert part.transfer_syntax == EXPLICIT
    assert sent.PixelData == expected.PixelData
    assert (sent.BitsAllocated, sent.BitsStored) == (16, 12)


def test_what_no_decoder_reads_is_refused_alone_and_sent_as_stored_beside_others(api: Api) -> None:
    (result,) = ingest_datasets(unreadable_jpeg())
    row = Instance.objects.select_related("series__study").get(pk=result.instance_id)
    answer = get(api, address(row), DICOM)
    assert answer.status_code == 406
    assert "decoding frame 1" in answer.json()["detail"]
    assert answer.json()["offers"] == [f"{DICOM}; transfer-syntax=*"]
    parts = parts_of(get(api, f"{BASE}/studies/{row.series.study.study_instance_uid}", DICOM))
    assert [part.transfer_syntax for part in parts] == ["1.2.840.10008.1.2.4.51"]


def test_one_file_can_be_had_in_parts(api: Api) -> None:
    ingest_datasets(file := make_dataset())
    path = f"{BASE}/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1"
    whole = get(api, path, "application/dicom")
    etag = whole.headers["ETag"]
    assert body_of(whole) == file
    part = get(api, path, "application/dicom", Range="bytes=100-299")
    assert (part.status_code, body_of(part)) == (206, file[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(file)}"
    assert body_of(get(api, path, "application/dicom", Range="bytes=-10")) == file[-10:]
    assert get(api, path, "application/dicom", Range="bytes=9999999-").status_code == 416
    assert body_of(get(api, path, "application/dicom", Range="bytes=0-9", If_Range='"other"')) == file
    assert get(api, path, "application/dicom", If_None_Match=etag).status_code == 304


def test_head_has_the_headers_and_no_body(api: Api) -> None:
    ingest_datasets(file := make_dataset())
    path = f"{BASE}/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1"
    answer = api.head(path, headers={"Accept": "application/dicom"})
    assert (answer.status_code, body_of(answer)) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(file))
    for more in ("", "/metadata", "/frames/1", "/rendered"):
        answer = api.head(path + more)
        assert (answer.status_code, body_of(answer)) == (200, b"")


def test_a_uid_with_several_holders_gives_the_union(api: Api) -> None:
    ingest_datasets(make_dataset(), make_dataset(PatientID="P2", PatientComments="other"))
    path = f"{BASE}/studies/{STUDY}/series/{SERIES}/instances/{SERIES}.1"
    parts = parts_of(get(api, path, DICOM))
    assert {pydicom.dcmread(io.BytesIO(part.body)).PatientID for part in parts} == {"P1", "P2"}
    assert len(parts_of(get(api, f"{BASE}/studies/{STUDY}", DICOM))) == 2
    names = zipfile.ZipFile(io.BytesIO(body_of(get(api, f"{BASE}/studies/{STUDY}", "application/zip")))).namelist()
    assert len(set(names)) == 2


PATHS = (
    "", "/metadata", "/rendered", "/thumbnail", "/series/{e}", "/series/{e}/metadata", "/series/{e}/rendered",
    "/series/{e}/instances/{i}", "/series/{e}/instances/{i}/metadata", "/series/{e}/instances/{i}/frames/1",
    "/series/{e}/instances/{i}/frames/1/rendered", "/series/{e}/instances/{i}/frames/1/thumbnail",
    "/series/{e}/instances/{i}/bulkdata/7FE00010", "/series/{e}/instances/{i}/rendered",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_what_is_out_of_scope_does_not_exist(path: str) -> None:
    ingest_datasets(make_dataset(InstitutionName="Here"))
    address = f"{BASE}/studies/{STUDY}" + path.format(e=SERIES, i=f"{SERIES}.1")
    absent = f"{BASE}/studies/1.2.3" + path.format(e=SERIES, i=f"{SERIES}.1")
    assert Api(person(institutions="Here")).get(address).status_code == 200
    stranger = Api(person(institutions="There"))
    refused, missing = stranger.get(address), stranger.get(absent)
    assert (refused.status_code, refused.content) == (missing.status_code, missing.content)
    assert refused.status_code == 404


def test_a_lost_file_is_told(api: Api) -> None:
    ingest_datasets(make_dataset())
    row = Instance.objects.select_related("blob", "series__study").get()
    storage.blob_path(row.blob).unlink()
    for path in ("", "/frames/1", "/rendered", "/bulkdata/7FE00010"):
        assert api.get(address(row) + path).status_code == 410


def test_administrators_delete_into_the_trash() -> None:
    ingest_datasets(*make_series(3))
    row = Instance.objects.select_related("blob", "series__study").order_by("pk").first()
    assert row is not None
    assert Api(person(Role.UPLOADER)).delete(address(row)).status_code == 403
    assert Api(person(Role.ADMINISTRATOR), may_store=False).delete(address(row)).status_code == 403
    admin = Api(person(Role.ADMINISTRATOR))
    assert admin.delete(address(row)).status_code == 204
    assert admin.get(address(row)).status_code == 404
    assert Instance.objects.live().count() == 2
    assert admin.delete(f"{BASE}/studies/{STUDY}").status_code == 204
    assert Instance.objects.live().count() == 0
    assert Event.objects.filter(action=Action.DELETE).count() == 2
    assert admin.delete(f"{BASE}/studies/{STUDY}").status_code == 404


def test_a_download_is_recorded_once(api: Api) -> None:
    """By ranges, instance by instance and as a whole: one act of one user on one study."""
    ingest_datasets(*make_series(2), *make_series(1, study=2, PatientID=None))
    single = {"Accept": "application/dicom; transfer-syntax=*"}
    for row in Instance.objects.select_related("series__study").filter(series__study__study_instance_uid=STUDY):
        for start in (0, 100, 200):
            assert api.get(address(row), headers={**single, "Range": f"bytes={start}-{start + 99}"}).status_code == 206
        query = f"requestType=WADO&studyUID={STUDY}&seriesUID={SERIES}&objectUID={row.sop_instance_uid}"
        assert api.get(f"/wado?{query}&contentType=application/dicom").status_code == 200
    parts_of(get(api, f"{BASE}/studies/{STUDY}", DICOM))
    event = Event.objects.get(action=Action.DOWNLOAD)
    assert (event.study, event.patient, event.door) == (STUDY, "P1", "dicomweb")
    parts_of(get(api, f"{BASE}/studies/{ROOT}.2", DICOM))
    assert Event.objects.filter(action=Action.DOWNLOAD, patient__startswith="No ID, patient ").count() == 1


def test_an_instance_costs_the_same_few_queries(api: Api, django_assert_num_queries: Any) -> None:
    """The caller, the instance with its parents, and whether that was recorded: nothing more, and no write."""
    ingest_datasets(*make_series(3))
    path = f"{BASE}/studies/{STUDY}/series/{STUDY}.1/instances/{STUDY}.1"
    parts_of(get(api, f"{path}.1", DICOM))
    with django_assert_num_queries(3):
        parts_of(get(api, f"{path}.2", DICOM))


def test_memory_does_not_grow_with_a_study(api: Api) -> None:
    """A body of many parts is never whole in memory: pieces of at most a megabyte come one by one."""
    ingest_datasets(make_dataset(Rows=2048, Columns=2048, PixelData=bytes(2 * 2048 * 2048)))
    answer = get(api, f"{BASE}/studies/{STUDY}", DICOM)
    sizes = [len(piece) for piece in answer.streaming_content]
    assert max(sizes) <= 1 << 20
    assert sum(sizes) > 8 << 20


def test_a_bare_data_set_becomes_a_file(api: Api) -> None:
    file = make_dataset()
    start = file.index(b"\x08\x00\x05\x00")
    ingest_datasets(file[start:])
    row = Instance.objects.select_related("blob", "series__study").get()
    (part,) = parts_of(get(api, address(row), DICOM))
    sent = pydicom.dcmread(io.BytesIO(part.body))
    assert sent.file_meta.MediaStorageSOPInstanceUID == sent.SOPInstanceUID
    assert hashlib.sha256(part.body[-len(file[start:]) :]).digest() == hashlib.sha256(file[start:]).digest()
