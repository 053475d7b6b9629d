"""QIDO-RS: every way of matching, what is refused, and what a limited caller may know (PS3.18 10.6)."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pacsbrowser.archive import removal
from pacsbrowser.archive.models import Study
from pacsbrowser.audit.models import Action, Event
from tests.datasets import ROOT, ingest_datasets, make_series
from tests.dicomweb.searching import api, found, people, study
from tests.dicomweb.tools import BASE, Api, person, value

__all__ = ["api", "people"]
pytestmark = pytest.mark.django_db(transaction=True)


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
