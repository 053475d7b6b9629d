"""Uploading as the module of the page does it, for tests: who does it, bodies, batches, questions."""

import io
import zipfile
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse

from pacsbrowser.access.models import Role, User
from pacsbrowser.archive import storage

BOUNDARY = "frontier-of-the-test"


@pytest.fixture
def uploader() -> User:
    """A user who may upload."""
    return User.objects.create_user("uma", password="a long password", role=Role.UPLOADER)


@pytest.fixture
def client(uploader: User) -> Client:
    """The uploader's browser, which checks CSRF tokens as a real server does."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(uploader)
    browser.get(reverse("upload"))
    return browser


def csrf(client: Client) -> dict[str, str]:
    """The header that the module sends."""
    return {"X-CSRFToken": client.cookies["csrftoken"].value}


def body_of(files: dict[str, bytes], modified: str = "1") -> bytes:
    """The body of a batch, as the module makes it."""
    body = b""
    for path, data in files.items():
        head = f"Content-Location: {quote(path)}\r\nContent-Length: {len(data)}\r\nX-Modified: {modified}\r\n"
        body += f"\r\n--{BOUNDARY}\r\n{head}\r\n".encode() + data
    return body + f"\r\n--{BOUNDARY}--".encode()


def begin(client: Client, label: str = "test") -> dict[str, str]:
    """Open a delivery."""
    answer = client.post(
        reverse("upload_begin"), {"label": label}, content_type="application/json", headers=csrf(client)
    )
    assert answer.status_code == 201
    found: dict[str, str] = answer.json()
    return found


def post(client: Client, where: dict[str, str], body: bytes) -> Any:
    """Send a body."""
    return client.post(
        where["files"], body, content_type=f"multipart/related; boundary={BOUNDARY}", headers=csrf(client)
    )


def send(client: Client, where: dict[str, str], files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Send a batch and return its lines."""
    answer = post(client, where, body_of(files))
    assert answer.status_code == 200, answer.content
    lines: list[dict[str, Any]] = answer.json()["files"]
    return lines


def ask(client: Client, where: dict[str, str], files: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """Ask what is known."""
    answer = client.post(where["known"], {"files": files}, content_type="application/json", headers=csrf(client))
    assert answer.status_code == 200
    lines: list[dict[str, Any] | None] = answer.json()["files"]
    return lines


def incoming_files() -> list[str]:
    """What lies in the incoming folders."""
    return [path.name for path in storage.incoming_root().rglob("*") if path.is_file() and path.name != "lock"]


def zip_of(members: dict[str, bytes]) -> bytes:
    """A zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()
