"""The product as it is started by a person, for tests that need the whole of it."""

import itertools
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connections

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Person:
    """Who logs in."""

    username: str
    password: str
    role: str
    pk: int


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(true: Any, seconds: float = 15.0, what: str = "it") -> Any:
    """Look again and again until something is true; fail loudly if it never is."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true within {seconds} s")
        time.sleep(0.05)
    return value


class LiveApp:
    """`manage.py start` on a data folder of its own."""

    def __init__(self, folder: Path, blocker: Any = None, *arguments: str, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.dimse_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # the alias under which tests reach its rows; one each, as several may run in a test process
        self.database = f"live-{self.port}"
        self.output = folder / "start.log"
        self._arguments = arguments
        self._blocker = blocker
        self._numbers = itertools.count(1)
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PACSBROWSER_")
            and name not in {"DJANGO_SETTINGS_MODULE", "DATABASE_URL", "DJANGO_ALLOW_ASYNC_UNSAFE"}
        }
        self.environment = {**clean, "PACSBROWSER_DATA": str(folder / "data"), **environment}
        self.process: subprocess.Popen[bytes] | None = None

    # -------------------------------------------------------------- running

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def start(self, ready_within: float = 60.0) -> float:
        """Start and wait until it answers; returns how long that took."""
        begun = time.monotonic()
        command = [sys.executable, "manage.py", "start", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--dimse-port", str(self.dimse_port), *self._arguments]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        wait_until(self.answers, ready_within, f"the product ({self.said()})")
        return time.monotonic() - begun

    def answers(self) -> bool:
        """True if /healthz says ready."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the product ended by itself: {self.said()}")
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> int:
        """Ctrl-C; returns the exit status."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.send_signal(signal.SIGINT)
        return process.wait(20)

    def said(self) -> str:
        """What it has printed."""
        return self.output.read_text(errors="replace")[-3000:] if self.output.exists() else ""

    # -------------------------------------------------------------- using

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of manage.py on the same data folder."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300)
        if check and done.returncode:
            raise AssertionError(f"manage.py {' '.join(arguments)} failed: {done.stdout}{done.stderr}")
        return done

    def ingest(self, *paths: Path | str) -> None:
        """Put files, folders or zips into the archive, the way an administrator does."""
        self.manage("ingest", *map(str, paths))

    def user(self, role: str = "viewer", **fields: Any) -> Person:
        """Make a person of a role, with a name of their own."""
        from django.conf import settings

        from pacsbrowser.access.models import User

        if self.database not in connections.databases:
            name = Path(self.environment["PACSBROWSER_DATA"]) / "index.sqlite3"
            connections.databases[self.database] = {**settings.DATABASES["default"], "NAME": name, "CONN_MAX_AGE": 0}
        username = f"{role}{next(self._numbers)}-{secrets.token_hex(2)}"
        with self._blocker.unblock():
            try:
                people = User.objects.db_manager(self.database)
                person = people.create_user(username, role=role, **fields)
                # as the product hashes, not as the tests do
                hasher = Argon2PasswordHasher()
                person.password = hasher.encode(PASSWORD, hasher.salt())
                person.save()
            finally:
                connections[self.database].close()
        return Person(username, PASSWORD, role, person.pk)
