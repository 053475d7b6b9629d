"""What refers to what: grouped by series and kind, within the viewer's scope, in a bounded number of queries."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pacsbrowser.access.scope import EVERYTHING, Scope
from pacsbrowser.archive.models import Instance, Series
from pacsbrowser.archive.reference_edges import find_edges
from pacsbrowser.archive.references import (
    references_of_instance,
    references_of_series,
    referrers_of_instance,
    referrers_of_series,
)
from tests import reports
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series

pytestmark = pytest.mark.django_db
CT = f"{ROOT}.1.1"


def one(uid: str) -> Instance:
    """Return the instance of a UID."""
    return Instance.objects.select_related("series__study").get(sop_instance_uid=uid)


def told(references: Any) -> list[tuple[str, int, tuple[str, ...]]]:
    """Return the groups as (series number, count, kinds)."""
    return [(group.example.series.series_number, group.count, group.kinds) for group in references.groups]


def test_an_instance_tells_both_directions() -> None:
    ingest_datasets(*make_series(3), reports.key_objects(f"{CT}.1", f"{CT}.2", f"{ROOT}.8.8"))
    found = references_of_instance(one(f"{ROOT}.1.93.1"), EVERYTHING)
    assert told(found) == [("1", 2, ("evidence", "content"))]
    assert found.dangling_count == 1 and found.dangling[0].target_uid == f"{ROOT}.8.8"
    assert found.dangling[0].kinds == ("evidence", "content")
    assert told(referrers_of_instance(one(f"{CT}.1"), EVERYTHING)) == [("93", 1, ("evidence", "content"))]
    assert referrers_of_instance(one(f"{CT}.3"), EVERYTHING).is_empty


def test_a_series_tells_both_directions() -> None:
    ingest_datasets(*make_series(3), reports.key_objects(f"{CT}.1", f"{CT}.2"), reports.measurement_report())
    ct = Series.objects.get(series_instance_uid=CT)
    assert references_of_series(ct, EVERYTHING).is_empty
    assert [group[:2] for group in told(referrers_of_series(ct, EVERYTHING))] == [("93", 1), ("91", 1)]
    report = Series.objects.get(series_number="91")
    found = references_of_series(report, EVERYTHING)
    assert told(found) == [("1", 2, ("evidence", "content"))] and found.dangling_count == 1


def test_what_is_out_of_scope_is_not_in_the_archive() -> None:
    other = make_series(1, study=2, InstitutionName="B", PatientID="P2")
    mine = make_dataset(InstitutionName="A", SourceImageSequence=[reports.sop(f"{ROOT}.2.1.1")])
    ingest_datasets(*other, mine)
    source = one(f"{CT}.1")
    assert told(references_of_instance(source, EVERYTHING)) == [("1", 1, ("source_image",))]
    limited = references_of_instance(source, Scope(institutions=frozenset(["A"])))
    assert not limited.groups and limited.dangling_count == 1
    target = one(f"{ROOT}.2.1.1")
    assert referrers_of_instance(target, Scope(institutions=frozenset(["B"]))).is_empty
    assert find_edges([source.series], EVERYTHING)[source.series_id].targets == (target.series,)
    hidden = find_edges([source.series], Scope(institutions=frozenset(["A"])))[source.series_id]
    assert hidden.targets == () and hidden.missing == 1


def test_a_report_that_names_many_images_is_one_line_and_few_queries() -> None:
    count = 300
    ingest_datasets(*make_series(count), reports.key_objects(*(f"{CT}.{place}" for place in range(1, count + 1))))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = references_of_instance(one(f"{ROOT}.1.93.1"), EVERYTHING)
    assert told(found) == [("1", count, ("evidence", "content"))]
    assert len(queries) <= 6


def test_edges_lead_from_series_to_series() -> None:
    localizer = make_series(2, series=5)
    slices = make_series(80, ReferencedImageSequence=[reports.sop(f"{ROOT}.1.5.1"), reports.sop("1.2.3")])
    ingest_datasets(*localizer, *slices, reports.key_objects(f"{CT}.1", f"{ROOT}.1.5.2"))
    rows = {row.series_number: row for row in Series.objects.all()}
    edges = find_edges(list(rows.values()), EVERYTHING)
    assert {row.series_number for row in edges[rows["93"].pk].targets} == {"1", "5"}
    ct = edges[rows["1"].pk]
    assert ct.targets == (rows["5"],) and ct.missing == 1 and ct.is_sampled
    assert rows["5"].pk not in edges
