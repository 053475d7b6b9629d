"""dicomweb-client, an independent implementation, against the product as it runs."""

import io
import socket
from typing import Any

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_user_pass
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.datasets import ROOT, make_dataset, make_series
from tests.dicomweb.tools import BASE, RELATED, related
from tests.live import LiveApp

STUDY = f"{ROOT}.77"


@pytest.fixture(scope="module")
def secret(live_app: LiveApp) -> str:
    """A token of an uploader."""
    user = live_app.user("uploader")
    return live_app.manage("create_token", user.username, "--scope", "read,store").stdout.split()[-1]


@pytest.fixture(scope="module")
def peer(live_app: LiveApp, secret: str) -> DICOMwebClient:
    """The client, which sends the token as the password of HTTP Basic."""
    client = DICOMwebClient(f"{live_app.url}{BASE}", session=create_session_from_user_pass("any", secret))
    files = [*make_series(3, study=77), *make_series(2, study=77, series=2, Modality="MR", PatientName="王^小东")]
    answer = client.store_instances([dcmread(io.BytesIO(file)) for file in files], study_instance_uid=STUDY)
    assert len(answer.ReferencedSOPSequence) == 5
    assert "FailedSOPSequence" not in answer
    return client


def found(answers: list[dict[str, Any]]) -> list[Dataset]:
    """Results as pydicom reads them."""
    return [Dataset.from_json(one) for one in answers]


@pytest.mark.usefixtures("peer")
class TestPeer:
    """What the client does, and what it gets."""

    def test_it_searches(self, peer: DICOMwebClient) -> None:
        (study,) = found(peer.search_for_studies(search_filters={"StudyInstanceUID": STUDY}))
        assert (study.NumberOfStudyRelatedInstances, list(study.ModalitiesInStudy)) == (5, ["CT", "MR"])
        assert str(study.PatientName) == "Doe^Jane"
        named = {"PatientName": "doe*", "StudyInstanceUID": STUDY}
        assert len(peer.search_for_studies(search_filters=named, fuzzymatching=True)) == 1
        assert len(peer.search_for_series(STUDY)) == 2
        assert len(peer.search_for_series(STUDY, search_filters={"Modality": "MR"})) == 1
        assert len(peer.search_for_instances(STUDY)) == 5
        (one,) = found(peer.search_for_instances(STUDY, f"{STUDY}.1", limit=1, offset=1, fields=["PatientID"]))
        assert (one.SOPInstanceUID, one.PatientID) == (f"{STUDY}.1.2", "P1")

    def test_it_reads_all_pages(self, peer: DICOMwebClient) -> None:
        pages = [peer.search_for_instances(STUDY, limit=2, offset=start) for start in (0, 2, 4, 6)]
        assert [len(page) for page in pages] == [2, 2, 1, 0]

    def test_it_is_told_of_a_conflict(self, peer: DICOMwebClient) -> None:
        other = make_series(1, study=77, PatientSex="M")[0]
        with pytest.raises(requests.HTTPError) as refused:
            peer.store_instances([dcmread(io.BytesIO(other))])
        assert refused.value.response.status_code == 409

    def test_it_is_refused_without_a_token(self, live_app: LiveApp) -> None:
        with pytest.raises(requests.HTTPError) as refused:
            DICOMwebClient(f"{live_app.url}{BASE}").search_for_studies()
        assert refused.value.response.status_code == 401

    def test_a_chunked_body_is_stored(self, live_app: LiveApp, secret: str) -> None:
        body = related([make_dataset(StudyInstanceUID=f"{ROOT}.78", SOPInstanceUID=f"{ROOT}.78.1.1")])
        answer = requests.post(
            f"{live_app.url}{BASE}/studies",
            data=(body[start : start + 100] for start in range(0, len(body), 100)),
            headers={"Content-Type": RELATED, "Authorization": f"Bearer {secret}"},
            timeout=30,
        )
        assert answer.status_code == 200

    def test_a_connection_that_breaks_off_leaves_nothing(self, live_app: LiveApp, secret: str) -> None:
        body = related([make_dataset(StudyInstanceUID=f"{ROOT}.79", SOPInstanceUID=f"{ROOT}.79.1.1")])
        head = (
            f"POST {BASE}/studies HTTP/1.1\r\nHost: 127.0.0.1:{live_app.port}\r\nAuthorization: Bearer {secret}\r\n"
            f"Content-Type: {RELATED}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", live_app.port), timeout=30) as connection:
            connection.sendall(head.encode() + body[:-200])
            connection.shutdown(socket.SHUT_WR)
            connection.recv(100)
        answer = requests.get(
            f"{live_app.url}{BASE}/studies/{ROOT}.79/instances",
            headers={"Authorization": f"Bearer {secret}"},
            timeout=30,
        )
        assert (answer.status_code, answer.json()) == (200, [])
