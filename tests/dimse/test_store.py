"""C-STORE from DCMTK and pynetdicom: what is sent is kept as it came, and the sender hears what became of it."""

import io
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import JPEG2000Lossless

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Copy, Delivery, Instance
from pacsbrowser.audit.models import Action, Event
from pacsbrowser.dicom.file_meta import make_file_meta
from tests.datasets import ROOT, make_dataset, make_series
from tests.dimse.peers import CT, Archive, data_set_of, make_node, run, send, write
from tests.live import wait_until

EXPLICIT = "1.2.840.10008.1.2.1"


def kept(uid: str) -> bytes:
    """Return the file that is kept of an object."""
    instance = Instance.objects.select_related("blob").get(sop_instance_uid=uid)
    return storage.blob_path(instance.blob).read_bytes()


def test_echo(archive: Archive) -> None:
    assert "Received Echo Response (Success)" in run("echoscu", "-v", *archive.at)


def test_storescu_sends_a_series(archive: Archive, tmp_path: Path) -> None:
    archive.store(*write(tmp_path, *make_series(5)))
    assert Instance.objects.count() == 5
    delivery = Delivery.objects.get()
    assert (delivery.who, delivery.address, delivery.stored) == ("STORESCU", "127.0.0.1", 5)
    # written when the association is over, which the sender does not wait for
    event = wait_until(Event.objects.filter(action=Action.UPLOAD).first)
    assert (event.who, event.study, event.detail) == ("STORESCU", f"{ROOT}.1", {"instances": 5})
    assert Event.objects.filter(action=Action.ASSOCIATE, who="STORESCU", door="dimse").count() == 1


def test_the_data_set_is_kept_behind_a_head_of_ours(archive: Archive) -> None:
    file = make_dataset()
    with archive.associate((CT, [EXPLICIT])) as link:
        assert send(link, file) == 0x0000
    uid = f"{ROOT}.1.1.1"
    assert kept(uid) == make_file_meta(CT, uid, EXPLICIT) + data_set_of(file)


def test_the_same_object_again_is_a_success_and_writes_nothing(archive: Archive) -> None:
    with archive.associate((CT, [EXPLICIT])) as link:
        assert [send(link, make_dataset()) for _ in range(2)] == [0, 0]
    with archive.associate((CT, [EXPLICIT]), ae_title="OTHER") as link:
        assert send(link, make_dataset()) == 0
    assert Instance.objects.count() == 1
    assert not Copy.objects.exists()


def test_another_object_of_the_same_uid_is_kept_for_review(archive: Archive) -> None:
    with archive.associate((CT, [EXPLICIT])) as link:
        assert send(link, make_dataset()) == 0
        assert send(link, make_dataset(StudyDescription="Another")) == 0xB000
    assert Copy.objects.get().kind == Copy.Kind.CONFLICT


def test_a_limited_sender_does_not_hear_of_objects_out_of_its_scope(archive: Archive) -> None:
    make_node("CLINIC", institutions="Clinic")
    with archive.associate((CT, [EXPLICIT])) as link:
        assert send(link, make_dataset(InstitutionName="Hospital")) == 0
    with archive.associate((CT, [EXPLICIT]), ae_title="CLINIC") as link:
        assert send(link, make_dataset(InstitutionName="Clinic", StudyDescription="Other")) == 0
    assert Copy.objects.count() == 1


def test_what_is_wrong_with_an_object_is_a_status(archive: Archive) -> None:
    with archive.associate((CT, [EXPLICIT]), ("1.2.840.10008.5.1.4.1.1.4", [EXPLICIT])) as link:
        assert send(link, make_dataset(), data=data_set_of(make_dataset(StudyInstanceUID=None))) == 0xA900
        assert send(link, make_dataset(), uid="1.2.3") == 0xA900
        assert send(link, make_dataset(PixelData=None)) == 0xB007
        assert send(link, make_dataset(SOPInstanceUID="1.2.5"), data=b"no data set at all") == 0xC000
        assert send(link, make_dataset(SOPInstanceUID="1.2.6")) == 0x0000
    assert set(Instance.objects.values_list("sop_instance_uid", flat=True)) == {f"{ROOT}.1.1.1", "1.2.6"}
    assert not [path for path in storage.incoming_root().rglob("*") if path.is_file() and path.name != "lock"]


def test_the_other_transfer_syntax_of_an_object_is_a_variant(archive: Archive, tmp_path: Path) -> None:
    implicit = make_dataset(transfer_syntax="1.2.840.10008.1.2")
    archive.store(*write(tmp_path, make_dataset()))
    with archive.associate((CT, ["1.2.840.10008.1.2"])) as link:
        assert send(link, implicit) == 0
    assert Copy.objects.get().kind == Copy.Kind.VARIANT


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1.99", "1.2.3.4.5"])
def test_the_senders_first_transfer_syntax_is_taken(archive: Archive, syntax: str) -> None:
    with archive.associate((CT, [syntax, EXPLICIT])) as link:
        assert link.accepted_contexts[0].transfer_syntax == [syntax]


@pytest.mark.parametrize(("takes", "status"), [(True, 0), (False, None)])
def test_private_classes_by_configuration(archive: Archive, settings: Any, takes: bool, status: int | None) -> None:
    settings.DIMSE_TAKES_PRIVATE = takes
    private = "1.3.12.2.1107.5.9.1"
    with archive.associate((private, [EXPLICIT]), (CT, [EXPLICIT])) as link:
        assert len(link.accepted_contexts) == 1 + takes
        if takes:
            assert send(link, make_dataset(SOPClassUID=private)) == status


def test_services_are_not_stored_objects(archive: Archive) -> None:
    worklist, printing = "1.2.840.10008.5.1.4.31", "1.2.840.10008.5.1.1.9"
    with archive.associate((worklist, [EXPLICIT]), (printing, [EXPLICIT]), (CT, [EXPLICIT])) as link:
        assert [one.abstract_syntax for one in link.accepted_contexts] == [CT]
        assert {one.result for one in link.rejected_contexts} == {3}


def test_associations_of_one_sender_are_one_delivery(archive: Archive) -> None:
    for file in make_series(4):
        with archive.associate((CT, [EXPLICIT]), ae_title="MODALITY") as link:
            assert send(link, file) == 0
    assert Delivery.objects.get().stored == 4


def test_a_large_object_in_small_units(archive: Archive, settings: Any) -> None:
    settings.DIMSE_MOST_UNIT = 4096
    file = make_dataset(PixelData=bytes(range(256)) * 20_000, Rows=1600, Columns=1600)
    with archive.associate((CT, [EXPLICIT])) as link:
        assert send(link, file) == 0
    stored = dcmread(io.BytesIO(kept(f"{ROOT}.1.1.1")))
    assert stored.PixelData == bytes(range(256)) * 20_000
