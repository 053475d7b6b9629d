"""Frames: their order, their bytes, the media type and transfer syntax that each part names."""

import io
import json
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from pacsbrowser.access.models import Role
from pacsbrowser.archive.models import Instance
from tests.datasets import ROOT, ingest_datasets, make_dataset
from tests.dicom.samples import unreadable_jpeg, wheel_file
from tests.dicomweb.parts import body_of, parts_of
from tests.dicomweb.test_fidelity import address
from tests.dicomweb.test_retrieve import get, store
from tests.dicomweb.tools import BASE, Api, person

pytestmark = pytest.mark.django_db

OCTETS = 'multipart/related; type="application/octet-stream"'
EXPLICIT = "1.2.840.10008.1.2.1"
ONE = f"{BASE}/studies/{ROOT}.1/series/{ROOT}.1.1/instances/{ROOT}.1.1.1"


@pytest.fixture
def api() -> Api:
    """A program that may read."""
    return Api(person(Role.VIEWER))


def stored_frames(name: str) -> list[bytes]:
    dataset = pydicom.dcmread(wheel_file(name))
    return list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1))))


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("rtdose_rle.dcm", "image/dicom-rle"),
        ("SC_rgb_rle_2frame.dcm", "image/dicom-rle"),
        ("JPEG2000.dcm", "image/jp2"),
        ("SC_rgb_jpeg_dcmtk.dcm", "image/jpeg"),
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls"),
        ("examples_ybr_color.dcm", "image/jpeg"),
    ],
)
def test_compressed_frames_pass_untouched(api: Api, name: str, image: str) -> None:
    row = store(name)
    frames = stored_frames(name)
    numbers = ",".join(str(number) for number in range(len(frames), 0, -1))
    parts = parts_of(get(api, f"{address(row)}/frames/{numbers}", f"{OCTETS}; transfer-syntax=*"))
    assert [part.body for part in parts] == frames[::-1]
    assert {part.headers["Content-Type"] for part in parts} == {
        f"application/octet-stream; transfer-syntax={row.transfer_syntax_uid}"
    }
    (part,) = parts_of(get(api, f"{address(row)}/frames/1", f'multipart/related; type="{image}"'))
    assert (part.body, part.media_type, part.transfer_syntax) == (frames[0], image, row.transfer_syntax_uid)
    (part,) = parts_of(get(api, f"{address(row)}/frames/1", f"{OCTETS}; transfer-syntax={row.transfer_syntax_uid}"))
    assert part.body == frames[0]


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small_bigendian.dcm",
        "rtdose.dcm",
        "SC_rgb_small_odd_big_endian.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "SC_rgb_rle_2frame.dcm",
    ],
)
def test_frames_are_decoded_by_default(api: Api, name: str) -> None:
    row = store(name)
    expected = pixel_array(wheel_file(name), raw=True)
    frames = expected if getattr(row, "number_of_frames", 1) > 1 else expected[np.newaxis]
    last = len(frames)
    parts = parts_of(get(api, f"{address(row)}/frames/{last},1,{last}", "*/*"))
    assert [part.body for part in parts] == [
        frame.astype(frame.dtype.newbyteorder("<")).tobytes() for frame in (frames[-1], frames[0], frames[-1])
    ]
    assert {part.headers["Content-Type"] for part in parts} == {f"application/octet-stream; transfer-syntax={EXPLICIT}"}


def test_a_wrong_sign_is_put_right_under_any_transfer_syntax(api: Api) -> None:
    """The stream says unsigned, the header signed: a browser would show air white."""
    row = store("J2K_pixelrep_mismatch.dcm")
    (part,) = parts_of(get(api, f"{address(row)}/frames/1", f"{OCTETS}; transfer-syntax=*"))
    assert part.transfer_syntax == EXPLICIT
    assert np.frombuffer(part.body, "<i2").min() == -2000
    (model,) = json.loads(body_of(get(api, f"{address(row)}/metadata", "application/json")))
    assert model["00083002"]["Value"] == [EXPLICIT]
    (part,) = parts_of(get(api, f"{address(row)}/frames/1", f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.4.90"))
    assert part.body == stored_frames("J2K_pixelrep_mismatch.dcm")[0]


def test_a_header_that_takes_signed_samples_for_unsigned_is_put_right(api: Api) -> None:
    """The stream says signed, the header unsigned: negative values would become the largest."""
    pixels = np.arange(-4096, 4096, 2, dtype="<i2").reshape(64, 64)
    plain = make_dataset(Rows=64, Columns=64, PixelRepresentation=1, PixelData=pixels.tobytes())
    dataset = pydicom.dcmread(io.BytesIO(plain))
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    dataset.PixelRepresentation = 0
    file = io.BytesIO()
    dataset.save_as(file)
    ingest_datasets(file.getvalue())
    (part,) = parts_of(get(api, f"{ONE}/frames/1", OCTETS))
    assert (np.frombuffer(part.body, "<i2") == pixels.reshape(-1)).all()
    (model,) = json.loads(body_of(get(api, f"{ONE}/metadata", "application/json")))
    assert (model["00280103"]["Value"], model["00083002"]["Value"]) == ([1], [JPEG2000Lossless])
    (part,) = parts_of(get(api, f"{ONE}/frames/1", f"{OCTETS}; transfer-syntax=*"))
    assert part.transfer_syntax == JPEG2000Lossless
    (part,) = parts_of(get(api, ONE, 'multipart/related; type="application/dicom"'))
    sent = pydicom.dcmread(io.BytesIO(part.body))
    assert sent.PixelRepresentation == 1 and (sent.pixel_array == pixels).all()
    picture = np.asarray(Image.open(io.BytesIO(body_of(get(api, f"{ONE}/rendered", "image/png")))))
    assert (np.diff(picture.reshape(-1).astype(int)) >= 0).all() and picture[0, 0] == 0 and picture[63, 63] == 255


def bits(rows: int, columns: int, frames: int) -> tuple[bytes, np.ndarray[Any, Any]]:
    pixels = np.random.default_rng(1).integers(0, 2, (frames, rows, columns), np.uint8)
    packed = np.packbits(pixels.reshape(-1), bitorder="little").tobytes()
    return packed + b"\0" * (len(packed) & 1), pixels


def test_frames_of_one_bit_begin_at_a_byte_and_are_unpacked_for_browsers(api: Api) -> None:
    packed, pixels = bits(5, 7, 3)
    ingest_datasets(
        make_dataset(Rows=5, Columns=7, NumberOfFrames=3, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=packed)
    )
    parts = parts_of(get(api, f"{ONE}/frames/2,3", OCTETS))
    for part, frame in zip(parts, pixels[1:], strict=True):
        assert (np.unpackbits(np.frombuffer(part.body, np.uint8), bitorder="little")[:35] == frame.reshape(-1)).all()
    parts = parts_of(get(api, f"{ONE}/frames/2,3", f"{OCTETS}; transfer-syntax=*"))
    assert [part.body for part in parts] == [frame.tobytes() for frame in pixels[1:]]


def test_one_frame_can_be_had_alone(api: Api) -> None:
    row = store("CT_small.dcm")
    answer = get(api, f"{address(row)}/frames/1", "application/octet-stream")
    assert answer.headers["Content-Type"] == f"application/octet-stream; transfer-syntax={EXPLICIT}"
    assert body_of(answer) == pydicom.dcmread(wheel_file("CT_small.dcm")).PixelData
    again = get(api, f"{address(row)}/frames/1", "application/octet-stream", If_None_Match=answer.headers["ETag"])
    assert again.status_code == 304


@pytest.mark.parametrize("frames", ["0", "x", "1,,2", "-1", "1,", "1.5", "9" * 20, "١"])
def test_what_is_no_list_of_frames_is_refused(api: Api, frames: str) -> None:
    row = store("CT_small.dcm")
    assert api.get(f"{address(row)}/frames/{frames}").status_code == 400


def test_missing_frames_are_told(api: Api) -> None:
    row = store("CT_small.dcm")
    answer = api.get(f"{address(row)}/frames/1,2")
    assert (answer.status_code, answer.json()["detail"]) == (404, "The object has 1 frames; there is no frame 2.")
    report = store("reportsi.dcm")
    assert api.get(f"{address(report)}/frames/1").status_code == 406


def test_what_cannot_be_sent_is_refused_with_what_can(api: Api) -> None:
    row = store("rtdose_rle.dcm")
    answer = get(api, f"{address(row)}/frames/1", 'multipart/related; type="image/jpeg"')
    assert answer.status_code == 406
    assert f"{OCTETS}; transfer-syntax={EXPLICIT}" in answer.json()["offers"]
    (result,) = ingest_datasets(unreadable_jpeg())
    row = Instance.objects.select_related("series__study").get(pk=result.instance_id)
    answer = get(api, f"{address(row)}/frames/1", "*/*")
    assert answer.status_code == 406
    assert 'multipart/related; type="image/jpeg"; transfer-syntax=1.2.840.10008.1.2.4.51' in answer.json()["offers"]


def test_bulk_data_of_compressed_pixels_is_a_part_a_frame(api: Api) -> None:
    row = store("rtdose_rle.dcm")
    parts = parts_of(api.get(f"{address(row)}/bulkdata/7FE00010"))
    assert [part.body for part in parts] == stored_frames("rtdose_rle.dcm")


def test_a_frame_far_inside_a_deflated_object_is_sent(api: Api) -> None:
    pixels = np.arange(40 * 1024 * 512, dtype="<u2").reshape(40, 1024, 512)
    plain = make_dataset(Rows=1024, Columns=512, NumberOfFrames=40, PixelData=pixels.tobytes())
    file, dataset = io.BytesIO(), pydicom.dcmread(io.BytesIO(plain))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(file)
    ingest_datasets(file.getvalue())
    row = Instance.objects.select_related("series__study").get()
    for syntax in ("", "; transfer-syntax=*"):
        parts = parts_of(get(api, f"{address(row)}/frames/40,3,39", f"{OCTETS}{syntax}"))
        assert [part.body for part in parts] == [pixels[number].tobytes() for number in (39, 2, 38)]
    assert get(api, f"{address(row)}/frames/40/rendered", "image/png").status_code == 200
