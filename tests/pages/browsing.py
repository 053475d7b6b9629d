"""Helpers of the page tests: people of each role who are logged in, and the addresses of objects."""

from django.test import Client
from django.urls import reverse

from pacsbrowser.access.models import User
from pacsbrowser.archive.models import Instance, Series, Study
from tests.datasets import ROOT


def client_of(role: str = "viewer", institutions: str = "") -> Client:
    """Return a client that is logged in as a person of this role."""
    number = User.objects.count()
    person = User.objects.create_user(f"{role}{number}", password="x" * 12, role=role, institutions=institutions)
    client = Client()
    client.force_login(person)
    return client


def study_url(name: str = "study_detail", study: int = 1) -> str:
    """Return the address of a page of a made study."""
    return reverse(name, args=[f"{ROOT}.{study}"])


def series_url(name: str = "series_detail", study: int = 1, series: int = 1) -> str:
    """Return the address of a page of a made series."""
    return reverse(name, args=[f"{ROOT}.{study}", f"{ROOT}.{study}.{series}"])


def instance_url(name: str = "instance_detail", study: int = 1, series: int = 1, number: int = 1) -> str:
    """Return the address of a page of a made instance."""
    uid = f"{ROOT}.{study}.{series}"
    return reverse(name, args=[f"{ROOT}.{study}", uid, f"{uid}.{number}"])


def url_of(row: Study | Series | Instance, name: str = "") -> str:
    """Return the address of the page of any row."""
    if isinstance(row, Study):
        return reverse(name or "study_detail", args=[row.study_instance_uid])
    if isinstance(row, Series):
        return reverse(name or "series_detail", args=[row.study.study_instance_uid, row.series_instance_uid])
    series = row.series
    uids = [series.study.study_instance_uid, series.series_instance_uid, row.sop_instance_uid]
    return reverse(name or "instance_detail", args=uids)


def text_of(response: object) -> str:
    """Return the page as text, from a streamed answer too."""
    return body_of(response).decode()


def body_of(response: object) -> bytes:
    """Return the bytes of an answer, streamed or not."""
    streamed = getattr(response, "streaming", False)
    return b"".join(response.streaming_content) if streamed else response.content  # type: ignore[attr-defined]
