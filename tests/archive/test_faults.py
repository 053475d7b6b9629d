"""Faults by causing them: kill -9 and a full disk in the middle of ingest lose nothing that was acknowledged.

The number of kills is FAULT_KILLS (3 unless it says more); the README names the long run.
"""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.datasets import make_series
from tests.live import ROOT, LiveApp, wait_until

KILLS = int(os.environ.get("FAULT_KILLS", "3"))

# Takes files in, a group at a time, and prints the UIDs of a group once `ingest` has returned.
ACKNOWLEDGE = """
import sys, pathlib, django
django.setup()
from pacsbrowser.archive.ingest import ingest, open_delivery
from pacsbrowser.archive.receive import stage_path
from pacsbrowser.archive.sweep import sweep
sweep()
delivery = open_delivery("command", "fault")
files = sorted(pathlib.Path(sys.argv[1]).iterdir())
for start in range(0, len(files), 7):
    results = ingest([stage_path(path) for path in files[start:start + 7]], delivery)
    print(*(result.sop_instance_uid for result in results if result.is_kept), flush=True)
"""


@pytest.fixture
def stopped_app(tmp_path: Path) -> LiveApp:
    """A data folder with its tables; nothing runs on it."""
    app = LiveApp(tmp_path)
    app.manage("migrate", "--skip-checks", "-v0")
    return app


def write_series(folder: Path, count: int, study: int) -> Path:
    folder.mkdir()
    for number, file in enumerate(make_series(count, study=study)):
        (folder / f"{number:05}.dcm").write_bytes(file)
    return folder


def start_ingest(app: LiveApp, folder: Path) -> "subprocess.Popen[str]":
    environment = {**app.environment, "DJANGO_SETTINGS_MODULE": "pacsbrowser.settings"}
    return subprocess.Popen(
        [sys.executable, "-c", ACKNOWLEDGE, str(folder)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def stored_uids(app: LiveApp) -> set[str]:
    with contextlib.closing(sqlite3.connect(Path(app.environment["PACSBROWSER_DATA"]) / "index.sqlite3")) as database:
        return {row[0] for row in database.execute("SELECT sop_instance_uid FROM archive_instance")}


def test_kill_9_during_ingest_loses_nothing_acknowledged_and_leaves_no_odd_file(
    stopped_app: LiveApp, tmp_path: Path
) -> None:
    chance = random.Random(7)
    acknowledged: set[str] = set()
    for kill in range(1, KILLS + 1):
        process = start_ingest(stopped_app, write_series(tmp_path / f"s{kill}", 400, kill))
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(chance.randrange(1, 25)):
            acknowledged |= set(process.stdout.readline().split())
        time.sleep(chance.random() / 50)  # somewhere inside the next group
        os.killpg(process.pid, signal.SIGKILL)
        acknowledged |= set(process.stdout.read().split())
        process.wait()
        process.stdout.close()
        process.stderr.close()
    finished = start_ingest(stopped_app, write_series(tmp_path / "last", 20, 900))
    out, problems = finished.communicate(timeout=60)
    assert finished.returncode == 0, problems
    acknowledged |= set(out.split())
    assert len(acknowledged) > KILLS
    assert acknowledged <= stored_uids(stopped_app)
    assert "whole" in stopped_app.manage("check_archive").stdout
    incoming = Path(stopped_app.environment["PACSBROWSER_DATA"]) / "incoming"
    assert [path for folder in incoming.iterdir() for path in folder.iterdir() if path.name != "lock"] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MB, mounted where the user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_no_success_and_heals_without_a_restart(small_disk: Path, tmp_path: Path) -> None:
    app = LiveApp(small_disk)
    app.manage("migrate", "--skip-checks", "-v0")
    data = Path(app.environment["PACSBROWSER_DATA"])
    ballast = data / "ballast"
    filled = small_disk / "filled"
    ballast.write_bytes(b"x" * (2 << 20))
    with contextlib.suppress(OSError), filled.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 14))
    process = start_ingest(app, write_series(tmp_path / "files", 300, 1))
    ballast.unlink()
    out, problems = process.communicate(timeout=60)
    acknowledged = set(out.split())
    assert process.returncode != 0, "the disk did not fill"
    assert "No space left" in problems or "disk" in problems or "full" in problems
    filled.unlink()
    assert acknowledged <= stored_uids(app)
    assert "whole" in app.manage("check_archive").stdout
    again = start_ingest(app, tmp_path / "files")
    out, problems = again.communicate(timeout=60)
    assert again.returncode == 0, problems
    assert len(stored_uids(app)) == 300
    assert "whole" in app.manage("check_archive").stdout
    wait_until(lambda: not [path for path in data.glob("incoming/*/*") if path.name != "lock"], 5)
