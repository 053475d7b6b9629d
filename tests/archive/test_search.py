"""Finding patients and studies: names of many scripts, IDs, filters of one study, pages without gaps, narrow scopes."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pacsbrowser.access.scope import EVERYTHING, Scope
from pacsbrowser.archive import removal
from pacsbrowser.archive.models import Level, Patient, Study
from pacsbrowser.archive.search import (
    PATIENTS,
    STUDIES,
    Filters,
    count_patients,
    find_frame_of_reference,
    find_holders,
    find_partial,
    find_patients,
    find_references,
    find_studies,
    parse_query,
)
from tests.datasets import ROOT, ingest_datasets, make_dataset

pytestmark = pytest.mark.django_db

PEOPLE = [
    ("Smith^John", "MX 00 417"),
    ("Kowalski^Łukasz", "00481516"),
    ("Müller^Jörg", "0000731"),
    ("Mueller^Hans", "M-2"),
    ("Wang^XiaoDong=王^小东", "CN-1"),
    ("Li^Wei", "CN-2"),
    ("Иванов^Иван", "77-20418"),
    ("O'Brien^100%_x", "A_B"),
    ("", ""),
]


@pytest.fixture
def people() -> Iterator[None]:
    ingest_datasets(
        *(
            make_dataset(
                PatientName=name,
                PatientID=number,
                StudyInstanceUID=f"{ROOT}.{place}",
                SeriesInstanceUID=f"{ROOT}.{place}.1",
                SOPInstanceUID=f"{ROOT}.{place}.1.1",
                AccessionNumber=f"ACC{place:05d}",
                StudyDate=f"202401{place + 10}",
            )
            for place, (name, number) in enumerate(PEOPLE)
        )
    )
    yield


def found(text: str, scope: Scope = EVERYTHING, **filters: Any) -> set[str]:
    return {row.patient_name for row in find_patients(scope, parse_query(text), Filters(**filters)).rows}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("smith", {"Smith^John"}),
        ("jo smi", {"Smith^John"}),
        ("mith", {"Smith^John"}),
        ("lukasz", {"Kowalski^Łukasz"}),
        ("ŁUKASZ kow", {"Kowalski^Łukasz"}),
        ("müller", {"Müller^Jörg", "Mueller^Hans"}),
        ("mueller", {"Müller^Jörg", "Mueller^Hans"}),
        ("muller", {"Müller^Jörg"}),
        ("王", {"Wang^XiaoDong=王^小东"}),
        ("li wei", {"Li^Wei"}),
        ("wei li", {"Li^Wei"}),
        ("иванов", {"Иванов^Иван"}),
        ("1516", {"Kowalski^Łukasz"}),
        ("00481516", {"Kowalski^Łukasz"}),
        ("cn-", {"Wang^XiaoDong=王^小东", "Li^Wei"}),
        ("MX 00 417", {"Smith^John"}),
        ("id:00", {"Kowalski^Łukasz", "Müller^Jörg"}),
        ("%", set()),
        ("100%_x", {"O'Brien^100%_x"}),
        ("a_b", {"O'Brien^100%_x"}),
        ("sm?th", {"Smith^John"}),
        ("sm*h", {"Smith^John"}),
        ("*mith", {"Smith^John"}),
        ("sm_th", set()),
        ("acc00003", {"Mueller^Hans"}),
        ("ACC:0003", {"Mueller^Hans"}),
        ("2024-01-13", {"Mueller^Hans"}),
        ("20240113", {"Mueller^Hans"}),
        ("13.01.2024", {"Mueller^Hans"}),
        ("2024-01-13 MR", set()),
        ("2024-01-13 CT", {"Mueller^Hans"}),
        ("name:00481516", set()),
        ("zzzz", set()),
        ('"smith" OR', set()),
    ],
)
def test_finding(people: None, text: str, names: set[str]) -> None:
    assert found(text) == names
    keys = {row.patient for row in find_studies(EVERYTHING, parse_query(text), Filters()).rows}
    assert set(Patient.objects.filter(pk__in=keys).values_list("patient_name", flat=True)) == names


def test_patients_without_an_id(people: None) -> None:
    assert found("", unidentified=True) == {""}
    assert len(found("")) == len(PEOPLE)


def test_study_filters_hold_for_one_study() -> None:
    for number, (modality, day) in enumerate([("CT", "20200101"), ("MR", "20240101")]):
        uid = f"{ROOT}.{number}"
        one = make_dataset(
            Modality=modality, StudyDate=day, StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1",
            SOPInstanceUID=f"{uid}.1.1", StudyDescription=f"{modality} thorax",
        )  # fmt: skip
        ingest_datasets(one)
    assert count_patients(
        EVERYTHING, parse_query(""), Filters(modalities=("CT",), first="20200101", last="20201231")
    ).count
    assert not found("", modalities=("CT",), first="20240101", last="20241231")
    assert not found("", modalities=("CT",), description="mr")
    assert found("", description="horax ct") == {"Doe^Jane"}
    assert found("", sex="F", modalities=("MR",)) == {"Doe^Jane"}
    assert not found("", sex="M")
    assert not found("", sex="none")


def test_undated_studies_are_included_on_request() -> None:
    ingest_datasets(make_dataset(StudyDate=""))
    assert not found("", first="20240101", last="20241231")
    assert found("", first="20240101", last="20241231", undated=True) == {"Doe^Jane"}


@pytest.mark.parametrize("level", ["patients", "studies"])
def test_pages_follow_each_other_without_gap_or_repeat(people: None, level: str) -> None:
    sorts, find = (PATIENTS.sorts, find_patients) if level == "patients" else (STUDIES.sorts, find_studies)
    for name in sorts:
        for sort in (name, f"-{name}"):
            whole = [row.id for row in find(EVERYTHING, parse_query(""), Filters(), sort, None, 100).rows]
            pieces: list[int] = []
            after = None
            while True:
                page = find(EVERYTHING, parse_query(""), Filters(), sort, after, 2)
                pieces += [row.id for row in page.rows]
                after = page.after
                if after is None:
                    break
            assert pieces == whole, sort
            assert len(set(whole)) == len(PEOPLE)


def test_what_is_in_the_trash_is_not_found(people: None, django_user_model: Any) -> None:
    study = Study.objects.get(study_instance_uid=f"{ROOT}.0")
    user = django_user_model.objects.create_user("boss", role="administrator")
    removed = removal.remove(study, user, "test")
    assert not found("smith")
    assert not find_holders(EVERYTHING, [f"{ROOT}.0", f"{ROOT}.0.1.1"])
    assert count_patients(EVERYTHING, parse_query(""), Filters()).count == len(PEOPLE) - 1
    removal.restore(removed, "boss")
    assert found("smith") == {"Smith^John"}


def test_uids() -> None:
    ingest_datasets(make_dataset())
    holders = find_holders(EVERYTHING, [f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1", "1.2.3"])
    assert [one[0].level for one in holders.values()] == [Level.STUDY, Level.SERIES, Level.INSTANCE]
    assert {one.level for one in find_partial(EVERYTHING, ROOT)} == {Level.STUDY, Level.SERIES, Level.INSTANCE}
    assert [one.level for one in find_partial(EVERYTHING, f"{ROOT}.1.1"[-8:])] == [Level.SERIES]
    assert not find_partial(EVERYTHING, "1.2.8")
    assert not find_references(EVERYTHING, f"{ROOT}.1.1.1")


# ------------------------------------------------------------------ limited scopes

HERE = Scope(institutions=frozenset(["Here"]))


@pytest.fixture
def two_hospitals() -> None:
    for number, (hospital, day, modality, accession) in enumerate(
        [("Here", "20200101", "CT", "SEEN1"), ("Elsewhere", "20260101", "MR", "HIDDEN1")]
    ):
        uid = f"{ROOT}.{number}"
        one = make_dataset(
            InstitutionName=hospital, StudyDate=day, Modality=modality, AccessionNumber=accession,
            StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1", SOPInstanceUID=f"{uid}.1.1",
        )  # fmt: skip
        ingest_datasets(one)
    ingest_datasets(
        make_dataset(
            PatientID="P2", PatientName="Other^Person", InstitutionName="Elsewhere", StudyInstanceUID=f"{ROOT}.7",
            SeriesInstanceUID=f"{ROOT}.7.1", SOPInstanceUID=f"{ROOT}.7.1.1",
        )
    )  # fmt: skip


def test_a_limited_scope_sees_figures_of_its_own_studies(two_hospitals: None) -> None:
    page = find_patients(HERE, parse_query(""), Filters())
    assert page.count == 1
    (row,) = page.rows
    assert (row.last_study, row.study_count, row.modalities) == ("20200101101500", 1, "CT")
    assert row.last_study_uid == f"{ROOT}.0"
    assert [study.accession_number for study in find_studies(HERE, parse_query(""), Filters()).rows] == ["SEEN1"]


@pytest.mark.parametrize("text", ["other", "p2", "hidden1", "acc:hidden", "2026-01-01", "20260101", "MR"])
def test_a_limited_scope_finds_nothing_of_others(two_hospitals: None, text: str) -> None:
    assert not found(text, HERE)
    assert found(text)
    assert not find_studies(HERE, parse_query(text), Filters()).rows
    assert not find_holders(HERE, [f"{ROOT}.1", f"{ROOT}.7.1", f"{ROOT}.7.1.1"])
    assert not find_partial(HERE, f"{ROOT}.7")


@pytest.mark.parametrize("sort", [sign + name for name in PATIENTS.sorts for sign in ("", "-")])
def test_every_sort_order_in_a_limited_scope(two_hospitals: None, sort: str) -> None:
    page = find_patients(HERE, parse_query(""), Filters(), sort)
    assert [row.patient_name for row in page.rows] == ["Doe^Jane"]
    assert not find_patients(HERE, parse_query(""), Filters(), sort, page.rows[0].id).rows


def test_many_hits_are_walked_and_few_are_collected(people: None, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {sort: [row.id for row in find_patients(EVERYTHING, parse_query(""), Filters(sex="F"), sort).rows]
                for sort in ("name", "-last")}  # fmt: skip
    monkeypatch.setattr("pacsbrowser.archive.search.plan.FEW", 1)
    for steps in ((1, 1), (2, 100)):
        monkeypatch.setattr("pacsbrowser.archive.search.plan.STEPS", steps)
        for sort, keys in expected.items():
            page = find_patients(EVERYTHING, parse_query(""), Filters(sex="F"), sort)
            assert [row.id for row in page.rows] == keys


def test_the_number_of_queries_does_not_grow(people: None) -> None:
    def queries(limit: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            find_patients(EVERYTHING, parse_query(""), Filters(), limit=limit)
            find_studies(HERE, parse_query("m"), Filters(), limit=limit)
        return len(captured)

    assert queries(1) == queries(9)


def test_the_number_of_findings_in_a_list_does_not_hint_at_holders_out_of_scope() -> None:
    ingest_datasets(make_dataset(InstitutionName="North"), make_dataset(InstitutionName="South", PatientID="P2"))
    anything = (parse_query(""), Filters())
    for scope, told in ((EVERYTHING, 3), (Scope(institutions=frozenset({"North"})), 0)):
        assert find_studies(scope, *anything).rows[0].finding_count == told
        assert find_patients(scope, *anything).rows[0].finding_count == told


def test_no_uid_is_looked_for_row_by_row() -> None:
    ingest_datasets(make_dataset())
    with CaptureQueriesContext(connection) as captured:
        find_holders(EVERYTHING, [f"{ROOT}.1", "1.2.3"])
        find_partial(EVERYTHING, "1.2.3.4.5.6")
        find_frame_of_reference(EVERYTHING, "1.2.3")
        find_references(EVERYTHING, "1.2.3")
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            for row in cursor.fetchall():
                assert not row[3].startswith("SCAN archive_"), query["sql"]
