"""Pictures and documents: formats, windows, viewports, representatives, caching, and hostile pixels."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.pixels import apply_voi_lut, pixel_array

from pacsbrowser.access.models import Role
from pacsbrowser.archive.derived import folder
from pacsbrowser.archive.derived.pictures import sweep_pictures
from pacsbrowser.archive.models import Instance
from tests.datasets import ROOT, ingest_datasets, ingest_files, make_dataset, make_series
from tests.dicom.samples import needs_corpus, wheel_file
from tests.dicomweb.parts import body_of, parts_of
from tests.dicomweb.test_fidelity import address
from tests.dicomweb.test_retrieve import STUDY, get, store
from tests.dicomweb.tools import BASE, Api, person, seconds_worked
from tests.dimse.peers import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Api:
    """A program that may read."""
    return Api(person(Role.VIEWER))


def image(answer: Any) -> Image.Image:
    body = body_of(answer)
    assert answer.status_code == 200, body
    return Image.open(io.BytesIO(body))


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
def test_pictures_come_in_three_formats(api: Api, media_type: str) -> None:
    row = store("CT_small.dcm")
    answer = get(api, f"{address(row)}/rendered", media_type)
    assert answer.headers["Content-Type"] == media_type
    found = image(answer)
    assert (found.get_format_mimetype(), found.size) == (media_type, (128, 128))
    assert image(api.get(f"{address(row)}/rendered?accept={media_type}")).get_format_mimetype() == media_type
    browser = "text/html,application/xhtml+xml,image/avif,image/webp,*/*;q=0.8"
    assert get(api, f"{address(row)}/rendered", browser).headers["Content-Type"] == "image/webp"


def test_a_window_is_applied_as_pydicom_does(api: Api) -> None:
    row = store("CT_small.dcm")
    path = wheel_file("CT_small.dcm")
    dataset = pydicom.dcmread(path)
    values = pixel_array(path) * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    for function in ("linear", "linear-exact", "sigmoid"):
        dataset.WindowCenter, dataset.WindowWidth = -300, 700
        dataset.VOILUTFunction = function.upper().replace("-", "_")
        low, high = -(2**15) - 1024.0, 2**15 - 1 - 1024.0
        expected = (apply_voi_lut(values, dataset) - low) / (high - low) * 255
        answer = get(api, f"{address(row)}/rendered?window=-300,700,{function}", "image/png")
        assert np.abs(np.asarray(image(answer)) - expected).max() <= 1


def test_jpeg_of_twelve_bits_is_drawn_like_what_dcmtk_makes_of_it(api: Api, tmp_path: Path) -> None:
    drawn = image(get(api, f"{address(store('JPEG-lossy.dcm'))}/rendered", "image/png"))
    run("dcmdjpeg", "+ua", wheel_file("JPEG-lossy.dcm"), tmp_path / "native.dcm")
    (result,) = ingest_files([tmp_path / "native.dcm"])
    native = Instance.objects.select_related("series__study").get(pk=result.instance_id)
    assert np.array_equal(drawn, image(get(api, f"{address(native)}/rendered", "image/png")))


def test_a_viewport_scales_and_cuts_out(api: Api) -> None:
    row = store("CT_small.dcm")
    path = f"{address(row)}/rendered"
    assert image(api.get(f"{path}?viewport=64,32")).size == (32, 32)
    assert image(api.get(f"{path}?viewport=256,256")).size == (256, 256)
    whole = np.asarray(image(get(api, path, "image/png")))
    part = np.asarray(image(get(api, f"{path}?viewport=64,64,32,32,64,64", "image/png")))
    assert (part == whole[32:96, 32:96]).all()
    turned = np.asarray(image(get(api, f"{path}?viewport=128,128,,,-128,128", "image/png")))
    assert (turned == whole[:, ::-1]).all()


@pytest.mark.parametrize(
    "query",
    [
        "window=1",
        "window=a,b",
        "window=1,0",
        "window=1,2,cubic",
        "window=nan,1",
        "viewport=0,0",
        "viewport=30000,30000",
        "viewport=10",
        "viewport=1,2,3",
        "quality=0",
        "quality=101",
        "quality=x",
        "annotation=secrets",
        "iccprofile=adobergb",
    ],
)
def test_wrong_parameters_are_refused_with_the_reason(api: Api, query: str) -> None:
    row = store("CT_small.dcm")
    answer = api.get(f"{address(row)}/rendered?{query}")
    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({}, (64, 64)),
        ({"PixelSpacing": [2, 1]}, (32, 64)),
        ({"PixelAspectRatio": [1, 2]}, (64, 32)),
        ({"ImagerPixelSpacing": [0.5, 0.25]}, (32, 64)),
    ],
)
def test_a_viewport_shows_pixels_in_their_shape(api: Api, attributes: dict[str, Any], size: tuple[int, int]) -> None:
    ingest_datasets(make_dataset(**attributes))
    row = Instance.objects.select_related("series__study").get()
    where = f"{address(row)}/rendered"
    assert image(get(api, f"{where}?viewport=64,64", "image/png")).size == size
    assert image(get(api, f"{where}?iccprofile=no", "image/png")).size == (8, 8)


def test_annotations_and_quality_change_the_picture(api: Api) -> None:
    row = store("CT_small.dcm")
    path = f"{address(row)}/rendered"
    plain = body_of(api.get(path))
    assert body_of(api.get(f"{path}?annotation=patient,technique")) != plain
    assert len(body_of(api.get(f"{path}?quality=10"))) < len(plain)


def test_every_level_has_a_picture_and_a_thumbnail(api: Api) -> None:
    ingest_datasets(*make_series(3, Rows=300, Columns=200, PixelData=bytes(120_000)))
    for level in ("", f"/series/{STUDY}.1", f"/series/{STUDY}.1/instances/{STUDY}.1.2"):
        assert image(api.get(f"{BASE}/studies/{STUDY}{level}/rendered")).size == (200, 300)
        assert image(api.get(f"{BASE}/studies/{STUDY}{level}/thumbnail")).size == (85, 128)
        assert image(api.get(f"{BASE}/studies/{STUDY}{level}/thumbnail?viewport=50,50")).size == (33, 50)
    all_of_them = get(api, f"{BASE}/studies/{STUDY}/rendered", 'multipart/related; type="image/png"')
    assert [part.media_type for part in parts_of(all_of_them)] == ["image/png"] * 3


def test_frames_have_pictures(api: Api) -> None:
    row = store("SC_rgb_rle_2frame.dcm")
    one, two = (body_of(get(api, f"{address(row)}/frames/{number}/rendered", "image/png")) for number in (1, 2))
    assert one != two
    both = get(api, f"{address(row)}/frames/2,1/rendered", 'multipart/related; type="image/png"')
    assert [part.body for part in parts_of(both)] == [two, one]
    assert api.get(f"{address(row)}/frames/3/rendered").status_code == 404
    assert image(api.get(f"{address(row)}/frames/2/thumbnail")).size == (128, 128)


def test_a_picture_is_kept_and_not_sent_again(api: Api) -> None:
    row = store("CT_small.dcm")
    first = api.get(f"{address(row)}/rendered")
    body = body_of(first)
    (kept,) = [path for path in (folder.derived_folder() / "pictures").rglob("*") if path.is_file()]
    assert kept.read_bytes() == body
    assert body_of(api.get(f"{address(row)}/rendered")) == body
    assert api.get(f"{address(row)}/rendered", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_the_kept_pictures_are_bounded(api: Api) -> None:
    row = store("CT_small.dcm")
    sizes = []
    for quality in range(10, 20):
        sizes.append(len(body_of(api.get(f"{address(row)}/rendered?quality={quality}"))))
    assert sweep_pictures(sum(sizes)) == 0
    assert sweep_pictures(sum(sizes) // 2) >= 5
    assert sum(path.stat().st_size for path in folder.derived_folder().rglob("*") if path.is_file()) <= sum(sizes) // 2


def test_a_report_is_plain_html(api: Api) -> None:
    row = store("reportsi.dcm")
    answer = get(api, f"{address(row)}/rendered", "text/html,*/*;q=0.5")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    text = body_of(answer).decode()
    assert "<li>" in text
    assert get(api, f"{address(row)}/rendered", "image/jpeg").status_code == 406


def test_what_a_report_says_is_only_text(api: Api) -> None:
    item = pydicom.Dataset()
    item.ValueType, item.TextValue = "TEXT", "<script>alert(1)</script>"
    ingest_datasets(
        make_dataset(SOPClassUID=pydicom.uid.BasicTextSRStorage, Modality="SR", ContentSequence=[item], PixelData=None)
    )
    row = Instance.objects.select_related("series__study").get()
    text = body_of(get(api, f"{address(row)}/rendered", "text/html")).decode()
    assert "&lt;script&gt;" in text
    assert "<script" not in text


def test_an_encapsulated_pdf_is_a_pdf(api: Api) -> None:
    document = b"%PDF-1.4\n" + bytes(4000)
    ingest_datasets(
        make_dataset(
            SOPClassUID=pydicom.uid.EncapsulatedPDFStorage, Modality="DOC", EncapsulatedDocument=document,
            MIMETypeOfEncapsulatedDocument="application/pdf", PixelData=None,
        )
    )  # fmt: skip
    row = Instance.objects.select_related("series__study").get()
    answer = get(api, f"{address(row)}/rendered", "application/pdf")
    assert body_of(answer).startswith(document)
    part = get(api, f"{address(row)}/rendered", "application/pdf", Range="bytes=0-4")
    assert (part.status_code, body_of(part)) == (206, b"%PDF-")


def test_what_has_no_picture_says_so(api: Api) -> None:
    row = store("rtplan.dcm")
    for path in ("rendered", "thumbnail"):
        answer = api.get(f"{address(row)}/{path}")
        assert (answer.status_code, answer.json()["detail"]) == (406, "The object has no picture.")


@needs_corpus
@pytest.mark.parametrize("kind", ["generated/pixel", "generated/bomb", "generated/truncated", "real"])
def test_hostile_pixels_are_answered(api: Api, corpus: Path, kind: str) -> None:
    """Whatever an object holds, it is answered after two seconds of work at most, and the answer is no server error."""
    for path in sorted((corpus / "malformed" / kind).glob("*")):
        (result,) = ingest_files([path])
        if result.instance_id is None:
            continue
        row = Instance.objects.select_related("series__study", "blob").get(pk=result.instance_id)
        for more in ("/rendered", "/thumbnail", "/frames/1", "/metadata", "", "/bulkdata/7FE00010"):
            begin = seconds_worked()
            answer = api.get(address(row) + more)
            assert seconds_worked() - begin < 2, (path.name, more)
            assert answer.status_code < 500, (path.name, more, body_of(answer))
            for _ in answer.streaming_content if answer.streaming else ():
                pass


def test_wado_uri_serves_older_clients(api: Api) -> None:
    row = store("CT_small.dcm")
    series = row.series
    names = {
        "requestType": "WADO", "studyUID": series.study.study_instance_uid,
        "seriesUID": series.series_instance_uid, "objectUID": row.sop_instance_uid,
    }  # fmt: skip
    assert image(api.get("/wado", names)).size == (128, 128)
    assert image(api.get("/wado", {**names, "rows": "64", "contentType": "image/png"})).size == (64, 64)
    part = {"region": "0.25,0.25,0.75,0.75", "windowCenter": "40", "windowWidth": "400", "imageQuality": "50"}
    assert image(api.get("/wado", {**names, **part})).size == (64, 64)
    answer = api.get("/wado", {**names, "contentType": "application/dicom"})
    assert body_of(answer) == wheel_file("CT_small.dcm").read_bytes()
    for wrong in ({"requestType": "X"}, {"objectUID": ""}, {"region": "1,1,0,0"}, {"rows": "x"}, {"frameNumber": "0"}):
        assert api.get("/wado", {**names, **wrong}).status_code == 400
    assert api.get("/wado", {**names, "contentType": "video/mp4"}).status_code == 406
    assert api.get("/wado", {**names, "objectUID": f"{ROOT}.9"}).status_code == 404
    assert api.get("/wado", {**names, "frameNumber": "2"}).status_code == 404


def test_a_video_that_is_an_mp4_is_sent_as_one(api: Api, corpus: Path) -> None:
    (result,) = ingest_files([corpus / "dicom" / "derived" / "video_h264_endoscopy.dcm"])
    row = Instance.objects.select_related("series__study").get(pk=result.instance_id)
    answer = get(api, f"{address(row)}/rendered", "video/mp4,*/*;q=0.1")
    stream = body_of(answer)
    assert stream[4:8] == b"ftyp"
    assert body_of(get(api, f"{address(row)}/rendered", "video/mp4", Range="bytes=100-199")) == stream[100:200]
    for path, reason in (
        ("/frames/1", "one stream"),
        ("/frames/1/rendered", "Single pictures"),
        ("/thumbnail", "Single pictures"),
    ):
        refused = get(api, address(row) + path, "*/*")
        assert refused.status_code == 406 and reason in refused.json()["detail"] and refused.json()["offers"]
    assert api.get(f"{address(row)}/frames/9999").status_code == 404
    (part,) = parts_of(api.get(f"{address(row)}/bulkdata/7FE00010"))
    assert part.body.rstrip(b"\0") == stream.rstrip(b"\0")
