"""STOW-RS: what becomes of each object, and the status that sums it up (PS3.18 10.5)."""

import io
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian

from pacsbrowser.access.models import Role
from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Copy, Delivery, Door, Instance
from pacsbrowser.audit.models import Action, Event
from tests.datasets import ROOT, make_dataset, make_series
from tests.dicomweb.tools import BASE, BOUNDARY, RELATED, Api, items, person, related, value

pytestmark = pytest.mark.django_db(transaction=True)

RETRIEVE, WARNING, FAILURE = "00081190", "00081196", "00081197"
FAILED, STORED, OTHER = "00081198", "00081199", "0008119A"
SOP_CLASS, SOP_INSTANCE = "00081150", "00081155"


@pytest.fixture
def api() -> Api:
    """A program that may store."""
    return Api(person())


def test_objects_are_stored_and_named_with_their_address(api: Api) -> None:
    answer = api.stow(*make_series(30))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/dicom+json"
    assert answer.json()[RETRIEVE]["Value"] == [f"http://testserver{BASE}/studies/{ROOT}.1"]
    stored = items(answer, STORED)
    assert [value(one, SOP_INSTANCE) for one in stored] == [f"{ROOT}.1.1.{number}" for number in range(1, 31)]
    assert value(stored[0], SOP_CLASS) == CTImageStorage
    assert (
        value(stored[0], RETRIEVE)
        == f"http://testserver{BASE}/studies/{ROOT}.1/series/{ROOT}.1.1/instances/{ROOT}.1.1.1"
    )
    assert not items(answer, FAILED)
    assert Instance.objects.live().count() == 30
    Dataset.from_json(answer.content.decode())


def test_what_is_here_already_is_a_success(api: Api) -> None:
    api.stow(make_dataset())
    answer = api.stow(make_dataset())
    assert answer.status_code == 200
    assert len(items(answer, STORED)) == 1
    assert Instance.objects.count() == 1


def test_another_encoding_of_what_is_here_is_a_success(api: Api) -> None:
    api.stow(make_dataset())
    answer = api.stow(make_dataset(transfer_syntax=ImplicitVRLittleEndian))
    assert answer.status_code == 200
    assert Copy.objects.get().kind == Copy.Kind.VARIANT


def test_a_conflict_is_kept_and_the_sender_is_told(api: Api) -> None:
    api.stow(make_dataset())
    answer = api.stow(make_dataset(PatientSex="M"))
    assert answer.status_code == 409
    assert [value(one, FAILURE) for one in items(answer, FAILED)] == [0x0111]
    assert Copy.objects.get().kind == Copy.Kind.CONFLICT


def test_one_bad_object_does_not_take_the_others_along(api: Api) -> None:
    answer = api.stow(make_dataset(), b"no DICOM", make_dataset(SeriesInstanceUID=None, SOPInstanceUID="1.2.3"))
    assert answer.status_code == 202
    assert len(items(answer, STORED)) == 1
    assert [value(one, FAILURE) for one in items(answer, OTHER)] == [0xC000, 0xA900]
    said = value(items(answer, OTHER)[1], "00741048")
    assert "Series Instance UID" in value(said, "00000902")


def test_only_bad_objects_are_a_conflict(api: Api) -> None:
    assert api.stow(b"no DICOM").status_code == 409


def test_an_object_of_another_study_is_a_failure(api: Api) -> None:
    answer = api.stow(make_dataset(), *make_series(1, study=2), study=f"{ROOT}.1")
    assert answer.status_code == 202
    assert [value(one, SOP_INSTANCE) for one in items(answer, FAILED)] == [f"{ROOT}.2.1.1"]
    assert [value(one, FAILURE) for one in items(answer, FAILED)] == [0xA901]
    assert Instance.objects.count() == 1
    assert api.stow(make_dataset(), study=f"{ROOT}.2").status_code == 409
    assert not list(storage.incoming().folder.glob("*.part"))


def test_a_truncated_object_is_stored_with_a_warning(api: Api) -> None:
    answer = api.stow(make_dataset()[:-40])
    assert answer.status_code == 202
    assert [value(one, WARNING) for one in items(answer, STORED)] == [0xB007]


def test_the_answer_can_be_xml(api: Api) -> None:
    answer = api.stow(make_dataset(), b"no DICOM", accept="application/dicom+xml")
    assert answer["Content-Type"] == "application/dicom+xml"
    names = {"n": "http://dicom.nema.org/PS3.19/models/NativeDICOM"}
    tree = ElementTree.fromstring(answer.content)
    stored = tree.find("n:DicomAttribute[@keyword='ReferencedSOPSequence']", names)
    assert stored is not None
    assert stored.get("tag") == STORED
    uid = stored.find("n:Item/n:DicomAttribute[@keyword='ReferencedSOPInstanceUID']/n:Value", names)
    assert uid is not None
    assert uid.text == f"{ROOT}.1.1.1"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/dicom+json", 415),
        ('multipart/related; type="application/dicom+json"; boundary=frontier', 415),
        ("multipart/form-data; boundary=frontier", 415),
        ("text/plain", 415),
        ("", 415),
        ('multipart/related; type="application/dicom"', 400),
        ('multipart/related; type="application/dicom"; boundary="bad end "', 400),
        ("multipart/related; boundary=frontier", 200),
        ('multipart/related; boundary="frontier"; type=application/dicom', 200),
        ('Multipart/Related; Type="Application/DICOM"; boundary=frontier; start="<x>"', 200),
    ],
)
def test_the_content_type_decides(api: Api, content_type: str, status: int) -> None:
    answer = api.post(f"{BASE}/studies", related([make_dataset()]), content_type=content_type)
    assert answer.status_code == status
    assert "html" not in answer["Content-Type"]


def test_one_object_needs_no_multipart(api: Api) -> None:
    answer = api.post(f"{BASE}/studies", make_dataset(), content_type="application/dicom")
    assert answer.status_code == 200


def test_a_preamble_and_odd_headers_are_read(api: Api) -> None:
    body = b"This is a preamble\r\n" + related([make_dataset()]).replace(
        b"Content-Type: application/dicom",
        b"content-type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\nX: y",
    )
    assert api.stow(body=body).status_code == 200


def test_a_part_of_another_type_is_a_failure(api: Api) -> None:
    answer = api.stow(body=related([b"{}"], "application/json"))
    assert answer.status_code == 409
    assert [value(one, FAILURE) for one in items(answer, OTHER)] == [0xC000]


@pytest.mark.parametrize("cut", [10, 60, 200, 900, -30, -5, -3])
def test_a_body_cut_short_is_an_error_and_its_part_is_thrown_away(api: Api, cut: int) -> None:
    whole = related([make_dataset()])
    answer = api.stow(body=whole[:cut])
    assert answer.status_code == 400
    assert Instance.objects.count() == (1 if cut == -3 else 0)
    assert not list(storage.incoming().folder.glob("*.part"))


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_a_compressed_body_is_refused(api: Api, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    answer = api.post(f"{BASE}/studies", related([make_dataset()]), content_type=RELATED, headers=headers)
    assert (answer.status_code, answer["Accept-Encoding"]) == (415, "identity")
    assert api.post(f"{BASE}/studies", related([make_dataset()]), content_type=RELATED).status_code == 200


def test_an_empty_part_and_parts_in_parts_are_failures_of_their_own(api: Api) -> None:
    inner = related([make_dataset()]).replace(BOUNDARY.encode(), b"inside")
    head = f"--{BOUNDARY}\r\nContent-Type: multipart/related; boundary=inside\r\n\r\n".encode()
    answer = api.stow(body=head + inner + b"\r\n" + related([b"", make_dataset()]))
    assert answer.status_code == 202
    assert [value(one, FAILURE) for one in items(answer, OTHER)] == [0xC000, 0xC000]
    assert Instance.objects.count() == 1


def test_lines_without_carriage_returns_are_told(api: Api) -> None:
    answer = api.stow(body=related([b"x"]).replace(b"\r\n", b"\n"))
    assert answer.status_code == 400 and "CR LF" in answer.json()["detail"]


def test_one_object_of_unknown_length_is_refused(api: Api) -> None:
    whole = io.BytesIO(make_dataset())
    environ: dict[str, Any] = {"CONTENT_TYPE": "application/dicom", "CONTENT_LENGTH": "", "wsgi.input": whole}
    answer = api.generic("POST", f"{BASE}/studies", **environ)
    assert (answer.status_code, answer.json()["title"]) == (411, "Length required")


def test_an_empty_body_is_an_error(api: Api) -> None:
    assert api.stow(body=b"\r\n").status_code == 400
    assert api.stow(body=f"--{BOUNDARY}--\r\n".encode()).status_code == 400


def test_who_may_not_store_is_told(settings: Any) -> None:
    assert Api(person(), may_store=False).stow(make_dataset()).status_code == 403
    assert Api(person(Role.VIEWER)).stow(make_dataset()).status_code == 403
    assert Instance.objects.count() == 0


def test_an_answer_that_nobody_can_give_is_refused_before_anything_is_stored(api: Api) -> None:
    assert api.stow(make_dataset(), accept="image/png").status_code == 406
    assert Instance.objects.count() == 0


def test_a_limited_caller_learns_nothing_of_objects_out_of_scope(api: Api) -> None:
    api.stow(make_dataset(InstitutionName="North"))
    south = Api(person(institutions="South"))
    assert south.stow(make_dataset(InstitutionName="North", PatientSex="M")).status_code == 200
    assert Copy.objects.get().kind == Copy.Kind.CONFLICT


def test_requests_of_one_program_are_one_delivery_and_one_event(api: Api) -> None:
    for file in make_series(3):
        assert api.stow(file).status_code == 200
    delivery = Delivery.objects.get()
    assert (delivery.door, delivery.stored, delivery.finished is not None) == (Door.STOW, 3, True)
    event = Event.objects.get(action=Action.UPLOAD)
    assert (event.study, event.door, event.patient) == (f"{ROOT}.1", "dicomweb", "P1")
    assert event.detail["token"] == delivery.label


def test_a_session_stores_with_its_csrf_token() -> None:
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person())
    browser.get("/accounts/")
    token = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    data = related([make_dataset()])
    assert browser.post(f"{BASE}/studies", data, content_type=RELATED).status_code == 403
    foreign = {**token, "Origin": "https://evil.example"}
    assert browser.post(f"{BASE}/studies", data, content_type=RELATED, headers=foreign).status_code == 403
    assert browser.post(f"{BASE}/studies", data, content_type=RELATED, headers={"X-CSRFToken": "x"}).status_code == 403
    assert Instance.objects.count() == 0
    assert browser.post(f"{BASE}/studies", data, content_type=RELATED, headers=token).status_code == 200
