"""Faults by causing them: a killed process, a full disk, many idle callers, callers that come and go.

The number of kills is FAULT_KILLS (2 unless it says more).
"""

import contextlib
import os
import random
import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.archive.test_faults import small_disk
from tests.datasets import ROOT, make_dataset, make_series
from tests.dimse.peers import CT, Archive, request_bytes, send
from tests.live import LiveApp, wait_until
from tests.test_start import named

EXPLICIT = "1.2.840.10008.1.2.1"
KILLS = int(os.environ.get("FAULT_KILLS", "2"))
ECHO = request_bytes("IDLE", [("1.2.840.10008.1.1", EXPLICIT)])
RELEASE = b"\5\0\0\0\0\4\0\0\0\0"
__all__ = ["small_disk"]


@contextlib.contextmanager
def dimse_alone(folder: Path) -> Iterator[tuple[LiveApp, Archive]]:
    """The DIMSE part of the product, alone."""
    app = LiveApp(folder, None, "--only", "dimse")
    app.answers = lambda: _listens(app)  # type: ignore[method-assign]
    with app:
        yield app, Archive(app.dimse_port)


def _listens(app: LiveApp) -> bool:
    assert app.process is not None
    assert app.process.poll() is None, app.said()
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", app.dimse_port), 5):
        return True
    return False


def stored_uids(app: LiveApp) -> set[str]:
    with contextlib.closing(sqlite3.connect(Path(app.environment["PACSBROWSER_DATA"]) / "index.sqlite3")) as database:
        return {row[0] for row in database.execute("SELECT sop_instance_uid FROM archive_instance")}


def recorded(app: LiveApp) -> int:
    """How often the audit log says that something was stored."""
    with contextlib.closing(sqlite3.connect(Path(app.environment["PACSBROWSER_DATA"]) / "index.sqlite3")) as database:
        count: int = database.execute("SELECT count(*) FROM audit_event WHERE action = 'upload'").fetchone()[0]
        return count


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
def test_kill_9_while_objects_come_in(tmp_path: Path) -> None:
    chance = random.Random(3)
    acknowledged: set[str] = set()
    with dimse_alone(tmp_path) as (app, archive):
        assert app.process is not None
        for kill in range(1, KILLS + 1):
            pid = wait_until(lambda: named(app.process.pid, "dimse"))[0]  # type: ignore[union-attr]
            doomed = threading.Timer(chance.random() / 20, os.kill, (pid, signal.SIGKILL))
            first = chance.randrange(3, 30)
            wait_until(lambda: _listens(app))
            with contextlib.suppress(AssertionError), archive.associate((CT, [EXPLICIT])) as link:
                for number, file in enumerate(make_series(400, study=kill), 1):
                    assert send(link, file) == 0
                    acknowledged.add(f"{ROOT}.{kill}.1.{number}")
                    if number == first:
                        doomed.start()
            doomed.join()
        wait_until(lambda: _listens(app))
        with archive.associate((CT, [EXPLICIT])) as link:
            assert send(link, make_dataset(SOPInstanceUID="1.2.3")) == 0
        assert len(acknowledged) > KILLS
        assert acknowledged | {"1.2.3"} <= stored_uids(app)
        incoming = Path(app.environment["PACSBROWSER_DATA"]) / "incoming"
        wait_until(lambda: not [path for path in incoming.glob("*/*") if path.name != "lock"])
        assert "whole" in app.manage("check_archive").stdout


@pytest.mark.skipif(not Path("/proc").is_dir() or os.cpu_count() == 1, reason="looks at processes through /proc")
def test_processes_share_the_port_and_one_that_hangs_keeps_nobody_waiting(tmp_path: Path) -> None:
    with dimse_alone(tmp_path) as (app, archive):
        assert app.process is not None
        top = app.process.pid
        both = wait_until(lambda: len(found := named(top, "dimse")) == 2 and found)
        for number, hanging in enumerate(both, 1):
            os.kill(hanging, signal.SIGSTOP)
            try:
                with archive.associate((CT, [EXPLICIT])) as link:
                    assert send(link, make_dataset(SOPInstanceUID=f"1.2.{number}")) == 0
                # what was stored is recorded then: the next to hang must not hold the lock of that
                wait_until(lambda: recorded(app) == number)  # noqa: B023 it is over in this turn
            finally:
                os.kill(hanging, signal.SIGCONT)
        assert stored_uids(app) == {"1.2.1", "1.2.2"}
        os.kill(both[0], signal.SIGTERM)
        # a call that it takes at this very moment ends with it
        wait_until(lambda: both[0] not in named(top, "dimse"))
        with archive.associate((CT, [EXPLICIT])) as link:
            assert send(link, make_dataset(SOPInstanceUID="1.2.3")) == 0
        wait_until(lambda: len(named(top, "dimse")) == 2)


def test_a_full_disk_is_told_and_heals(small_disk: Path) -> None:
    with dimse_alone(small_disk) as (app, archive):
        filled = small_disk / "filled"
        with archive.associate((CT, [EXPLICIT])) as link:
            assert send(link, make_dataset(SOPInstanceUID="1.2.1")) == 0
            with contextlib.suppress(OSError), filled.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(1 << 14))
            large = make_dataset(SOPInstanceUID="1.2.2", PixelData=bytes(80_000), Rows=200, Columns=200)
            assert send(link, large) == 0xA700
            filled.unlink()
            assert send(link, large) == 0
        assert stored_uids(app) == {"1.2.1", "1.2.2"}
        assert "whole" in app.manage("check_archive").stdout


def test_idle_associations_keep_nobody_waiting(archive: Archive) -> None:
    links = []
    try:
        for _ in range(60):
            link = socket.create_connection(("127.0.0.1", archive.port), timeout=20)
            links.append(link)
            link.sendall(ECHO)
            assert link.recv(4096)[:1] == b"\2"
        with archive.associate((CT, [EXPLICIT])) as sender:
            assert send(sender, make_dataset()) == 0
    finally:
        for link in links:
            link.close()


def test_callers_that_come_and_go_leave_nothing(archive: Archive) -> None:
    def come_and_go(count: int) -> None:
        for number in range(count):
            with socket.create_connection(("127.0.0.1", archive.port), timeout=20) as link:
                link.sendall(ECHO)
                assert link.recv(4096)[:1] == b"\2"
                if number % 2:
                    link.sendall(RELEASE)
                    assert link.recv(4096)[:1] == b"\6"

    alone = threading.active_count()
    come_and_go(4)
    wait_until(lambda: threading.active_count() <= alone)
    files = open_files()
    come_and_go(100)
    wait_until(lambda: threading.active_count() <= alone)
    # SQLite closes a file that is locked by another connection of the process later
    wait_until(lambda: open_files() <= files + 10)


def open_files() -> int:
    """Return how many descriptors this process has, 0 where that cannot be seen."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0
