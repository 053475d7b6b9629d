"""A sender who stops in the middle of a form gets an answer, and the thread is free again."""

import io
import os
import time
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client, RequestFactory
from django.urls import reverse

from pacsbrowser.access.models import User
from pacsbrowser.pages import form_bodies
from pacsbrowser.pages.form_bodies import FormBody, TimedForms

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery"


@pytest.fixture
def silent() -> Iterator[BinaryIO]:
    """A connection on which one byte came and no more."""
    end, other = os.pipe()
    os.write(other, b"u")
    with os.fdopen(end, "rb") as stream:
        yield stream
        os.close(other)


def ask(body: Any, length: int, token: str, kind: str = form_bodies.FORMS[0]) -> tuple[str, dict[str, str]]:
    """Send a form to the log-in page and return status and headers."""
    environ = RequestFactory()._base_environ(  # type: ignore[attr-defined]
        PATH_INFO=reverse("login"),
        REQUEST_METHOD="POST",
        CONTENT_TYPE=kind,
        CONTENT_LENGTH=str(length),
        HTTP_COOKIE=f"csrftoken={token}",
    )
    said: list[tuple[str, dict[str, str]]] = []
    application = TimedForms(WSGIHandler(), patience=0.2)
    list(application({**environ, "wsgi.input": body}, lambda status, headers, *_: said.append((status, dict(headers)))))
    return said[0]


@pytest.fixture
def token() -> str:
    browser = Client()
    browser.get(reverse("login"))
    return browser.cookies["csrftoken"].value


@pytest.mark.parametrize("kind", [form_bodies.FORMS[0], "multipart/form-data; boundary=x"])
def test_a_sender_who_stops_is_not_waited_for(silent: BinaryIO, token: str, kind: str) -> None:
    begun = time.monotonic()
    status, headers = ask(silent, 1000, token, kind)
    assert time.monotonic() - begun < 5
    assert status.startswith("403")
    assert headers["Connection"] == "close"


def test_a_whole_form_is_taken(token: str) -> None:
    User.objects.create_user("somebody", password=PASSWORD)
    form = f"csrfmiddlewaretoken={token}&username=somebody&password={PASSWORD.replace(' ', '+')}".encode()
    status, headers = ask(io.BytesIO(form), len(form), token)
    assert (status, headers["Location"]) == ("302 Found", "/")
    assert "Connection" not in headers


def test_only_so_many_are_waited_for_at_once(token: str) -> None:
    waiting = [FormBody(io.BytesIO(b"abc")) for _ in range(form_bodies.MOST)]
    assert {body.read(3) for body in waiting} == {b"abc"}
    status, _ = ask(io.BytesIO(b"a=b"), 3, token)
    assert status.startswith("403")
    for body in waiting:
        body.close()
    body = FormBody(io.BytesIO(b"one\ntwo"))
    assert body.readline() == b"one\n"
    body.close()
