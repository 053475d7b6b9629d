"""Pages of structured reports and key objects: the document first, links and drawings, only what the viewer may see."""

import pytest
from django.urls import reverse
from pydicom.uid import ComprehensiveSRStorage

from pacsbrowser.audit.models import Action, Event
from tests import reports
from tests.datasets import ROOT, ingest_datasets, make_series, save
from tests.pages.browsing import client_of, text_of

pytestmark = pytest.mark.django_db
CT = f"{ROOT}.1.1"


def report_url(number: int = 1, name: str = "instance_detail") -> str:
    """Return the address of a page of a made report."""
    return reverse(name, args=[f"{ROOT}.1", f"{ROOT}.1.9{number}", f"{ROOT}.1.9{number}.1"])


def test_a_report_opens_as_a_document_with_links_and_drawings() -> None:
    ingest_datasets(*make_series(3), reports.measurement_report())
    page = text_of(client_of().get(report_url()))
    assert page.index('class="panel sr"') < page.index('id="if"')
    assert "Measurement Group: Nodule 1, Nodule, Upper lobe of lung" in page
    assert "14.20" in page and "−1.8" in page and "no value: Measurement failure" in page
    assert "HALVORSEN, Ingrid" in page and "Verified" in page
    assert "27925004 SCT" in page and "show-codes" in page
    assert f"/instances/{CT}.1/" in page and "frames/1/rendered?viewport=512,512" in page
    assert '<ellipse rx="2.00" ry="1.00" transform="translate(4.00 4.00) rotate(0.00)"' in page
    assert "point at x 1.5, y −20.0, z 3.0 mm" in page
    assert "&lt;script&gt;" in page and "<script>alert" not in page
    assert '<a href="#item-1-2-1">item 1.2.1, Measurement Group</a>' in page and 'id="item-1-2-1"' in page


def test_what_the_viewer_may_not_see_is_not_in_the_archive() -> None:
    slices = make_series(3, InstitutionName="A", StudyDate="20240229")
    other = make_series(1, study=2, InstitutionName="B", PatientID="P2")
    stray = reports.image(f"{ROOT}.2.1.1", rel="CONTAINS", name=("1", "99X", "Stray"))
    report = save(reports.document(ComprehensiveSRStorage, ("1", "99X", "R"), stray, InstitutionName="A"))
    ingest_datasets(*slices, *other, report)
    assert "image not in the archive" in text_of(client_of(institutions="A").get(report_url()))
    assert "image not in the archive" not in text_of(client_of().get(report_url()))


def test_a_dose_report_has_its_table_of_events() -> None:
    ingest_datasets(*make_series(1), reports.dose_report(3))
    page = text_of(client_of().get(report_url(2)))
    assert "Irradiation events, 3" in page and "Mean CTDIvol" in page and "<bdi>5.30</bdi>" in page
    assert "812.40" in page and "The whole report" in page


def test_key_objects_are_a_gallery() -> None:
    ingest_datasets(*make_series(3), reports.key_objects(f"{CT}.1", f"{CT}.3", f"{ROOT}.8.8"))
    page = text_of(client_of().get(report_url(3)))
    assert "Two images to look at" in page and "Of Interest" in page
    assert page.count("Show in viewer") == 2 and f"instance={CT}.3&amp;frame=1" in page
    assert page.count("<img ") >= 2 and "image not in the archive" in page
    assert "Complete" not in page.split('id="if"')[0]


def test_a_long_report_comes_in_parts() -> None:
    title = ("1", "99X", "Line")
    lines = [reports.text(title, f"line {place}") for place in range(3_200)]
    last = reports.text(
        title, "end", reports.item("", None, rel="INFERRED FROM", ReferencedContentItemIdentifier=[1, 1])
    )
    ingest_datasets(save(reports.document(ComprehensiveSRStorage, title, *lines, last)))
    client = client_of()
    first = text_of(client.get(report_url()))
    assert "line 599<" in first and "line 600<" not in first and 'href="?part=6#srt"' in first
    assert 'href="?part=1#item-1-1"' in text_of(client.get(report_url(), {"part": "6"}))
    assert "line 0<" in text_of(client.get(report_url(), {"part": "99"}))


def test_a_report_that_breaks_shows_what_could_be_read() -> None:
    data = reports.measurement_report()
    ingest_datasets(data[: int(len(data) * 0.9)])
    page = text_of(client_of().get(report_url()))
    assert "Not all of the report could be read." in page and "Nodule 1" in page


def test_a_report_is_taken_along_as_text_and_html() -> None:
    ingest_datasets(*make_series(1), reports.measurement_report())
    client = client_of()
    text = client.get(report_url(name="report_text"))
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8" and "14.20 mm" in text_of(text)
    page = client.get(report_url(name="report_html"))
    assert "attachment" in page.headers["Content-Disposition"]
    assert page.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "<script>" not in text_of(page)
    assert Event.objects.filter(action=Action.DOWNLOAD).count() == 2
    other = reverse("report_text", args=[f"{ROOT}.1", CT, f"{CT}.1"])
    assert client.get(other).status_code == 404


def test_queries_do_not_grow_with_the_report(django_assert_max_num_queries: object) -> None:
    client = client_of()
    ingest_datasets(*make_series(40), reports.key_objects(*(f"{CT}.{place}" for place in range(1, 41))))
    client.get(report_url(3))
    with django_assert_max_num_queries(30):  # type: ignore[operator]
        client.get(report_url(3))
