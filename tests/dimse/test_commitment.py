"""Storage commitment: the request is taken, and the report comes over the same association or over another."""

import threading
from typing import Any

import pytest
from django.utils import timezone
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.pdu import P_DATA_TF

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Instance
from pacsbrowser.audit.models import Action, Event
from pacsbrowser.exchange.commitment import JOB, parameters
from pacsbrowser.jobs.models import Job, State
from pacsbrowser.jobs.work import enqueue
from pacsbrowser.jobs.worker import Worker
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.dimse.peers import CT, Archive, make_node, send
from tests.live import free_port, wait_until

COMMITMENT, WELL_KNOWN = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
MR = "1.2.840.10008.5.1.4.1.1.4"


def asked(*references: tuple[str, str]) -> Dataset:
    """Return what an N-ACTION asks for."""
    information = Dataset()
    information.TransactionUID = "1.2.3.4.5"
    information.ReferencedSOPSequence = []
    for sop_class, uid in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        information.ReferencedSOPSequence.append(item)
    return information


class Reports:
    """What a caller is told."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.types: list[int] = []
        self.data: list[Dataset] = []

    def take(self, event: Any) -> tuple[int, None]:
        self.types.append(event.event_type)
        self.data.append(event.event_information)
        return 0x0000, None

    def on_sent(self, event: Any) -> None:
        """The answer to a report is on its way; pynetdicom cannot release before."""
        if self.types and isinstance(event.pdu, P_DATA_TF):
            self.came.set()

    @property
    def handlers(self) -> list[Any]:
        return [(evt.EVT_N_EVENT_REPORT, self.take), (evt.EVT_PDU_SENT, self.on_sent)]

    @property
    def safe(self) -> set[str]:
        return {str(one.ReferencedSOPInstanceUID) for one in self.data[0].get("ReferencedSOPSequence", [])}

    @property
    def failed(self) -> dict[str, int]:
        failed = self.data[0].get("FailedSOPSequence", [])
        return {str(one.ReferencedSOPInstanceUID): one.FailureReason for one in failed}


def test_the_report_comes_over_the_same_association(archive: Archive) -> None:
    ingest_datasets(*make_series(2))
    reports = Reports()
    with archive.associate(COMMITMENT, evt_handlers=reports.handlers) as link:
        references = asked((CT, f"{ROOT}.1.1.1"), (CT, f"{ROOT}.1.1.2"))
        status, _ = link.send_n_action(references, 1, COMMITMENT, WELL_KNOWN)
        assert status.Status == 0
        assert reports.came.wait(10)
    assert reports.types == [1]
    assert reports.safe == {f"{ROOT}.1.1.1", f"{ROOT}.1.1.2"}
    assert reports.data[0].TransactionUID == "1.2.3.4.5"
    assert Event.objects.get(action=Action.COMMIT).detail == {"instances": 2}


def test_what_is_not_safe_has_its_reason(archive: Archive) -> None:
    ingest_datasets(*make_series(3))
    lost = Instance.objects.select_related("blob").get(sop_instance_uid=f"{ROOT}.1.1.3")
    storage.blob_path(lost.blob).unlink()
    reports = Reports()
    with archive.associate(COMMITMENT, (CT, ["1.2.840.10008.1.2.1"]),
                           evt_handlers=reports.handlers) as link:  # fmt: skip
        assert send(link, make_dataset(SOPInstanceUID=f"{ROOT}.1.1.2", StudyDescription="Another")) == 0xB000
        numbers = [(CT, "1"), (CT, "2"), (CT, "3"), (MR, "1"), (CT, "9")]
        references = asked(*((sop_class, f"{ROOT}.1.1.{number}") for sop_class, number in numbers))
        assert link.send_n_action(references, 1, COMMITMENT, WELL_KNOWN)[0].Status == 0
        assert reports.came.wait(10)
    assert reports.types == [2]
    assert reports.safe == {f"{ROOT}.1.1.1"}
    assert reports.failed == {f"{ROOT}.1.1.{number}": reason for number, reason in
                              {"1": 0x0119, "2": 0x0110, "3": 0x0110, "9": 0x0112}.items()}  # fmt: skip


def test_the_report_comes_over_an_association_of_ours(archive: Archive) -> None:
    ingest_datasets(*make_series(1))
    reports = Reports()
    ae = AE(ae_title="MODALITY")
    ae.add_supported_context(COMMITMENT, scu_role=True, scp_role=True)
    server: Any = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=reports.handlers)
    try:
        make_node("MODALITY", int(server.server_address[1]))
        with archive.associate(COMMITMENT, ae_title="MODALITY") as link:
            status, _ = link.send_n_action(asked((CT, f"{ROOT}.1.1.1")), 1, COMMITMENT, WELL_KNOWN)
            assert status.Status == 0
        job = wait_until(lambda: Job.objects.filter(state=State.QUEUED).first())
        wait_until(Worker().work_once, 20)
        assert reports.came.wait(10)
    finally:
        server.shutdown()
    job.refresh_from_db()
    assert job.state == State.DONE
    assert (reports.types, reports.safe) == ([1], {f"{ROOT}.1.1.1"})


@pytest.mark.django_db
def test_a_report_waits_for_a_node_that_is_not_there() -> None:
    ingest_datasets(*make_series(1))
    node = make_node("MODALITY", free_port())
    enqueue(JOB, None, "Storage commitment", **parameters(node, "1.2.3.4.5", [(CT, f"{ROOT}.1.1.1")]))
    for _ in range(5):
        assert Worker().work_once()
        Job.objects.update(not_before=timezone.now())
    job = Job.objects.get()
    assert (job.state, job.delays) == (State.QUEUED, 5) and "does not take a connection" in job.problem


def test_a_report_that_was_taken_is_not_sent_again(archive: Archive) -> None:
    ingest_datasets(*make_series(1))
    make_node("MODALITY")
    reports = Reports()
    with archive.associate(COMMITMENT, ae_title="MODALITY", evt_handlers=reports.handlers) as link:
        assert link.send_n_action(asked((CT, f"{ROOT}.1.1.1")), 1, COMMITMENT, WELL_KNOWN)[0].Status == 0
        assert reports.came.wait(10)
        wait_until(lambda: Job.objects.get().state == State.CANCELLED)


def test_requests_that_cannot_be(archive: Archive) -> None:
    with archive.associate(COMMITMENT) as link:
        assert link.send_n_action(asked((CT, "1.2")), 2, COMMITMENT, WELL_KNOWN)[0].Status == 0x0123
        assert link.send_n_action(asked((CT, "1.2")), 1, COMMITMENT, "1.2.3")[0].Status == 0x0112
        assert link.send_n_action(asked(), 1, COMMITMENT, WELL_KNOWN)[0].Status == 0x0120
