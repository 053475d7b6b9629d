"""C-GET and C-MOVE: every object comes back as it was received, in every form that the other side can take."""

import io
import threading
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import build_role, evt

from pacsbrowser.audit.models import Action, Event
from tests.datasets import ROOT, ingest_datasets, make_series
from tests.dimse.peers import (
    CT,
    PATIENT_GET,
    STUDY_MOVE,
    Archive,
    Receiver,
    data_set_of,
    fetch,
    make_node,
    run,
    storescp,
)

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


def asked(level: str = "STUDY", **keys: Any) -> Dataset:
    """Return an identifier."""
    question = Dataset()
    question.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(question, keyword, value)
    return question


def test_getscu(archive: Archive, tmp_path: Path) -> None:
    ingest_datasets(*make_series(3))
    said = run(
        "getscu", "-v", "-S", "-od", tmp_path, "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ROOT}.1",
        *archive.at,
    )  # fmt: skip
    assert "Completed Suboperations : 3" in said
    assert {dcmread(path).InstanceNumber for path in tmp_path.iterdir()} == {1, 2, 3}
    assert Event.objects.get(action=Action.DOWNLOAD).detail == {"what": "C-GET", "instances": 3}


@pytest.mark.parametrize(
    ("level", "keys", "count"),
    [
        ("PATIENT", {"PatientID": "P1"}, 5),
        ("STUDY", {"StudyInstanceUID": f"{ROOT}.1"}, 4),
        ("STUDY", {"StudyInstanceUID": [f"{ROOT}.1", f"{ROOT}.2"]}, 5),
        ("SERIES", {"StudyInstanceUID": f"{ROOT}.1", "SeriesInstanceUID": f"{ROOT}.1.1"}, 3),
        ("SERIES", {"SeriesInstanceUID": f"{ROOT}.1.2"}, 1),
        ("IMAGE", {"SOPInstanceUID": [f"{ROOT}.1.1.1", f"{ROOT}.1.1.3"]}, 2),
        ("IMAGE", {"SOPInstanceUID": "9.9.9"}, 0),
    ],
)
def test_levels(archive: Archive, level: str, keys: dict[str, Any], count: int) -> None:
    files = [*make_series(3), *make_series(1, 1, 2), *make_series(1, 2, 1)]
    ingest_datasets(*files)
    found = fetch(archive, asked(level, **keys), [(CT, EXPLICIT)])
    assert len(found) == count
    assert set(found.values()) <= {data_set_of(file) for file in files}


@pytest.mark.parametrize("stored", [EXPLICIT, IMPLICIT, "1.2.840.10008.1.2.2"])
@pytest.mark.parametrize("taken", [EXPLICIT, IMPLICIT])
def test_other_forms(archive: Archive, stored: str, taken: str) -> None:
    file = make_series(1, transfer_syntax=stored)[0]
    ingest_datasets(file)
    found = fetch(archive, asked(StudyInstanceUID=f"{ROOT}.1"), [(CT, taken)])
    received = dcmread(io.BytesIO(next(iter(found.values()))), force=True)
    sent = dcmread(io.BytesIO(file))
    assert {one.tag: one.value for one in received} == {one.tag: one.value for one in sent}


def test_what_the_caller_does_not_take_is_told(archive: Archive) -> None:
    ingest_datasets(*make_series(2), *make_series(1, 1, 2, SOPClassUID="1.2.840.10008.5.1.4.1.1.4"))
    with archive.associate(PATIENT_GET, (CT, [EXPLICIT]), roles=[build_role(CT, scp_role=True)],
                           evt_handlers=[(evt.EVT_C_STORE, lambda event: 0)]) as link:  # fmt: skip
        answers = list(link.send_c_get(asked(StudyInstanceUID=f"{ROOT}.1"), PATIENT_GET))
    status, failed = answers[-1]
    counts = (status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations)
    assert (status.Status, *counts) == (0xB000, 2, 1)
    assert failed.FailedSOPInstanceUIDList == f"{ROOT}.1.2.1"


def test_a_get_can_be_cancelled(archive: Archive) -> None:
    ingest_datasets(*make_series(40))
    received = []

    def on_store(event: Any) -> int:
        received.append(event.request.AffectedSOPInstanceUID)
        if len(received) == 3:
            event.assoc.send_c_cancel(5, query_model=PATIENT_GET)
        return 0

    with archive.associate(PATIENT_GET, (CT, [EXPLICIT]), roles=[build_role(CT, scp_role=True)],
                           evt_handlers=[(evt.EVT_C_STORE, on_store)]) as link:  # fmt: skip
        answers = list(link.send_c_get(asked(StudyInstanceUID=f"{ROOT}.1"), PATIENT_GET, msg_id=5))
    assert answers[-1][0].Status == 0xFE00
    assert answers[-1][0].NumberOfRemainingSuboperations == 40 - len(received)
    assert len(received) < 10


def test_movescu_to_storescp(archive: Archive, tmp_path: Path) -> None:
    files = make_series(3)
    ingest_datasets(*files)
    with storescp(tmp_path) as port:
        make_node("TARGET", port)
        said = run(
            "movescu", "-v", "-S", "-aem", "TARGET", "-k", "QueryRetrieveLevel=STUDY",
            "-k", f"StudyInstanceUID={ROOT}.1", *archive.at,
        )  # fmt: skip
        assert "Received Final Move Response (Success)" in said
    received = {path.read_bytes() for path in tmp_path.iterdir()}
    assert {data_set_of(file) for file in received} == {data_set_of(file) for file in files}
    event = Event.objects.get(action=Action.SEND)
    assert event.detail == {"to": "target", "instances": 3}


def move(archive: Archive, destination: str, **keys: Any) -> list[tuple[Dataset, Dataset | None]]:
    """Ask for a C-MOVE and return the answers."""
    with archive.associate(STUDY_MOVE) as link:
        return list(link.send_c_move(asked(**keys), destination, STUDY_MOVE))


def test_a_move_tells_how_far_it_is(archive: Archive) -> None:
    ingest_datasets(*make_series(4))
    with Receiver([(CT, EXPLICIT)]) as receiver:
        make_node("TARGET", receiver.port)
        answers = move(archive, "TARGET", StudyInstanceUID=f"{ROOT}.1")
    told = [
        (one.Status, one.get("NumberOfRemainingSuboperations"), one.NumberOfCompletedSuboperations)
        for one, _ in answers
    ]
    assert told == [(0xFF00, 3, 1), (0xFF00, 2, 2), (0xFF00, 1, 3), (0x0000, None, 4)]
    assert len(receiver.data_sets) == 4
    assert receiver.originators == {("TESTER", 1)}


def test_a_move_can_be_cancelled(archive: Archive) -> None:
    ingest_datasets(*make_series(40))
    cancelled = threading.Event()
    with Receiver([(CT, EXPLICIT)], may_go_on=cancelled) as receiver, archive.associate(STUDY_MOVE) as link:
        make_node("TARGET", receiver.port)
        answers = []
        for answer in link.send_c_move(asked(StudyInstanceUID=f"{ROOT}.1"), "TARGET", STUDY_MOVE, msg_id=5):
            answers.append(answer)
            if len(answers) == 3:
                link.send_c_cancel(5, query_model=STUDY_MOVE)
                cancelled.set()
        status = answers[-1][0]
        assert status.Status == 0xFE00
    told = (status.NumberOfCompletedSuboperations, status.NumberOfRemainingSuboperations)
    assert told == (len(receiver.data_sets), 40 - len(receiver.data_sets)) and told[0] <= 6


def test_moves_that_fail(archive: Archive) -> None:
    ingest_datasets(*make_series(2))
    make_node("NOBODY", 1)
    assert move(archive, "UNKNOWN", StudyInstanceUID=f"{ROOT}.1")[-1][0].Status == 0xA801
    assert move(archive, "UNKNOWN", PatientID="P1")[-1][0].Status == 0xA900
    status, failed = move(archive, "NOBODY", StudyInstanceUID=f"{ROOT}.1")[-1]
    assert (status.Status, status.NumberOfFailedSuboperations) == (0xA702, 2)
    assert failed is not None and len(failed.FailedSOPInstanceUIDList) == 2


def test_a_receiver_that_refuses_one_object(archive: Archive) -> None:
    ingest_datasets(*make_series(3))
    with Receiver([(CT, EXPLICIT)], refuses=f"{ROOT}.1.1.2") as receiver:
        make_node("TARGET", receiver.port)
        status, failed = move(archive, "TARGET", StudyInstanceUID=f"{ROOT}.1")[-1]
    assert (status.Status, status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations) == (0xB000, 2, 1)
    assert failed is not None and failed.FailedSOPInstanceUIDList == f"{ROOT}.1.1.2"


def test_a_receiver_of_the_default_transfer_syntax_alone(archive: Archive) -> None:
    ingest_datasets(*make_series(2))
    with Receiver([(CT, IMPLICIT)]) as receiver:
        make_node("TARGET", receiver.port)
        assert move(archive, "TARGET", StudyInstanceUID=f"{ROOT}.1")[-1][0].Status == 0
    assert len(receiver.data_sets) == 2


def test_out_of_scope_does_not_exist(archive: Archive) -> None:
    ingest_datasets(*make_series(2, InstitutionName="Hospital"))
    make_node("TESTER", institutions="Clinic")
    assert fetch(archive, asked(StudyInstanceUID=f"{ROOT}.1"), [(CT, EXPLICIT)]) == {}
