"""The chart's pages: what they hold, where they lead, whom they show it to, and the drawing as a file."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.urls import reverse

from pacsbrowser.access.models import User
from pacsbrowser.archive import hierarchy
from pacsbrowser.archive.models import Patient, Series, Study
from pacsbrowser.audit.models import Event
from pacsbrowser.pages import chart as chart_views
from tests.datasets import ROOT, ingest_datasets, make_series

pytestmark = pytest.mark.django_db
SVG = "{http://www.w3.org/2000/svg}"
LEVEL_TAGS = ("(0010,0020)", "(0020,000D)", "(0020,000E)", "(0008,0018)")


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(User.objects.create_user("viewer"), backend="django.contrib.auth.backends.ModelBackend")
    return client


def patient_page(client: Client, **query: Any) -> str:
    response = client.get(reverse("patient_chart", args=[Patient.objects.get().pk]), query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_four_levels_with_their_tags(viewer: Client) -> None:
    ingest_datasets(*make_series(1, series=1), *make_series(2, series=2, Modality="MR"))
    for page in (
        patient_page(viewer),
        viewer.get(reverse("study_chart", args=[f"{ROOT}.1"])).content.decode(),
    ):
        assert all(tag in page for tag in LEVEL_TAGS)
        assert "2 series, 3 instances" in page
        for address in (
            reverse("patient_detail", args=[Patient.objects.get().pk]),
            reverse("study_detail", args=[f"{ROOT}.1"]),
            reverse("series_detail", args=[f"{ROOT}.1", f"{ROOT}.1.2"]),
            reverse("instance_detail", args=[f"{ROOT}.1", f"{ROOT}.1.2", f"{ROOT}.1.2.2"]),
        ):
            # once in the drawing, once in the tree
            assert page.count(f'href="{address}"') >= 2, address


def test_every_link_leads_somewhere(viewer: Client) -> None:
    files = make_series(90)
    del files[40:42]
    ingest_datasets(*files, *make_series(2, study=2))
    for address in sorted(set(re.findall(r'href="(/(?:patients|studies)/[^"]*)"', patient_page(viewer)))):
        response = viewer.get(address.replace("&amp;", "&"), follow=True)
        assert response.status_code == 200, address


def test_drawing_and_tree_are_apart_for_machines(viewer: Client) -> None:
    """The drawing is for the pointer: hidden from screen readers, its links out of the order of tabs."""
    ingest_datasets(*make_series(3))
    page = patient_page(viewer)
    drawing = page[page.index('<svg class="chart"') : page.index("</ul>", page.index('<svg class="chart"'))]
    assert 'aria-hidden="true"' in drawing and drawing.count("<a ") == drawing.count('tabindex="-1"')
    assert 'role="tree"' in page and page.count('role="treeitem"') == 1 + 1 + 1 + 3
    assert "style=" not in drawing and "<style" not in page


def test_hostile_values_are_text(viewer: Client) -> None:
    evil = '"><script>alert(1)</script>'
    ingest_datasets(
        *make_series(2, PatientName=evil, StudyDescription=evil, SeriesDescription=evil, Modality=evil[:16])
    )
    page = patient_page(viewer)
    assert "<script>alert" not in page and "&lt;script&gt;" in page
    drawing = viewer.get(reverse("patient_chart", args=[Patient.objects.get().pk]), {"format": "svg"}).content
    assert b"<script" not in drawing
    ElementTree.fromstring(drawing)


def test_the_file_stands_alone_and_is_recorded(viewer: Client) -> None:
    ingest_datasets(*make_series(2))
    response = viewer.get(reverse("patient_chart", args=[Patient.objects.get().pk]), {"format": "svg"})
    root = ElementTree.fromstring(response.content)
    assert response["Content-Type"] == "image/svg+xml" and "attachment" in response["Content-Disposition"]
    assert "Doe" not in response["Content-Disposition"]
    assert not [element for element in root.iter() if "class" in element.attrib or "style" in element.attrib]
    assert all(link.attrib["href"].startswith("http") for link in root.iter(f"{SVG}a"))
    assert all("fill" in box.attrib for box in root.iter(f"{SVG}rect"))
    assert Event.objects.filter(action="download", who="viewer").count() == 1


def test_looking_is_recorded(viewer: Client) -> None:
    ingest_datasets(*make_series(1))
    patient_page(viewer)
    event = Event.objects.get(action="view", who="viewer")
    assert event.patient == event.object == "P1"


def test_only_what_is_in_scope(client: Client) -> None:
    ingest_datasets(
        *make_series(1, study=1, InstitutionName="North"), *make_series(1, study=2, InstitutionName="South")
    )
    limited = User.objects.create_user("limited", institutions="North")
    client.force_login(limited, backend="django.contrib.auth.backends.ModelBackend")
    page = patient_page(client)
    assert f"/studies/{ROOT}.1/" in page and f"/studies/{ROOT}.2/" not in page and "1 study, 1 series" in page
    assert client.get(reverse("study_chart", args=[f"{ROOT}.2"])).status_code == 404
    address = reverse("chart_range", args=[f"{ROOT}.2", f"{ROOT}.2.1"])
    assert client.get(address, {"first": 1, "last": 2}, headers={"HX-Request": "true"}).status_code == 404
    User.objects.filter(pk=limited.pk).update(institutions="Elsewhere")
    assert client.get(reverse("patient_chart", args=[Patient.objects.get().pk])).status_code == 404


def test_a_shared_uid_offers_a_choice(viewer: Client) -> None:
    ingest_datasets(*make_series(1), *make_series(1, PatientID="P2"))
    address = reverse("study_chart", args=[f"{ROOT}.1"])
    assert viewer.get(address).status_code == 300
    for study in Study.objects.all():
        page = viewer.get(address, {"holder": study.pk}).content.decode()
        assert f"instances/{ROOT}.1.1.1/?holder={study.pk}" in page


def test_further_studies_have_a_link(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy, "STUDIES_A_PAGE", 2)
    for study in (1, 2, 3):
        ingest_datasets(*make_series(1, study=study, StudyDate=f"202{study}0101"))
    page = patient_page(viewer, by="bytes")
    link = re.search(r'rel="next" href="\?([^"]*)"', page)
    assert link and "by=bytes" in link[1]
    after = re.search(r"after=(\d+)", link[1])
    assert after
    second = patient_page(viewer, after=after[1])
    assert "2021-01-01" in second and "2023-01-01" not in second and "Newest studies" in second


def test_further_series_lead_to_the_chart_of_the_study(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy, "SERIES_ROWS", 2)
    ingest_datasets(*(file for series in range(1, 6) for file in make_series(1, series=series)))
    page = patient_page(viewer)
    assert "4 more series" in page and page.count(f'href="{reverse("study_chart", args=[f"{ROOT}.1"])}"') == 2


def test_a_range_opens_into_instances(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart_views, "RANGE_STEP", 30)
    ingest_datasets(*make_series(70))
    page = patient_page(viewer)
    found = re.search(r'hx-get="([^"]*)"', page)
    assert found and "Instances 1 to 70" in page
    address = found[1].replace("&amp;", "&")
    items = viewer.get(address, headers={"HX-Request": "true"}).content.decode()
    assert items.count('role="treeitem"') == 31 and "Instances 31 to 70" in items and "<html" not in items
    # a person who opens the address gets the series' page
    response = viewer.get(address)
    assert response.status_code == 302
    assert response["Location"] == reverse(
        "series_detail", args=[f"{ROOT}.1", Series.objects.get().series_instance_uid]
    )


@pytest.mark.parametrize("query", [{}, {"first": "x", "last": "-"}, {"first": "9" * 50}, {"first": "²", "last": "0"}])
def test_a_nonsensical_range_is_empty(viewer: Client, query: dict[str, str]) -> None:
    ingest_datasets(*make_series(2))
    address = reverse("chart_range", args=[f"{ROOT}.1", f"{ROOT}.1.1"])
    response = viewer.get(address, query, headers={"HX-Request": "true"})
    assert response.status_code == 200 and b"treeitem" not in response.content


def test_log_in_first(client: Client) -> None:
    ingest_datasets(*make_series(1))
    for address in (
        reverse("patient_chart", args=[Patient.objects.get().pk]),
        reverse("study_chart", args=[f"{ROOT}.1"]),
        reverse("chart_range", args=[f"{ROOT}.1", f"{ROOT}.1.1"]),
    ):
        assert client.get(address)["Location"].startswith(reverse("login"))
