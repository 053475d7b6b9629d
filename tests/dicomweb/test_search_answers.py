"""What QIDO-RS returns: attributes, pages, warnings, forms (PS3.18 10.6.3)."""

import xml.etree.ElementTree as ElementTree
from email import message_from_bytes

import pytest
from pydicom.dataset import Dataset

from pacsbrowser.dicomweb import query as query_module
from pacsbrowser.dicomweb import search as search_module
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.dicomweb.searching import SERIES_UID, SOP_UID, STUDY_UID, api, people, requested, study
from tests.dicomweb.tools import BASE, Api, value

__all__ = ["api", "people", "requested"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_study_is_returned_with_what_viewers_need(api: Api) -> None:
    ingest_datasets(*make_series(3), *make_series(2, series=2, Modality="SR"))
    (one,) = api.query("studies")
    assert {tag: element.get("Value") for tag, element in one.items()} == {
        "00080005": ["ISO_IR 192"],
        "00080020": ["20240229"],
        "00080030": ["101500"],
        "00080050": ["A1"],
        "00080056": ["ONLINE"],
        "00080061": ["CT", "SR"],
        "00080090": [{"Alphabetic": "Ref^Erring"}],
        "00081030": ["CT head"],
        "00081190": [f"http://testserver{BASE}/studies/{ROOT}.1"],
        "00100010": [{"Alphabetic": "Doe^Jane"}],
        "00100020": ["P1"],
        "00100030": ["19700203"],
        "00100040": ["F"],
        "0020000D": [f"{ROOT}.1"],
        "00200010": ["1"],
        "00201206": [2],
        "00201208": [5],
    }


def test_attributes_without_value_are_left_out(api: Api) -> None:
    ingest_datasets(make_dataset(AccessionNumber="", Modality="", StudyDescription=None))
    (one,) = api.query("studies", includefield="AccessionNumber")
    assert not {"00080050", "00080061", "00081030"} & one.keys()
    assert all(element["Value"] for element in one.values())


def test_what_is_above_comes_along_where_the_path_does_not_name_it(api: Api) -> None:
    ingest_datasets(*make_series(1))
    (one,) = api.query("instances")
    assert {"00100020", "00080061", "00080060", STUDY_UID, SERIES_UID, SOP_UID} <= one.keys()
    (one,) = api.query(f"studies/{ROOT}.1/series/{ROOT}.1.1/instances")
    assert {STUDY_UID, SERIES_UID, SOP_UID, "00280010"} <= one.keys()
    assert not {"00100020", "00080061", "00080060"} & one.keys()


@pytest.mark.parametrize("name", ["PatientID", "00100020", "all", "Modality,PatientID"])
def test_includefield_adds_attributes(api: Api, name: str) -> None:
    ingest_datasets(*make_series(1))
    (one,) = api.query(f"studies/{ROOT}.1/series", includefield=name)
    assert value(one, "00100020") == "P1"


def test_an_asked_attribute_is_returned(api: Api) -> None:
    ingest_datasets(make_dataset(BodyPartExamined="HEAD"))
    (one,) = api.query("series", BodyPartExamined="H*")
    assert value(one, "00180015") == "HEAD"


def test_attributes_in_sequences_are_matched_and_returned(api: Api, requested: None) -> None:
    path, name = f"studies/{ROOT}.1/series", "RequestAttributesSequence.RequestedProcedureID"
    (one,) = api.query(path, **{name: "R1"})
    assert value(one, SERIES_UID) == f"{ROOT}.1.1"
    assert one["00400275"]["Value"] == [{"00401001": {"vr": "SH", "Value": ["R1"]}}]
    (one,) = api.query("series", **{"00400275.00400009": "S*", name: "R2"})
    assert value(one, SERIES_UID) == f"{ROOT}.1.2"
    assert api.query("series", **{name: "R3"}) == []
    assert len(api.query("series", **{name: ""})) == 3


def test_attributes_that_only_the_files_have_are_returned(api: Api, requested: None) -> None:
    (one,) = api.query("studies", includefield=["PatientComments", "SliceThickness"])
    assert value(one, "00104000") == "calm"
    assert "00180050" not in one  # says nothing of a study
    found_ones = api.query("instances", includefield="SliceThickness", SliceThickness="1.5")
    assert [value(one, "00180050") for one in found_ones] == [1.5, 1.5]
    (one,) = api.query("series", SeriesNumber="1", includefield="RequestAttributesSequence")
    assert one["00400275"]["Value"][0].keys() == {"00400009", "00401001"}
    (one,) = api.query("instances", SeriesNumber="3", includefield="all")
    assert {"00280100", "00200037", "00081190", "00100010"} <= one.keys()
    assert "7FE00010" not in one
    Dataset.from_json(one)


def test_too_many_files_are_not_read(api: Api, requested: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "MOST_CANDIDATES", 2)
    assert api.get(f"{BASE}/instances", {"SliceThickness": "1"}).status_code == 400
    assert api.get(f"{BASE}/instances", {"SliceThickness": "1.5", "SeriesNumber": "1"}).status_code == 200


def test_pages_are_stable_and_complete(api: Api) -> None:
    ingest_datasets(*(study(number, StudyDate=f"202401{number % 5 + 1:02d}") for number in range(1, 24)))
    for path in ("studies", "series", "instances"):
        whole = [value(one, STUDY_UID) for one in api.query(path)]
        pages = [api.query(path, limit=5, offset=start) for start in range(0, 30, 5)]
        assert [value(one, STUDY_UID) for page in pages for one in page] == whole
        assert len(set(whole)) == 23
        narrowed = [value(one, STUDY_UID) for one in api.query(path, PatientID="P*", limit=5, offset=10)]
        assert narrowed == whole[10:15]
    assert [value(one, "00080020") for one in api.query("studies", limit=2)] == ["20240105"] * 2
    assert api.query("studies", limit=0) == []
    assert api.query("studies", offset=10**14) == []


def test_results_cut_by_the_server_are_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_module, "MOST", 4)
    ingest_datasets(*make_series(9))
    answer = api.get(f"{BASE}/instances")
    assert len(answer.json()) == 4
    assert answer["Warning"] == '299 pacsbrowser "There are 5 additional results that can be requested"'
    assert "Warning" in api.get(f"{BASE}/instances", {"limit": 7}).headers
    assert "Warning" not in api.get(f"{BASE}/instances", {"offset": 5}).headers


def test_results_cut_by_the_limit_are_told(api: Api, requested: None) -> None:
    ingest_datasets(*make_series(3, study=7))
    more = '299 pacsbrowser "There are additional results that can be requested"'
    for limit, warning in ((0, more), (2, more), (3, None)):
        answer = api.get(f"{BASE}/instances", {"limit": limit, "StudyInstanceUID": f"{ROOT}.7"})
        assert (len(answer.json()), answer.headers.get("Warning")) == (limit, warning)
    sought = {"RequestAttributesSequence.RequestedProcedureID": "R*"}
    every = api.get(f"{BASE}/series", sought)
    assert len(every.json()) > 1 and "Warning" not in every.headers
    assert api.get(f"{BASE}/series", {**sought, "limit": 1}).headers["Warning"] == more


def test_no_results(api: Api) -> None:
    answer = api.get(f"{BASE}/studies")
    assert (answer.status_code, answer.json()) == (200, [])
    xml = api.get(f"{BASE}/studies", headers={"Accept": 'multipart/related; type="application/dicom+xml"'})
    assert xml.status_code == 204


def test_results_as_multipart_xml(api: Api, people: None) -> None:
    answer = api.get(f"{BASE}/studies", headers={"Accept": 'multipart/related; type="application/dicom+xml"'})
    assert answer["Content-Type"].startswith('multipart/related; type="application/dicom+xml"; boundary=')
    head = f"Content-Type: {answer['Content-Type']}\r\n\r\n".encode()
    message = message_from_bytes(head + b"".join(answer.streaming_content))
    parts = message.get_payload()
    assert isinstance(parts, list)
    assert len(parts) == 6
    names = {"n": "http://dicom.nema.org/PS3.19/models/NativeDICOM"}
    texts = []
    for part in parts:
        assert part.get_content_type() == "application/dicom+xml"
        tree = ElementTree.fromstring(part.get_payload(decode=True))
        texts += [one.text for one in tree.findall(".//n:PersonName/n:Ideographic/n:FamilyName", names)]
    assert sorted(str(text) for text in texts) == ["山田", "王"]


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("*/*", 200, "application/dicom+json"),
        ("", 200, "application/dicom+json"),
        ("application/json", 200, "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 200, "application/dicom+json"),
        ("application/dicom+json;q=0.1, application/json;q=0.9", 200, "application/json"),
        ("image/png", 406, "application/problem+json"),
        ("application/dicom+json;q=0", 406, "application/problem+json"),
    ],
)
def test_the_answer_is_as_accepted(api: Api, accept: str, status: int, kind: str) -> None:
    answer = api.get(f"{BASE}/studies", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer["Content-Type"]) == (status, kind)
    answer = api.get(
        f"{BASE}/studies", {"accept": accept} if accept else {}, headers={"Accept": "text/csv"} if accept else {}
    )
    assert (answer.status_code, answer["Content-Type"]) == (status, kind)
