"""The pages of patients, studies, arrivals and UIDs: what they show, whom, and in how many queries."""

import csv
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from pacsbrowser.archive.models import Delivery, Patient
from pacsbrowser.audit.models import Action, Event
from pacsbrowser.pages.csv_files import cell
from tests.datasets import ROOT, ingest_datasets, make_dataset
from tests.pages.browsing import body_of, client_of, text_of

pytestmark = pytest.mark.django_db


def patients(count: int, first: int = 0, **attributes: Any) -> None:
    ingest_datasets(
        *(
            make_dataset(
                **{
                    "PatientID": f"P{number:04d}",
                    "PatientName": f"Family{number:04d}^Given",
                    "StudyInstanceUID": f"{ROOT}.{number}",
                    "SeriesInstanceUID": f"{ROOT}.{number}.1",
                    "SOPInstanceUID": f"{ROOT}.{number}.1.1",
                    **attributes,
                }
            )
            for number in range(first, first + count)
        )
    )


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


def names(page: str) -> list[str]:
    return re.findall(r"<bdi>(FAMILY\d+, Given)</bdi></a>", page)


def test_empty_archive(viewer: Client) -> None:
    assert "The archive is empty" in text_of(viewer.get("/"))
    assert "The archive is empty" in text_of(viewer.get("/studies/"))
    assert "Nothing has arrived" in text_of(viewer.get("/arrivals/"))
    assert "No study of your institutions" in text_of(client_of("viewer", institutions="Here").get("/"))
    assert "Upload files" not in text_of(viewer.get("/"))
    assert "Upload files" in text_of(client_of("uploader").get("/"))


def test_the_list_shows_name_id_and_last_study(viewer: Client) -> None:
    patients(1)
    page = text_of(viewer.get("/"))
    heads = re.findall(r'id="sort-(\w+)"', page)
    assert heads[:3] == ["name", "id", "last"]
    key = Patient.objects.get().pk
    assert f'<a href="/patients/{key}/">' in page
    assert f'<a href="/studies/{ROOT}.0/"><time datetime="2024-02-29T10:15">2024-02-29 10:15</time></a>' in page
    page = text_of(viewer.get("/studies/"))
    assert f'<a href="/studies/{ROOT}.0/">' in page


def test_load_more_is_a_link_and_a_fragment(viewer: Client) -> None:
    patients(60)
    page = text_of(viewer.get("/?sort=name"))
    assert len(names(page)) == 50
    more = re.search(r'id="load-more" href="([^"]+)"', page)
    assert more
    address = "/" + more[1].replace("&amp;", "&")
    rest = text_of(viewer.get(address))
    assert names(rest) == [f"FAMILY{number:04d}, Given" for number in range(50, 60)]
    assert "<html" in rest
    response = viewer.get(address, headers={"HX-Request": "true", "HX-Target": "rows"})
    rows = text_of(response)
    assert rows.lstrip().startswith("<tr>")
    assert names(rows) == names(rest)
    assert rows.count("autofocus") == 1
    assert 'id="list-foot" hx-swap-oob' in rows
    assert response.headers["HX-Replace-Url"] == "/?sort=name&show=60"
    assert len(names(text_of(viewer.get("/?sort=name&show=60")))) == 60


def test_results_are_a_fragment_that_sets_the_address(viewer: Client) -> None:
    patients(2)
    response = viewer.get("/?q=&modality=CT&date=", headers={"HX-Request": "true", "HX-Target": "results"})
    assert "<html" not in text_of(response)
    assert response.headers["HX-Push-Url"] == "/?modality=CT"
    assert "HX-Request" in response.headers["Vary"]
    assert response.headers["Cache-Control"] == "private, no-store"
    back = viewer.get("/?modality=CT", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in text_of(back)


@pytest.mark.parametrize("path", ["/", "/studies/", "/?q=family&modality=CT", "/arrivals/"])
def test_the_number_of_queries_is_that_of_one_row(path: str, viewer: Client) -> None:
    def count() -> int:
        viewer.get(path)
        with CaptureQueriesContext(connection) as captured:
            assert viewer.get(path).status_code == 200
        return len(captured)

    patients(2)
    few = count()
    patients(58, first=2)
    assert count() <= few


def test_the_figures_come_after_the_page(viewer: Client) -> None:
    patients(3)
    page = text_of(viewer.get("/?q=family"))
    assert "3 patients" in page
    assert re.findall(r'id="tab-(\w+)".*?</a>', page) == ["patients", "studies", "arrivals"]
    address = re.search(r'hx-get="(/counts/patients/[^"]+)"', page)
    assert address
    before = Event.objects.count()
    counts = text_of(viewer.get(address[1].replace("&amp;", "&"), headers={"HX-Request": "true"}))
    assert Event.objects.count() == before
    assert re.search(r'href="/studies/\?q=family">Studies <span class="count">3</span>', counts)
    assert 'id="result-title"' not in counts
    assert viewer.get("/counts/nonsense/").status_code == 404
    assert "/counts/arrivals/" in text_of(viewer.get("/arrivals/"))
    assert "Studies" in text_of(viewer.get("/counts/arrivals/"))


def test_many_hits_are_counted_apart(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    patients(60)
    monkeypatch.setattr("pacsbrowser.archive.search.FEW", 10)
    page = text_of(viewer.get("/?q=family"))
    assert "Over 50 patients" in page
    assert "50 of <span" in page
    link = re.search(r'href="([^"]+&amp;count=1)">Count them', page)
    assert link
    assert "60 patients" in text_of(viewer.get("/" + link[1].replace("&amp;", "&")))
    assert Event.objects.filter(action=Action.QUERY, detail__found="over 50").exists()
    address = re.search(r'hx-get="(/counts/patients/[^"]+)"', page)
    assert address
    counts = text_of(viewer.get(address[1].replace("&amp;", "&")))
    assert '<h2 id="result-title" hx-swap-oob="true">60 patients</h2>' in counts
    assert '<div id="announce" hx-swap-oob="innerHTML">60 patients</div>' in counts
    more = re.search(r'id="load-more" href="([^"]+)"', page)
    assert more
    rows = text_of(viewer.get("/" + more[1].replace("&amp;", "&"), headers={"HX-Request": "true", "HX-Target": "rows"}))
    assert 'hx-get="/counts/patients/' in rows


def test_counting_without_the_page_is_recorded(viewer: Client) -> None:
    patients(1)
    viewer.get("/counts/patients/?q=family")
    assert Event.objects.filter(action=Action.QUERY).latest("id").detail == {
        "list": "patients",
        "q": "family",
        "found": 1,
    }


def test_the_figures_are_those_of_the_scope() -> None:
    patients(2, InstitutionName="Elsewhere")
    counts = text_of(client_of("viewer", institutions="Here").get("/counts/patients/?q=family"))
    assert "No patient matches" in counts
    assert re.search(r'Studies <span class="count">0</span>', counts)


def test_chips_drop_one_word_or_filter(viewer: Client) -> None:
    patients(3)
    page = text_of(viewer.get("/?q=family0001+MR&sex=F&date=range&from=2024-01-01&to=2024-12-31"))
    assert "No patient matches" in page
    assert "Name, ID or accession" in page
    assert "2024-01-01 to 2024-12-31" in page
    assert re.search(r'href="\?[^"]*" aria-label="Remove modality: MR"', page)
    assert re.search(r"without <b><bdi>MR</bdi></b></a> 1 patient", page)


def test_close_names_are_offered(viewer: Client) -> None:
    patients(1, PatientName="Tanaka^Yuki")
    assert "tanaka" in text_of(viewer.get("/?q=tanka"))
    other = client_of("viewer", institutions="Here")
    assert "tanaka" not in text_of(other.get("/?q=tanka")).lower().replace("tanka", "")


def test_nonsense_in_the_address_is_no_error(viewer: Client) -> None:
    patients(1)
    for query in (
        "sort=nonsense", "sort=--name", "after=x&at=-5&show=99999999", "after=999999999999999999", "date=range&from=x",
        "modality=%00", "q=%00", "q=%22%27%3Cscript%3E", "sex=%00x", "description=%25_%22", "date=32", "accession=*",
        "at=%C2%B2", "date=range&from=2024-12-31&to=2024-01-01", "q=" + "a+" * 500,
    ):  # fmt: skip
        for path in ("/", "/studies/"):
            assert viewer.get(f"{path}?{query}").status_code == 200, query
    assert viewer.get("/arrivals/?after=nonsense").status_code == 200


def test_hostile_values_are_escaped(viewer: Client) -> None:
    evil = "<script>alert(1)</script>"
    patients(1, PatientName=evil, StudyDescription=evil, InstitutionName=evil, AccessionNumber="<b>x</b>")
    for path in ("/", "/studies/", "/arrivals/", f"/?q={evil}", f"/uid/{ROOT}.0/"):
        page = text_of(viewer.get(path))
        assert "<script>alert" not in page.lower()
        assert "<b>x" not in page


def test_csv_is_the_whole_search_and_no_formula(viewer: Client) -> None:
    patients(60)
    patients(1, first=60, PatientName="=HYPERLINK(1)^X")
    response = viewer.get("/?format=csv&sort=name")
    rows = list(csv.DictReader(io.StringIO(body_of(response).decode("utf-8-sig"))))
    assert len(rows) == 61
    assert {row["PatientName"] for row in rows if "HYPERLINK" in row["PatientName"]} == {"'=HYPERLINK(1)^X"}
    assert "attachment" in response.headers["Content-Disposition"]
    studies = list(csv.DictReader(io.StringIO(body_of(viewer.get("/studies/?format=csv&q=p0001")).decode("utf-8-sig"))))
    assert [row["StudyInstanceUID"] for row in studies] == [f"{ROOT}.1"]
    assert [cell(text) for text in ("=1", "+1", "-1", "@x", "a", 5)] == ["'=1", "'+1", "'-1", "'@x", "a", 5]


def test_searches_are_recorded(viewer: Client) -> None:
    patients(1)
    viewer.get("/?q=family&sex=F")
    event = Event.objects.filter(action=Action.QUERY).latest("id")
    assert event.detail == {"list": "patients", "q": "family", "sex": "F", "found": 1}
    before = Event.objects.count()
    viewer.get("/")
    assert Event.objects.count() == before
    body_of(viewer.get("/?format=csv"))
    assert Event.objects.latest("id").action == Action.DOWNLOAD


def test_an_invented_cursor_does_not_search_unrecorded(viewer: Client) -> None:
    viewer.get("/", {"q": "doe", "after": "999999"})
    event = Event.objects.filter(action=Action.QUERY).latest("id")
    assert event.detail["q"] == "doe"


def test_a_uid_leads_to_its_object(viewer: Client) -> None:
    patients(2)
    for uid, path in (
        (f"{ROOT}.0", f"/studies/{ROOT}.0/"),
        (f"{ROOT}.0.1", f"/studies/{ROOT}.0/series/{ROOT}.0.1/"),
        (f"{ROOT}.0.1.1", f"/studies/{ROOT}.0/series/{ROOT}.0.1/instances/{ROOT}.0.1.1/"),
    ):
        response = viewer.get("/", {"q": f" {uid}\n"})
        assert (response.status_code, response.headers.get("Location")) == (302, path)
        assert uid in text_of(viewer.get(f"/uid/{uid}/"))
    page = text_of(viewer.get("/", {"q": f"{ROOT}.0\n{ROOT}.1.1.1.9\n1.2.840.10008.1.2.1"}))
    assert "1 of 3 UIDs found" in page
    assert "Explicit VR Little Endian" in page
    assert "CT Image Storage" in text_of(viewer.get("/?q=1.2.840.10008.5.1.4.1.1.2"))
    assert "not in the archive" in text_of(viewer.get("/?q=1.2.3.4.5.6.7"))
    assert "with this part" in text_of(viewer.get(f"/?q={ROOT}"))


@pytest.mark.parametrize("path", ["/", "/studies/"])
def test_the_last_digits_of_a_uid_lead_to_its_object(viewer: Client, path: str) -> None:
    ingest_datasets(make_dataset(StudyInstanceUID=f"{ROOT}.77.20261122", SeriesInstanceUID=f"{ROOT}.77.9081726354"))
    found = viewer.get(path, {"q": "9081726354"})
    assert found["Location"] == f"/studies/{ROOT}.77.20261122/series/{ROOT}.77.9081726354/"
    assert viewer.get(path, {"q": "9081726355"}).status_code == 200


def test_a_limited_scope_is_told_of_no_uid_elsewhere() -> None:
    patients(1, InstitutionName="Elsewhere")
    other = client_of("viewer", institutions="Here")
    assert "not in the archive" in text_of(other.get(f"/?q={ROOT}.0"))
    assert "FAMILY0000" not in text_of(other.get("/arrivals/"))
    assert "Nothing has arrived" in text_of(other.get("/arrivals/"))


def test_arrivals_say_what_came_and_what_did_not(viewer: Client) -> None:
    one = make_dataset()
    ingest_datasets(one, b"not DICOM at all", one)
    page = text_of(viewer.get("/arrivals/"))
    assert "DOE, Jane" in page
    for words in ("Stored 1", "Already here 1", "Not DICOM 1", "1.dcm"):
        assert words in page
    assert 'hx-trigger="every 5s"' in page
    fragment = text_of(viewer.get("/arrivals/", headers={"HX-Request": "true", "X-Poll": "1"}))
    assert "<html" not in fragment
    assert "DOE, Jane" in fragment


def test_one_hit_shows_the_patients_studies(viewer: Client) -> None:
    patients(2)
    assert "1 newest study" in text_of(viewer.get("/?q=family0001"))


def test_arrivals_link_only_to_reports_that_open() -> None:
    ingest_datasets(make_dataset())
    for role, shown in (("viewer", False), ("uploader", False), ("administrator", True)):
        client = client_of(role)
        link = reverse("upload_report", args=[Delivery.objects.get().pk])
        assert (link in text_of(client.get("/arrivals/"))) is shown
        assert (client.get(link).status_code == 200) is shown
