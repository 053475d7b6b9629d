"""The protocols' search keys: every key runs against the tables, and matches as PS3.4 C.2.2.2 says."""

import pytest

from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search.keys import KEYS, condition
from pacsbrowser.archive.search.sql import fill, rows
from pacsbrowser.dicom.matching import Exact, Match, Range, UIDList, Universal, Wildcard
from tests.datasets import ROOT, ingest_datasets, make_dataset

pytestmark = pytest.mark.django_db

TABLES = """SELECT DISTINCT p.id FROM archive_patient p JOIN archive_study s ON s.patient_id = p.id
    JOIN archive_series e ON e.study_id = s.id JOIN archive_instance i ON i.series_id = e.id WHERE {}"""


def matches(level: Level, keyword: str, match: Match) -> bool:
    return bool(rows(fill(TABLES, condition(KEYS[level][keyword], match))))


@pytest.mark.parametrize("level", list(Level))
def test_every_key_answers(level: Level) -> None:
    ingest_datasets(make_dataset())
    for keyword in KEYS[level]:
        assert matches(level, keyword, Universal())
        assert not matches(level, keyword, Exact("no such value"))
        assert not matches(level, keyword, Wildcard("no*such?value"))
        assert not matches(level, keyword, UIDList(("1.2", "1.3")))


@pytest.mark.parametrize(
    ("level", "keyword", "match", "hit"),
    [
        (Level.PATIENT, "PatientName", Exact("DOE"), True),
        (Level.PATIENT, "PatientName", Exact("doe^jane"), True),
        (Level.PATIENT, "PatientName", Wildcard("d?e*"), True),
        (Level.PATIENT, "PatientName", Exact("jane"), False),
        (Level.PATIENT, "PatientID", Exact("p1"), False),
        (Level.PATIENT, "PatientBirthDate", Range("19700101", "19701231"), True),
        (Level.STUDY, "StudyDate", Range("20240229", "20240229"), True),
        (Level.STUDY, "StudyDate", Range("20240301", ""), False),
        (Level.STUDY, "StudyDate", Range("", "20240229"), True),
        (Level.STUDY, "StudyTime", Range("1000", "1030"), True),
        (Level.STUDY, "StudyDescription", Wildcard("*HEAD"), True),
        (Level.STUDY, "StudyDescription", Wildcard("%head"), False),
        (Level.STUDY, "ModalitiesInStudy", Exact("CT"), True),
        (Level.STUDY, "ModalitiesInStudy", Exact("MR"), False),
        (Level.SERIES, "SeriesInstanceUID", UIDList(("1.2.3", f"{ROOT}.1.1")), True),
        (Level.INSTANCE, "SOPInstanceUID", Exact(f"{ROOT}.1.1.1"), True),
    ],
)
def test_matching(level: Level, keyword: str, match: Match, hit: bool) -> None:
    ingest_datasets(make_dataset())
    assert matches(level, keyword, match) is hit
