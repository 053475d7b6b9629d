"""References on pages: panels of instance and series, arrows and words of the chart, only within the scope."""

import pytest

from tests import reports
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.pages.browsing import client_of, series_url, study_url, text_of

pytestmark = pytest.mark.django_db
CT = f"{ROOT}.1.1"


def take_in() -> None:
    """Take in a series, a report and key objects over it, one of which names what is not here."""
    ingest_datasets(*make_series(3), reports.measurement_report(), reports.key_objects(f"{CT}.1", f"{CT}.3"))


def test_a_series_page_asks_for_its_references() -> None:
    take_in()
    client = client_of()
    page = text_of(client.get(series_url()))
    assert f'hx-get="{series_url("series_references")}"' in page and f'href="{series_url("series_references")}"' in page
    whole = text_of(client.get(series_url("series_references")))
    assert "Referred to by" in whole and "series <bdi>91</bdi>" in whole and "evidence, content" in whole
    part = text_of(client.get(series_url("series_references"), headers={"HX-Request": "true"}))
    assert part.lstrip().startswith("<section") and "series <bdi>93</bdi>" in part


def test_the_chart_draws_arrows_and_the_tree_says_them() -> None:
    take_in()
    client = client_of()
    page = text_of(client.get(study_url("study_chart")))
    assert page.count('class="edge"') == 3  # two arrows and the legend's
    assert page.count('class="edge dangling"') == 2
    assert "<title>Series 93 refers to series 1</title>" in page
    assert "→ 1</span>" in page and "refers to series 1</span>" in page and "refers to 1 not in the archive" in page
    drawing = text_of(client.get(study_url("study_chart"), {"format": "svg"}))
    assert "<title>Series 91 refers to 1 not in the archive</title>" in drawing


def test_a_chart_without_references_is_as_wide_as_ever() -> None:
    ingest_datasets(*make_series(3))
    page = text_of(client_of().get(study_url("study_chart")))
    assert 'viewBox="0 0 780 ' in page and "refers to" not in page


def test_what_is_out_of_scope_is_not_hinted_at() -> None:
    other = make_series(1, study=2, InstitutionName="B", PatientID="P2", StudyDate="20200101")
    ingest_datasets(*other, make_dataset(InstitutionName="A", SourceImageSequence=[reports.sop(f"{ROOT}.2.1.1")]))
    limited = client_of(institutions="A")
    for url in (study_url("study_chart"), series_url("series_references")):
        page = text_of(limited.get(url))
        assert "1 not in the archive" in page or "1 object not in the archive" in page
        assert "2020-01-01" not in page
    assert "series 1 of 2020-01-01" in text_of(client_of().get(study_url("study_chart")))
    assert limited.get(series_url("series_references", study=2)).status_code == 404


def test_a_chart_needs_as_many_queries_with_many_references(django_assert_max_num_queries: object) -> None:
    take_in()
    client = client_of()
    client.get(study_url("study_chart"))
    with django_assert_max_num_queries(30):  # type: ignore[operator]
        client.get(study_url("study_chart"))
