"""The larger test data: all of it comes in by C-STORE, and each primary copy goes out again bit by bit."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.header import read_header
from tests.dimse.peers import STUDY_MOVE, Archive, Receiver, data_set_of, fetch, make_node, send

pytestmark = pytest.mark.filterwarnings("ignore:Invalid value for VR UI", "ignore:The value length")
Form = tuple[str, str]
# Contexts of one association; those of the service itself come on top.
MOST = 120


def readable(folder: Path) -> list[tuple[Path, Form, str]]:
    """Return the objects of a folder that name their SOP class and transfer syntax, with these and their UID."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                with path.open("rb") as file:
                    header = read_header(file)
            except DicomError:
                continue
            sop_class = header.values["SOPClassUID"]
            if sop_class and header.transfer_syntax_uid:
                found.append((path, (sop_class, header.transfer_syntax_uid), header.sop_instance_uid))
    return found


def in_groups(forms: Iterable[Form]) -> list[list[Form]]:
    """Return the distinct forms in groups that fit an association."""
    distinct = sorted(set(forms))
    return [distinct[start : start + MOST] for start in range(0, len(distinct), MOST)]


@pytest.fixture
def filled(archive: Archive, corpus: Path) -> Archive:
    """The archive after all of the corpus was sent to it."""
    objects = readable(corpus / "dicom")
    assert len(objects) > 500
    statuses: dict[int, int] = {}
    for group in in_groups(form for _, form, _ in objects):
        with archive.associate(*((sop_class, [syntax]) for sop_class, syntax in group)) as link:
            assert not link.rejected_contexts
            for path, form, uid in objects:
                if form in group:
                    status = send(link, path.read_bytes(), uid=uid)
                    statuses[status] = statuses.get(status, 0) + 1
    assert set(statuses) <= {0x0000, 0xB000, 0xB007}, statuses
    return archive


def primaries() -> dict[str, list[bytes]]:
    """Return the data sets that the archive shows, by their UID."""
    found: dict[str, list[bytes]] = {}
    for instance in Instance.objects.live().select_related("blob"):
        data = data_set_of(storage.blob_path(instance.blob).read_bytes())
        found.setdefault(instance.sop_instance_uid, []).append(data)
    return found


def question() -> Dataset:
    """Return the identifier of everything."""
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.StudyInstanceUID = sorted(set(Instance.objects.values_list("series__study__study_instance_uid", flat=True)))
    return asked


def test_everything_in_and_out_bit_by_bit(filled: Archive, corpus: Path) -> None:
    sent = {uid: set[bytes]() for _, _, uid in readable(corpus / "dicom")}
    for path, _, uid in readable(corpus / "dicom"):
        sent[uid].add(data_set_of(path.read_bytes()))
    held = primaries()
    assert held.keys() == sent.keys()
    assert all(data in sent[uid] for uid, copies in held.items() for data in copies)
    forms = set(Instance.objects.live().values_list("sop_class_uid", "transfer_syntax_uid"))
    assert check(by_move(filled, forms), held) == held.keys()
    assert check(by_get(filled, forms), held) == held.keys()


def check(received: dict[str, bytes], held: dict[str, list[bytes]]) -> set[str]:
    """Compare what came back, and return its UIDs."""
    differ = [uid for uid, data in received.items() if data not in held[uid]]
    assert not differ
    return set(received)


def by_get(archive: Archive, forms: set[Form]) -> dict[str, bytes]:
    """Fetch everything, a group of forms at a time; what has no form in a group fails there and comes with another."""
    found: dict[str, bytes] = {}
    for group in in_groups(forms):
        found |= fetch(archive, question(), group, statuses=(0x0000, 0xB000, 0xA702))
    return found


def by_move(archive: Archive, forms: set[Form]) -> dict[str, bytes]:
    """Have everything sent to a receiver that takes all forms."""
    with Receiver(sorted(forms)) as receiver:
        make_node("TARGET", receiver.port)
        with archive.associate(STUDY_MOVE) as link:
            link.dimse_timeout = 120
            answers: list[tuple[Any, Any]] = list(link.send_c_move(question(), "TARGET", STUDY_MOVE))
    assert answers[-1][0].Status == 0, answers[-1]
    return receiver.data_sets
