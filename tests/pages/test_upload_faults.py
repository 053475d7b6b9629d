"""kill -9 of the web processes in the middle of uploads: nothing that was answered for is lost.

The number of kills is FAULT_KILLS (2 unless it says more); the README names the long run.
"""

import contextlib
import http.client
import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from tests.archive.test_faults import stored_uids
from tests.datasets import ROOT as UID_ROOT
from tests.datasets import make_series
from tests.live import LiveApp, wait_until
from tests.pages.uploading import BOUNDARY, body_of
from tests.test_start import named

KILLS = int(os.environ.get("FAULT_KILLS", "2"))
ADMINISTRATOR = {"PACSBROWSER_ADMIN": "root", "PACSBROWSER_ADMIN_PASSWORD": "correct horse battery"}
BATCH = 5


@pytest.fixture
def app(tmp_path: Path) -> Iterator[LiveApp]:
    with LiveApp(tmp_path, None, **ADMINISTRATOR) as running:
        yield running


class Uploader:
    """A client that sends batches until it is told to stop, and remembers which objects were answered as kept."""

    def __init__(self, app: LiveApp) -> None:
        self.app = app
        self.cookies: dict[str, str] = {}
        self.kept: set[str] = set()
        self.stop = threading.Event()
        self._log_in()
        self.where = json.loads(self._ask("POST", "/upload/begin/", b"{}", "application/json"))

    def _ask(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.app.port, timeout=20)
        with contextlib.closing(connection):
            connection.request(method, path, body, self._headers(kind))
            response = connection.getresponse()
            for value in response.headers.get_all("Set-Cookie") or ():
                self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(value).items()}
            return response.read()

    def _headers(self, kind: str) -> dict[str, str]:
        return {
            "Content-Type": kind,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "X-CSRFToken": self.cookies.get("csrftoken", ""),
            "Origin": self.app.url,
        }

    def _log_in(self) -> None:
        self._ask("GET", "/accounts/login/", None, "text/html")
        form = b"username=root&password=correct+horse+battery"
        self._ask("POST", "/accounts/login/", form, "application/x-www-form-urlencoded")

    def send_all(self, study: int) -> None:
        """Send a study batch by batch; a batch that gets no answer is not sent again."""
        files = make_series(2000, study=study)
        for start in range(0, len(files), BATCH):
            if self.stop.is_set():
                return
            batch = {f"{place}.dcm": files[place] for place in range(start, start + BATCH)}
            with contextlib.suppress(OSError, http.client.HTTPException, json.JSONDecodeError):
                answer = self._ask(
                    "POST", self.where["files"], body_of(batch), f"multipart/related; boundary={BOUNDARY}"
                )
                self._note(json.loads(answer), study, start)

    def _note(self, answer: dict[str, Any], study: int, start: int) -> None:
        for place, line in enumerate(answer["files"], start + 1):
            if line["outcome"] == "stored":
                self.kept.add(f"{UID_ROOT}.{study}.1.{place}")


def test_kill_9_of_the_web_processes_during_upload(app: LiveApp) -> None:
    chance = random.Random(3)
    kept: set[str] = set()
    for kill in range(1, KILLS + 1):
        uploader = Uploader(app)
        thread = threading.Thread(target=uploader.send_all, args=[kill])
        thread.start()
        enough = chance.randrange(BATCH, 20 * BATCH)
        wait_until(lambda enough=enough, uploader=uploader: len(uploader.kept) >= enough, 60, "uploads")
        assert app.process is not None
        for pid in named(app.process.pid, "pacsbrowser.management.web"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        uploader.stop.set()
        thread.join()
        kept |= uploader.kept
        wait_until(app.answers, 30, "the restarted web process")
    assert len(kept) >= KILLS * BATCH
    assert kept <= stored_uids(app)
    app.stop()
    app.start()
    assert "whole" in app.manage("check_archive").stdout
