"""The form of the upload page, as it works without JavaScript."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Delivery
from pacsbrowser.jobs.models import Job
from tests.datasets import make_dataset
from tests.pages.uploading import client, incoming_files, uploader, zip_of

__all__ = ["client", "uploader"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def form(client: Client) -> Iterator[Any]:
    """Sends the form without JavaScript."""

    def submit(files: dict[str, bytes]) -> Any:
        uploads = [io.BytesIO(data) for data in files.values()]
        for file, name in zip(uploads, files, strict=True):
            file.name = name
        token = client.cookies["csrftoken"].value
        return client.post(reverse("upload"), {"files": uploads, "csrfmiddlewaretoken": token})

    yield submit


def test_the_form_without_javascript(client: Client, form: Any) -> None:
    """Leads to the same report."""
    answer = form({"1.dcm": make_dataset(), "a.txt": b"text", "z.zip": zip_of({"2.dcm": b""}), "t.tgz": b"\x1f\x8b00"})
    assert answer.status_code == 302
    page = client.get(answer["Location"]).content.decode()
    assert "a.txt" in page and "t.tgz" in page
    delivery = Delivery.objects.get()
    assert (delivery.stored, delivery.not_dicom, delivery.rejected) == (1, 1, 1)
    assert Job.objects.count() == 1
    assert incoming_files() == []


def test_no_other_form_takes_files(client: Client) -> None:
    """Least of all one that strangers reach: nothing is written for them."""
    answer = Client().post(reverse("login"), {"username": "x", "files": io.BytesIO(bytes(3_000_000))})
    assert answer.status_code < 500
    assert not [path for path in storage.incoming_root().parent.rglob("*") if path.stat().st_size > 2_000_000]


def test_the_form_says_what_it_cannot_take(client: Client, form: Any) -> None:
    """No file, and more than 500."""
    assert form({}).status_code == 400
    answer = form({f"{number}.txt": b"" for number in range(501)})
    assert answer.status_code == 400
    assert b"500 files" in answer.content
    assert incoming_files() == []
