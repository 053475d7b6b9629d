"""`manage.py start`: ready in time, refuses what is unsafe, survives its children, leaves no orphan."""

import os
import re
import signal
import stat
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LiveApp, wait_until

LINUX = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[LiveApp]:
    """A product that is not started yet."""
    made = LiveApp(tmp_path)
    yield made
    made.stop()


def children(pid: int) -> list[int]:
    """All processes below one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found += [int(path.parent.name), *children(int(path.parent.name))]
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def named(pid: int, word: str) -> list[int]:
    return [child for child in children(pid) if word in command_of(child)]


def command_of(pid: int) -> str:
    """The command line of a process, nothing for one that has ended meanwhile."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return ""


def test_first_and_second_start(app: LiveApp) -> None:
    first = app.start()
    assert app.process is not None
    link = re.search(r"http://127\.0\.0\.1:\d+/setup/[\w-]+/", app.said())
    assert link, app.said()
    with urllib.request.urlopen(link[0]) as page:
        assert b"Create the administrator" in page.read()
    with urllib.request.urlopen(app.url + "/accounts/login/") as page:
        style = re.search(r"/static/css/pacsbrowser\.[0-9a-f]+\.css", page.read().decode())
    assert style
    with urllib.request.urlopen(app.url + style[0]) as sheet:
        assert "immutable" in sheet.headers["Cache-Control"]
    assert app.stop() == 0
    assert "Stopped." in app.said()
    second = app.start()
    sys.stdout.write(f"ready after {first:.1f} s, the second time after {second:.1f} s\n")


def test_what_is_written_is_private(app: LiveApp) -> None:
    app.start()
    data = Path(app.environment["PACSBROWSER_DATA"])
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "secret_key").stat().st_mode) == 0o600
    data.chmod(0o755)
    ours = [path for path in data.rglob("*") if "static" not in path.relative_to(data).parts]
    open_to_others = {path.name for path in ours if path.stat().st_mode & 0o077}
    assert not open_to_others


@LINUX
def test_a_killed_supervisor_leaves_no_orphan(app: LiveApp) -> None:
    app.start()
    assert app.process is not None
    below = wait_until(lambda: (found := children(app.process.pid)) and len(found) >= 3 and found)
    app.process.send_signal(signal.SIGKILL)
    app.process.wait(10)
    wait_until(lambda: not any(alive(pid) for pid in below), 10, "the end of every child")
    app.process = None
    app.start()


@LINUX
@pytest.mark.parametrize("part", ["pacsbrowser.management.web", "worker", "dimse"])
def test_a_killed_child_is_started_again(app: LiveApp, part: str) -> None:
    app.start()
    assert app.process is not None
    pid = app.process.pid
    before = wait_until(lambda: named(pid, part))
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(now := named(pid, part)) >= len(before) and before[0] not in now and app.answers(), 20)
    wait_until(lambda: not any(alive(old) for old in before if old not in named(pid, part)), 10)


@LINUX
def test_a_job_of_a_killed_worker_is_taken_over(app: LiveApp) -> None:
    app.start()
    assert app.process is not None
    pid = app.process.pid
    worker = wait_until(lambda: named(pid, "worker"))[0]
    make = (
        "import socket; from django.utils import timezone; from pacsbrowser.jobs.models import Job; "
        "Job.objects.create(name='absent', title='T', state='running', heartbeat=timezone.now(), attempts=3, "
        f"worker=f'{{socket.gethostname()}}:{worker}:aa')"
    )
    app.manage("shell", "-c", make)
    os.kill(worker, signal.SIGKILL)
    look = "from pacsbrowser.jobs.models import Job; print('state', Job.objects.get().state)"
    wait_until(lambda: "state failed" in app.manage("shell", "-c", look).stdout, 20, "the take-over")


def test_a_second_start_says_so(app: LiveApp) -> None:
    app.start()
    begun = time.monotonic()
    done = app.manage("start", "--bind", "127.0.0.1:1", check=False)
    assert done.returncode == 1 and "already running" in done.stderr
    assert time.monotonic() - begun < 30
    assert app.answers()


def test_a_taken_port_is_named(app: LiveApp, tmp_path: Path) -> None:
    app.start()
    other = LiveApp(tmp_path / "other")
    done = other.manage("start", "--bind", f"127.0.0.1:{app.port}", check=False)
    assert done.returncode == 1 and "Choose another with --bind" in done.stderr


def test_the_first_administrator_from_the_environment(tmp_path: Path) -> None:
    with LiveApp(tmp_path, PACSBROWSER_ADMIN="boss", PACSBROWSER_ADMIN_PASSWORD="correct horse battery") as app:
        assert "/setup/" not in app.said()
        look = "from pacsbrowser.access.models import User; u = User.objects.get(); print(u.username, u.role)"
        assert "boss administrator" in app.manage("shell", "-c", look).stdout


def refusal(tmp_path: Path, *arguments: str, **environment: str) -> str:
    app = LiveApp(tmp_path, **environment)
    done = app.manage("start", *arguments, check=False)
    assert done.returncode != 0
    said = done.stderr.strip()
    assert "Traceback" not in said or "ImproperlyConfigured" in said
    return said


def test_unsafe_settings_are_refused(tmp_path: Path) -> None:
    everywhere = ("--bind", "0.0.0.0:8000")
    assert "PACSBROWSER_HOSTS" in refusal(tmp_path, *everywhere)
    assert "PACSBROWSER_DEBUG" in refusal(
        tmp_path, *everywhere, PACSBROWSER_HOSTS="pacs.example.org", PACSBROWSER_DEBUG="1"
    )
    assert "PACSBROWSER_DEBUG" in refusal(tmp_path, PACSBROWSER_HOSTS="pacs.example.org", PACSBROWSER_DEBUG="1")
    assert "any name" in refusal(tmp_path, PACSBROWSER_HOSTS="*")
    assert "TLS proxy" in refusal(tmp_path, PACSBROWSER_HTTPS="1")
    assert "go together" in refusal(tmp_path, PACSBROWSER_ADMIN="boss")
    assert "only sqlite" in refusal(tmp_path, DATABASE_URL="mysql://somewhere/x")
    assert "--bind wants" in refusal(tmp_path, "--bind", "pacs:port")
    assert "--dimse-port wants" in refusal(tmp_path, "--dimse-port", "70000")
    assert "store, find, get, move" in refusal(tmp_path, PACSBROWSER_DIMSE_STRANGERS="everything")
    assert "PACSBROWSER_AE_TITLE" in refusal(tmp_path, PACSBROWSER_AE_TITLE="much too long a title")
    assert "PACSBROWSER_NODE_NETWORKS" in refusal(tmp_path, PACSBROWSER_NODE_NETWORKS="here")


def test_production_settings_pass_the_deployment_check(tmp_path: Path) -> None:
    production = {
        "PACSBROWSER_HTTPS": "1",
        "PACSBROWSER_TLS_HEADER": "X-Forwarded-Proto",
        "PACSBROWSER_HOSTS": "pacs.example.org",
    }
    done = LiveApp(tmp_path, **production).manage("check", "--deploy", "--fail-level", "WARNING")
    assert "no issues" in done.stdout + done.stderr
