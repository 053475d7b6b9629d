"""dicomweb-client, an independent implementation, gets back what is stored, from the product as it runs."""

import io

import numpy as np
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_user_pass
from PIL import Image
from pydicom.pixels import pixel_array

from tests.dicom.samples import wheel_file
from tests.dicomweb.tools import BASE
from tests.live import LiveApp

NAMES = (
    "CT_small.dcm",
    "SC_rgb_rle_2frame.dcm",
    "MR_small_bigendian.dcm",
    "rtplan.dcm",
    "reportsi.dcm",
    "JPEG2000.dcm",
)


@pytest.fixture(scope="module")
def secret(live_app: LiveApp) -> str:
    """A token of an uploader."""
    user = live_app.user("uploader")
    return live_app.manage("create_token", user.username, "--scope", "read,store").stdout.split()[-1]


@pytest.fixture(scope="module")
def peer(live_app: LiveApp, secret: str) -> DICOMwebClient:
    """The client, with some files stored."""
    client = DICOMwebClient(f"{live_app.url}{BASE}", session=create_session_from_user_pass("any", secret))
    for name in NAMES:
        client.store_instances([pydicom.dcmread(wheel_file(name))])
    return client


def uids(name: str) -> tuple[str, str, str]:
    dataset = pydicom.dcmread(wheel_file(name), stop_before_pixels=True)
    return dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID


@pytest.mark.parametrize("name", NAMES)
def test_it_gets_the_object_and_its_metadata(peer: DICOMwebClient, name: str) -> None:
    stored = pydicom.dcmread(wheel_file(name))
    sent = peer.retrieve_instance(*uids(name))
    unlike = {"PixelData", "SpecificCharacterSet", "PhotometricInterpretation", "PlanarConfiguration"}
    for element in stored:
        if element.keyword not in unlike and element.tag.group < 0xFFFA and element.tag.element:
            assert sent[element.tag].value == element.value, element.tag
    (metadata,) = peer.retrieve_series_metadata(*uids(name)[:2])
    read = pydicom.Dataset.from_json(metadata, bulk_data_uri_handler=lambda *_: b"")
    assert (read.SOPInstanceUID, read.PatientName) == (stored.SOPInstanceUID, stored.PatientName)
    assert len(peer.retrieve_study(uids(name)[0])) == 1


def test_it_gets_frames_and_bulk_data(peer: DICOMwebClient) -> None:
    path = wheel_file("CT_small.dcm")
    expected = pydicom.dcmread(path).PixelData
    assert peer.retrieve_instance_frames(*uids("CT_small.dcm"), [1]) == [expected]
    metadata = peer.retrieve_instance_metadata(*uids("CT_small.dcm"))
    (found,) = peer.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"])
    assert found == expected
    both = peer.retrieve_instance_frames(*uids("SC_rgb_rle_2frame.dcm"), [2, 1])
    frames = pixel_array(wheel_file("SC_rgb_rle_2frame.dcm"), raw=True)
    planes = [frame.transpose(2, 0, 1).tobytes() for frame in frames]
    assert both in ([frames[1].tobytes(), frames[0].tobytes()], [planes[1], planes[0]])


def test_it_gets_pictures(peer: DICOMwebClient) -> None:
    data = peer.retrieve_instance_rendered(*uids("CT_small.dcm"), media_types=("image/png",))
    assert np.asarray(Image.open(io.BytesIO(data))).shape == (128, 128)
    data = peer.retrieve_instance_frames_rendered(*uids("CT_small.dcm"), [1], media_types=("image/jpeg",))
    assert Image.open(io.BytesIO(data)).format == "JPEG"


def test_head_sends_no_body(live_app: LiveApp, secret: str, peer: DICOMwebClient) -> None:
    """The next answer of the same connection would begin with what was too much."""
    study, series, instance = uids("CT_small.dcm")
    address = f"{live_app.url}{BASE}/studies/{study}/series/{series}/instances/{instance}"
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {secret}"
        for more in ("", "/metadata", "/frames/1", "/rendered"):
            assert session.head(address + more).status_code == 200
            assert session.get(f"{address}/rendered").headers["Content-Type"] == "image/jpeg"
        size = wheel_file("CT_small.dcm").stat().st_size
        answer = session.head(address, headers={"Accept": "application/dicom"})
        assert answer.status_code == 200
        assert abs(int(answer.headers["Content-Length"]) - size) < 1000
