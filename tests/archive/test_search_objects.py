"""How studies, series and instances are searched: a deep offset walks an index and reads no rows."""

import pytest

from pacsbrowser.access.models import User
from pacsbrowser.access.scope import EVERYTHING
from pacsbrowser.archive.models import Level, Study
from pacsbrowser.archive.removal import remove
from pacsbrowser.archive.search import KEYS, Search, Wanted, count_objects, find_objects
from pacsbrowser.archive.search.objects import _walk
from pacsbrowser.archive.search.sql import fill, rows
from pacsbrowser.dicom.matching import Exact
from tests.datasets import ROOT, ingest_datasets, make_series

pytestmark = pytest.mark.django_db

LEVELS = [Level.STUDY, Level.SERIES, Level.INSTANCE]


@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("hides", [False, True])
@pytest.mark.parametrize("level", LEVELS)
def test_a_walk_over_everything_reads_indexes_alone(level: Level, hides: bool, is_turned: bool) -> None:
    plan = [row[3] for row in rows(fill("EXPLAIN QUERY PLAN {}", _walk(level, 50, 100_000, hides, is_turned)))]
    scans = [line for line in plan if line.startswith(("SCAN", "SEARCH"))]
    assert "COVERING INDEX" in scans[0], plan
    # what is not live, which is little
    assert all("INDEX" in line for line in scans[1:]), plan
    assert not any("TEMP B-TREE FOR ORDER" in line for line in plan), plan


@pytest.mark.parametrize("trashed", [0, 2])
@pytest.mark.parametrize("level", LEVELS)
def test_pages_at_any_offset_are_parts_of_the_whole(level: Level, trashed: int) -> None:
    ingest_datasets(*(file for number in range(1, 9) for file in make_series(1, study=number)))
    for study in Study.objects.order_by("pk")[3 : 3 + trashed]:
        remove(study, User.objects.get_or_create(username="boss")[0], "test")
    everything = [row.id for row in find_objects(EVERYTHING, Search(level), 100)]
    assert len(everything) == 8 - trashed
    for offset in range(10):
        for limit in (1, 3, 20):
            page = [row.id for row in find_objects(EVERYTHING, Search(level), limit, offset)]
            assert page == everything[offset : offset + limit]


@pytest.mark.parametrize("level", LEVELS)
def test_counting_stops_at_its_limit(level: Level) -> None:
    ingest_datasets(*(file for number in range(1, 8) for file in make_series(1, study=number)))
    assert count_objects(EVERYTHING, Search(level), 100) == 7
    assert count_objects(EVERYTHING, Search(level), 3) == 3
    one = Search(level, (Wanted(KEYS[Level.STUDY]["StudyInstanceUID"], Exact(f"{ROOT}.2")),))
    assert count_objects(EVERYTHING, one, 100) == 1
    assert [row.values["StudyInstanceUID"] for row in find_objects(EVERYTHING, one, 10)] == [f"{ROOT}.2"]
