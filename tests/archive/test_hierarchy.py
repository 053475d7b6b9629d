"""The tree behind the chart: bounded, in order, with gaps, and only of what a viewer may see."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import hierarchy
from pacsbrowser.archive.hierarchy import find_parts, find_patient_hierarchy, find_study_hierarchy
from pacsbrowser.archive.models import Patient, Series, Study
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series

pytestmark = pytest.mark.django_db

ALL = Scope(everything=True, institutions=frozenset())


def without(numbers: set[int], count: int, **attributes: Any) -> list[bytes]:
    files = make_series(count, **attributes)
    return [file for place, file in enumerate(files, start=1) if place not in numbers]


def test_few_instances_are_listed_with_the_gap_between_them() -> None:
    ingest_datasets(*without({2, 3}, 5))
    tree = find_patient_hierarchy(Patient.objects.get(), ALL)
    (series,) = tree.studies[0].series
    assert series.is_listed
    assert [(part.first, part.last, part.missing) for part in series.parts] == [
        (1, 1, False),
        (2, 3, True),
        (4, 4, False),
        (5, 5, False),
    ]
    assert series.parts[0].uid == f"{ROOT}.1.1.1"


def test_many_instances_are_told_as_ranges_and_gaps() -> None:
    ingest_datasets(*without({7, 8, 40}, 90))
    tree = find_patient_hierarchy(Patient.objects.get(), ALL)
    (series,) = tree.studies[0].series
    assert not series.is_listed
    assert [(part.first, part.last, part.count, part.missing) for part in series.parts] == [
        (1, 6, 6, False),
        (7, 8, 2, True),
        (9, 39, 31, False),
        (40, 40, 1, True),
        (41, 90, 50, False),
    ]
    assert sum(part.count for part in series.parts if not part.missing) == 87


def test_a_range_opens_step_by_step() -> None:
    ingest_datasets(*without({5}, 12))
    series = Series.objects.get()
    parts, rest = find_parts(series, 3, 12, limit=4)
    assert [(part.first, part.missing) for part in parts] == [(3, False), (4, False), (5, True), (6, False), (7, False)]
    assert rest is not None and (rest.first, rest.last, rest.count) == (8, 12, 5)
    parts, rest = find_parts(series, rest.first, rest.last, limit=5)
    assert [part.first for part in parts] == [8, 9, 10, 11, 12] and rest is None


def test_numbers_that_are_labels_have_no_gaps() -> None:
    files = [
        make_dataset(SOPInstanceUID=f"{ROOT}.1.1.{number}", InstanceNumber=number) for number in (1001, 2001, 9001)
    ]
    ingest_datasets(*files)
    tree = find_patient_hierarchy(Patient.objects.get(), ALL)
    assert [part.missing for part in tree.studies[0].series[0].parts] == [False, False, False]


def test_studies_come_newest_first_and_undated_ones_last() -> None:
    for place, day in enumerate(("20200101", "20240101", ""), start=1):
        ingest_datasets(*make_series(1, study=place, StudyDate=day))
    tree = find_patient_hierarchy(Patient.objects.get(), ALL)
    assert [study.row.study_date for study in tree.studies] == ["20240101", "20200101", ""]
    assert (tree.totals.studies, tree.totals.series, tree.totals.instances) == (3, 3, 3)


def test_a_limited_viewer_sees_and_counts_only_what_is_in_scope() -> None:
    ingest_datasets(*make_series(2, study=1, InstitutionName="North"))
    ingest_datasets(*make_series(5, study=2, InstitutionName="South"))
    tree = find_patient_hierarchy(Patient.objects.get(), Scope(everything=False, institutions=frozenset({"North"})))
    assert [study.row.institution_name for study in tree.studies] == ["North"]
    assert (tree.totals.studies, tree.totals.instances) == (1, 2)


def test_studies_are_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy, "STUDIES_A_PAGE", 2)
    for place in range(1, 6):
        ingest_datasets(*make_series(1, study=place, StudyDate=f"202{place}0101"))
    patient, seen, after = Patient.objects.get(), [], ""
    for left in (3, 1, 0):
        tree = find_patient_hierarchy(patient, ALL, after)
        seen += [study.row.study_date[:4] for study in tree.studies]
        assert tree.left == left and tree.totals.studies == 5
        after = tree.next
    assert seen == ["2025", "2024", "2023", "2022", "2021"] and after == ""


def test_series_beyond_the_rows_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy, "SERIES_ROWS", 3)
    for number in range(1, 6):
        ingest_datasets(*make_series(number, series=number))
    (study,) = find_patient_hierarchy(Patient.objects.get(), ALL).studies
    assert [series.row.series_number for series in study.series] == ["1", "2"]
    assert study.rest is not None and (study.rest.series, study.rest.instances) == (3, 12)


def test_a_study_is_paged_by_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy, "SERIES_A_PAGE", 2)
    for number in (3, 1, 2):
        ingest_datasets(*make_series(1, series=number))
    study = Study.objects.get()
    tree = find_study_hierarchy(study, ALL)
    assert [series.row.series_number for series in tree.studies[0].series] == ["1", "2"] and tree.left == 1
    tree = find_study_hierarchy(study, ALL, tree.next)
    assert [series.row.series_number for series in tree.studies[0].series] == ["3"] and not tree.is_first


@pytest.mark.parametrize("after", ["nonsense", "-1", "9" * 40, "²"])
def test_a_cursor_that_is_none_starts_at_the_beginning(after: str) -> None:
    ingest_datasets(*make_series(1))
    assert len(find_patient_hierarchy(Patient.objects.get(), ALL, after).studies) == 1
    assert len(find_study_hierarchy(Study.objects.get(), ALL, after).studies[0].series) == 1


def test_the_number_of_queries_does_not_grow_with_the_tree() -> None:
    ingest_datasets(*make_series(3))
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            find_patient_hierarchy(Patient.objects.get(), ALL)
        counts.append(len(queries))
        for study in range(2, 12):
            ingest_datasets(*(file for series in (1, 2, 3) for file in make_series(2, study=study, series=series)))
    assert counts[0] == counts[1] <= 10
