"""Clients that send slowly, or stop sending, keep nobody else from being answered."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from tests.datasets import make_dataset
from tests.dicomweb.tools import BASE, RELATED, related
from tests.live import LiveApp

SLOW = 40


@pytest.fixture
def headers(live_app: LiveApp) -> dict[str, str]:
    """A token of an uploader."""
    user = live_app.user("uploader")
    secret = live_app.manage("create_token", user.username, "--scope", "read,store").stdout.split()[-1]
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def slow(live_app: LiveApp, headers: dict[str, str]) -> Iterator[None]:
    """Stores whose bodies have begun and do not go on."""
    body = related([make_dataset()])
    fields = {**headers, "Host": f"127.0.0.1:{live_app.port}", "Content-Type": RELATED, "Content-Length": len(body)}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with ExitStack() as opened:
        links = [
            opened.enter_context(socket.create_connection(("127.0.0.1", live_app.port), timeout=30))
            for _ in range(SLOW)
        ]
        for link in links:
            link.sendall(f"POST {BASE}/studies HTTP/1.1\r\n{head}\r\n".encode() + body[:200])
        yield


@pytest.mark.usefixtures("slow")
def test_others_are_answered_while_many_bodies_come_slowly(live_app: LiveApp, headers: dict[str, str]) -> None:
    with requests.Session() as session:
        times = []
        for _ in range(20):
            begun = time.monotonic()
            found = session.get(f"{live_app.url}{BASE}/studies?limit=5", headers=headers, timeout=20)
            times.append(time.monotonic() - begun)
            assert found.status_code == 200
    # by far less than the time that a body is waited for
    assert sorted(times)[10] < 2
