"""QIDO-RS: every way of matching, what is returned, pages, and what a limited caller may know (PS3.18 10.6)."""

import xml.etree.ElementTree as ElementTree
from email import message_from_bytes
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacsbrowser.archive import removal
from pacsbrowser.archive.models import Study
from pacsbrowser.audit.models import Action, Event
from pacsbrowser.dicomweb import query as query_module
from pacsbrowser.dicomweb import search as search_module
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.dicomweb.tools import BASE, Api, person, value

pytestmark = pytest.mark.django_db(transaction=True)

STUDY_UID, SERIES_UID, SOP_UID = "0020000D", "0020000E", "00080018"


@pytest.fixture
def api() -> Api:
    """A program that may read."""
    return Api(person())


def study(number: int, **attributes: Any) -> bytes:
    """A study of one instance."""
    return make_series(1, study=number, **{"PatientID": f"P{number}", **attributes})[0]


def found(api: Api, path: str = "studies", **parameters: Any) -> set[int]:
    """The numbers of the studies that are found."""
    return {int(value(one, STUDY_UID).rpartition(".")[2]) for one in api.query(path, **parameters)}


@pytest.fixture
def people() -> None:
    """Six studies of six people."""
    ingest_datasets(
        study(1, PatientName="Doe^Jane", StudyDate="20240101", StudyTime="080000", AccessionNumber="ACC-1"),
        study(2, PatientName="DOERING^Jan", StudyDate="20240201", StudyTime="093000.5", AccessionNumber="acc-2"),
        study(3, PatientName="Müller^Hans^Peter", StudyDate="20240301", StudyTime="1015", StudyDescription="MR knee"),
        study(4, PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", StudyDate="20240401", Modality="MR"),
        study(5, PatientName="Wang^XiaoDong=王^小东", StudyDate="2024.05.01", ReferringPhysicianName="Great^Doc"),
        study(6, PatientName=None, StudyDate=None, StudyTime=None, AccessionNumber="A_1%", StudyID="x[1]"),
    )


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({}, {1, 2, 3, 4, 5, 6}),
        ({"PatientID": "P1"}, {1}),
        ({"PatientID": "p1"}, set()),
        ({"00100020": "P1"}, {1}),
        ({"PatientID": "P*"}, {1, 2, 3, 4, 5, 6}),
        ({"PatientID": "?2"}, {2}),
        ({"PatientID": ""}, {1, 2, 3, 4, 5, 6}),
        ({"PatientID": "*"}, {1, 2, 3, 4, 5, 6}),
        ({"PatientID": "P1\\P2"}, {1, 2}),
        ({"PatientID": "P1,P2", "multiplevalue": "true"}, {1, 2}),
        ({"PatientName": "doe^jane"}, {1}),
        ({"PatientName": "Doe"}, {1}),
        ({"PatientName": "Doe*"}, {1, 2}),
        ({"PatientName": "Doe^*"}, {1}),
        ({"PatientName": "*^Jan*"}, {1, 2}),
        ({"PatientName": "*^Jan"}, {2}),
        ({"PatientName": "D?e^Jane"}, {1}),
        ({"PatientName": "*ULLE*"}, {3}),
        ({"PatientName": "muller^hans"}, {3}),
        ({"PatientName": "Mueller*"}, {3}),
        ({"PatientName": "Hans"}, set()),
        ({"PatientName": "Hans", "fuzzymatching": "true"}, {3}),
        ({"PatientName": "pet mul", "fuzzymatching": "true"}, {3}),
        ({"PatientName": "王^小东"}, {5}),
        ({"PatientName": "王*"}, {5}),
        ({"PatientName": "山田^太郎"}, {4}),
        ({"PatientName": "Yamada^Tarou=山田^太郎"}, {4}),
        ({"PatientName": "=山田*"}, {4}),
        ({"PatientName": "%"}, set()),
        ({"StudyDate": "20240101"}, {1}),
        ({"StudyDate": "20240101-20240301"}, {1, 2, 3}),
        ({"StudyDate": "20240401-"}, {4, 5}),
        ({"StudyDate": "-20240201"}, {1, 2}),
        ({"StudyDate": "20240501"}, {5}),
        ({"StudyTime": "08-0930"}, {1, 2}),
        ({"StudyDate": "20240101-20240301", "StudyTime": "0900-1000"}, {2}),
        ({"StudyDate": "20240101-20240301", "StudyTime": "0700-1100"}, {1, 2, 3}),
        ({"StudyDate": "20240101-20240301", "StudyTime": "1100-1000"}, {2}),
        ({"StudyDate": "20240201-", "StudyTime": "0931-"}, {3, 4, 5}),
        ({"StudyDate": "-20240201", "StudyTime": "-0930"}, {1, 2}),
        ({"StudyDate": "-20240201", "StudyTime": "0931-"}, set()),
        ({"StudyDate": "20240101", "StudyTime": "08-09"}, {1}),
        ({"StudyTime": "101500"}, {3, 4, 5}),
        ({"StudyTime": "1015-1015"}, {3, 4, 5}),
        ({"AccessionNumber": "ACC*"}, {1, 2}),
        ({"AccessionNumber": "A_1%"}, {6}),
        ({"AccessionNumber": "A_*"}, {6}),
        ({"AccessionNumber": "*cc-*"}, {1, 2}),
        ({"StudyID": "x[1]"}, {6}),
        ({"StudyID": "x[*"}, {6}),
        ({"StudyDescription": "*KNEE*"}, {3}),
        ({"ModalitiesInStudy": "MR"}, {4}),
        ({"ModalitiesInStudy": "MR,CT"}, {1, 2, 3, 4, 5, 6}),
        ({"ModalitiesInStudy": "C*"}, {1, 2, 3, 5, 6}),
        ({"ReferringPhysicianName": "great*"}, {5}),
        ({"ReferringPhysicianName": "Doc", "fuzzymatching": "true"}, {5}),
        ({"StudyInstanceUID": f"{ROOT}.1,{ROOT}.3"}, {1, 3}),
        ({"StudyInstanceUID": f"{ROOT}.1\\{ROOT}.3"}, {1, 3}),
        ({"0020000D": f"{ROOT}.2"}, {2}),
        ({"StudyInstanceUID": [f"{ROOT}.1", f"{ROOT}.2"]}, {1, 2}),
        ({"PatientName": '""', "emptyvalue": "true"}, {6}),
        ({"StudyDate": '""', "emptyvalue": "true"}, {6}),
        ({"PatientName": "Doe*", "StudyDate": "20240201", "ModalitiesInStudy": "CT"}, {2}),
    ],
)
def test_matching(api: Api, people: None, parameters: dict[str, Any], numbers: set[int]) -> None:
    assert found(api, **parameters) == numbers
    # the same at the levels below, where the planner goes other ways
    assert found(api, "series", **parameters) == numbers
    assert found(api, "instances", **parameters) == numbers


@pytest.mark.parametrize(
    ("path", "parameters", "count"),
    [
        ("series", {"Modality": "CT"}, 2),
        ("series", {"SeriesNumber": "2"}, 1),
        ("series", {"SeriesNumber": "02"}, 1),
        ("series", {"SeriesInstanceUID": f"{ROOT}.1.1"}, 1),
        (f"studies/{ROOT}.1/series", {}, 2),
        (f"studies/{ROOT}.1/instances", {}, 5),
        (f"studies/{ROOT}.1/series/{ROOT}.1.2/instances", {}, 2),
        (f"studies/{ROOT}.1/series/{ROOT}.1.2/instances", {"InstanceNumber": 2}, 1),
        (f"studies/{ROOT}.2/series/{ROOT}.1.2/instances", {}, 0),
        ("instances", {"SOPInstanceUID": f"{ROOT}.1.1.3"}, 1),
        ("instances", {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, 5),
        ("instances", {"SOPClassUID": "1.2.3"}, 0),
        ("studies/1.2.3/series", {}, 0),
    ],
)
def test_series_and_instances(api: Api, path: str, parameters: dict[str, Any], count: int) -> None:
    ingest_datasets(*make_series(3), *make_series(2, series=2))
    assert len(api.query(path, **parameters)) == count


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


def with_request(procedure: str, step: str) -> Sequence:
    """The request of a series."""
    item = Dataset()
    item.RequestedProcedureID, item.ScheduledProcedureStepID = procedure, step
    return Sequence([item])


@pytest.fixture
def requested() -> None:
    """Two series with requests, and one without."""
    ingest_datasets(
        *make_series(2, RequestAttributesSequence=with_request("R1", "S1"), SliceThickness=1.5, PatientComments="calm"),
        *make_series(1, series=2, RequestAttributesSequence=with_request("R2", "S2")),
        *make_series(1, series=3),
    )


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


@pytest.mark.parametrize(
    "parameters",
    [
        {"PatientNam": "x"},
        {"Modality": "CT"},
        {"SOPInstanceUID": "1.2"},
        {"SliceThickness": "1"},
        {"RequestAttributesSequence.RequestedProcedureID": "1"},
        {"NumberOfStudyRelatedSeries": "1"},
        {"InstanceAvailability": "ONLINE"},
        {"PatientComments": ["x", "y"]},
        {"StudyDate": "2024-01-01"},
        {"StudyDate": "20240230"},
        {"StudyDate": "20240301-20240201"},
        {"StudyTime": "25"},
        {"StudyTime": "1800-1000"},
        {"StudyTime": "1800-1000", "StudyDate": "20240101"},
        {"StudyTime": "1800-1000", "StudyDate": "20240101-"},
        {"TimezoneOffsetFromUTC": "+0100"},
        {"limit": "-1"},
        {"limit": "x"},
        {"limit": "1" * 16},
        {"offset": "1.5"},
        {"fuzzymatching": "maybe"},
        {"includefield": "NoSuch"},
        {"orderby": "StudyDate"},
        {"PatientID": ["a", "b"]},
        {"0010": "x"},
        {"PatientName": "x" * 9000},
    ],
)
def test_what_cannot_be_honoured_is_refused_with_the_reason(api: Api, parameters: dict[str, Any]) -> None:
    answer = api.get(f"{BASE}/studies", parameters)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


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


def test_who_is_limited_sees_and_counts_only_what_is_in_scope(people: None) -> None:
    ingest_datasets(
        study(7, InstitutionName="North", StudyDate="20240701"),
        *make_series(2, study=8, InstitutionName="South", PatientID="P7", StudyDate="20240801"),
        study(9, InstitutionName="East"),
    )
    north = Api(person(institutions="North"))
    both = Api(person(institutions="North\nSouth"))
    for path in ("studies", "series", "instances"):
        assert found(north, path) == {7}
        assert found(north, path, PatientID="P7") == {7}
        assert found(both, path) == {7, 8}
        assert found(both, path, PatientID="P*", StudyDate="20240715-") == {8}
    for path in (
        f"studies/{ROOT}.8/series",
        f"studies/{ROOT}.8/instances",
        f"studies/{ROOT}.8/series/{ROOT}.8.1/instances",
    ):
        hidden = north.get(f"{BASE}/{path}")
        nothing = north.get(f"{BASE}/{path}".replace(f"{ROOT}.8", "1.2.3"))
        assert (hidden.status_code, hidden.content) == (nothing.status_code, nothing.content)


def test_the_trash_is_not_found(api: Api, people: None) -> None:
    user = person()
    removal.remove(Study.objects.get(study_instance_uid=f"{ROOT}.1"), user, "test")
    for path in ("studies", "series", "instances"):
        assert found(api, path) == {2, 3, 4, 5, 6}
        assert found(api, path, PatientName="Doe*") == {2}


def test_each_holder_of_a_uid_is_an_answer(api: Api) -> None:
    ingest_datasets(study(1), study(1, PatientID="other"))
    answers = api.query("studies", StudyInstanceUID=f"{ROOT}.1")
    assert {value(one, "00100020") for one in answers} == {"P1", "other"}


def test_a_search_is_recorded(api: Api, people: None) -> None:
    api.query("studies", PatientName="Doe*")
    api.query("studies", PatientName="Doe*", offset=1)
    event = Event.objects.get(action=Action.QUERY)
    assert event.detail == {"list": "study", "PatientName": "Doe*", "found": 2, "token": event.detail["token"]}
    api.query("studies", PatientName="M*", offset=50)
    assert Event.objects.filter(action=Action.QUERY).count() == 2
    api.query(f"studies/{ROOT}.1/series")
    api.query(f"studies/{ROOT}.1/instances")
    assert Event.objects.filter(action=Action.VIEW, study=f"{ROOT}.1", patient="P1").count() == 1


def test_the_number_of_statements_does_not_grow(api: Api) -> None:
    ingest_datasets(*make_series(1))
    counts = []
    for path in ("studies", "series", "instances"):
        api.query(path)  # the first time, the search and the use of the token are recorded
        with CaptureQueriesContext(connection) as few:
            api.query(path)
        counts.append(len(few))
    ingest_datasets(*(file for number in range(2, 30) for file in make_series(1, study=number)))
    for path, count in zip(("studies", "series", "instances"), counts, strict=True):
        with CaptureQueriesContext(connection) as many:
            assert len(api.query(path)) == 29
        assert len(many) == count


def test_a_token_without_reading_finds_nothing() -> None:
    assert Api(person(), may_read=False).get(f"{BASE}/studies").status_code == 403
