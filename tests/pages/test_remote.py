"""The page for other archives: who may use it, what it shows of what is here, and lists of numbers."""

import io
from typing import Any

import pytest
from django.urls import reverse

from pacsbrowser.audit.models import Event
from pacsbrowser.exchange.models import Node
from pacsbrowser.jobs.models import Job
from pacsbrowser.pages.number_lists import decode, read_numbers
from tests.datasets import ROOT, ingest_datasets, make_series
from tests.dimse.conftest import archive  # noqa: F401 - a fixture
from tests.dimse.peers import Archive, make_node
from tests.live import free_port
from tests.pages.browsing import client_of, text_of

PAGE = "/remote/"


@pytest.mark.django_db
def test_who_may() -> None:
    make_node("DEAD", free_port())
    for role, institutions in (("viewer", ""), ("uploader", "North")):
        client = client_of(role, institutions)
        assert client.get(PAGE).status_code == 403
        for name in ("remote_fetch", "remote_numbers"):
            assert client.post(reverse(name), {"pick": "1:1.2.3"}).status_code == 403
        assert 'href="/remote/"' not in text_of(client.get("/"))
    assert 'href="/remote/"' in text_of(client_of("uploader").get("/"))
    assert not Job.objects.exists()


def test_what_is_here_already_is_marked(archive: Archive) -> None:  # noqa: F811
    ingest_datasets(*make_series(3, PatientName="Doe^<b>Jane"))
    node, dead = make_node("SELF", archive.port), make_node("DEAD", free_port())
    client = client_of("uploader")
    assert "Choose nodes" in text_of(client.get(PAGE))
    assert "Say what to look for" in text_of(client.get(PAGE, {"node": node.pk}))
    page = text_of(client.get(PAGE, {"node": [node.pk, dead.pk], "q": "doe"}))
    assert "1 study" in page and f'value="{node.pk}:{ROOT}.1"' in page and "<b>Jane" not in page
    assert 'class="badge good"' in page and "here</span>" in page
    assert "does not take a connection" in page
    detail = Event.objects.get(action="query", detail__list="remote studies").detail
    assert (detail["nodes"], detail["q"], detail["found"]) == (["dead", "self"], "doe", 1)
    fragment = client.get(PAGE, {"node": node.pk, "q": "doe"}, headers={"HX-Request": "true"})
    assert text_of(fragment).lstrip().startswith('<div class="toolbar">')


@pytest.mark.django_db
def test_what_was_ticked_becomes_a_job_for_each_node() -> None:
    one, two = make_node("ONE", free_port()), make_node("TWO", free_port())
    client = client_of("uploader")
    picked = [f"{one.pk}:1.2.3", f"{one.pk}:1.2.4", f"{one.pk}:../x", "99:1.2", "x:1", f"{two.pk}:"]
    answer = client.post(reverse("remote_fetch"), {"pick": picked, "elsewhere": f"{two.pk}:1.2.5,"})
    assert answer.headers["Location"] == reverse("job_list")
    jobs = Job.objects.order_by("title")
    assert [(job.title, job.items.count()) for job in jobs] == [
        ("Fetch 1 study from two", 1),
        ("Fetch 2 studies from one", 2),
    ]
    assert "No study is ticked" in text_of(client.post(reverse("remote_fetch"), {}, follow=True))


@pytest.mark.django_db
def test_a_list_is_pasted_or_uploaded(client: Any) -> None:
    node, uploader = make_node("ONE", free_port()), client_of("uploader")
    fields = {"node": node.pk, "kind": "accession", "numbers": "A1\n A2 \nA1\nB*\n"}
    uploader.post(reverse("remote_numbers"), fields)
    job = Job.objects.get()
    assert [item.label for item in job.items.order_by("pk")] == ["A1", "A2"]
    assert job.parameters == {"nodes": [node.pk], "kind": "accession"}
    file = io.BytesIO("\ufeffName;Patient ID\r\nDoe;007\r\nRoe;008\r\n".encode())
    file.name = "list.csv"
    uploader.post(reverse("remote_numbers"), {"node": node.pk, "kind": "patient", "numbers": "", "file": file})
    assert [item.label for item in Job.objects.latest("created").items.order_by("pk")] == ["007", "008"]
    for change, said in (
        ({"node": ""}, "Choose a node"),
        ({"kind": "x"}, "Choose a node"),
        ({"numbers": ""}, "no number"),
    ):
        page = text_of(uploader.post(reverse("remote_numbers"), {**fields, **change}, follow=True))
        assert said in page
    many = "\n".join(f"N{number}" for number in range(2001))
    assert "up to 2,000" in text_of(uploader.post(reverse("remote_numbers"), {**fields, "numbers": many}, follow=True))
    assert Job.objects.count() == 2 and Node.objects.count() == 1


@pytest.mark.django_db
def test_a_list_needs_its_token_and_has_a_limit() -> None:
    from django.test import Client

    from pacsbrowser.access.models import User

    node = make_node("ONE", free_port())
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_user("u", password="x", role="uploader"))
    fields = {"node": node.pk, "kind": "patient", "numbers": "1"}
    assert strict.post(reverse("remote_numbers"), fields).status_code == 403
    large = io.BytesIO(b"1\n" * 600_000)
    large.name = "large.csv"
    answer = client_of("uploader").post(reverse("remote_numbers"), {**fields, "numbers": "", "file": large})
    assert answer.status_code in (302, 400) and not Job.objects.exists()


@pytest.mark.django_db
def test_a_list_that_is_no_table_says_where() -> None:
    fields = {"node": make_node("ONE", free_port()).pk, "kind": "accession", "numbers": 'A1\n"' + "x" * 200_000}
    page = text_of(client_of("uploader").post(reverse("remote_numbers"), fields, follow=True))
    assert "near line 2" in page and not Job.objects.exists()


def test_files_of_spreadsheets() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert decode("Ü1\n".encode(encoding)) == "Ü1\n"


@pytest.mark.parametrize(
    ("text", "kind", "numbers"),
    [
        ("A1\nA2", "accession", ["A1", "A2"]),
        ("a,b\n", "accession", ["a"]),
        ("Accession Number\tName\nA1\tx", "accession", ["A1"]),
        ('"ID";"ACC"\n"1";"A,1"', "accession", ["A,1"]),
        ("PatientID\n0012\n0013\n0012", "patient", ["0012", "0013"]),
        ("AccessionNumber\nA1", "patient", ["A1"]),
        ("", "patient", []),
        ('A1\n"A2', "accession", ["A1", "A2"]),
    ],
)
def test_reading_lists(text: str, kind: str, numbers: list[str]) -> None:
    assert read_numbers(text, kind) == (numbers, [])
