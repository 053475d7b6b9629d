"""The fair lock in front of every write to SQLite."""

import multiprocessing
import os
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from pacsbrowser.sqlite.base import DatabaseWrapper, keep_connections
from pacsbrowser.sqlite.lock import WriteLock
from tests.live import wait_until

SPAWN = multiprocessing.get_context("spawn")


def connect(path: Path) -> DatabaseWrapper:
    """A connection of its own, as another process would have."""
    from django.conf import settings
    from django.db import connections

    connections.databases.setdefault("made", {**settings.DATABASES["default"], "NAME": str(path)})
    connections.databases["made"]["NAME"] = str(path)
    return DatabaseWrapper(dict(connections.databases["made"], TEST={}, TIME_ZONE=None, AUTOCOMMIT=True), "made")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[DatabaseWrapper]:
    """An empty database in a file."""
    wrapper = connect(tmp_path / "one.sqlite3")
    wrapper.ensure_connection()
    with wrapper.cursor() as cursor:
        cursor.execute("CREATE TABLE line (id INTEGER PRIMARY KEY, text TEXT)")
    yield wrapper
    wrapper.close()


def begin(wrapper: DatabaseWrapper) -> None:
    """What `atomic` does at the outermost level."""
    wrapper._start_transaction_under_autocommit()


def held(wrapper: DatabaseWrapper) -> bool:
    lock = wrapper.write_lock()
    return lock is not None and lock.held


@pytest.fixture(autouse=True)
def _open_database(django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


def test_a_transaction_holds_the_lock_until_it_ends(database: DatabaseWrapper) -> None:
    begin(database)
    assert held(database)
    database._commit()
    assert not held(database)
    begin(database)
    database._rollback()
    assert not held(database)
    begin(database)
    database.close()
    assert database._write_lock is None


def test_reads_and_lone_writes(database: DatabaseWrapper) -> None:
    with database.cursor() as cursor:
        cursor.execute("SELECT * FROM line")
        assert not held(database)
        cursor.execute("INSERT INTO line (text) VALUES (%s)", ["a"])
        cursor.executemany("INSERT INTO line (text) VALUES (%s)", [["b"], ["c"]])
        assert not held(database)
        cursor.execute("SELECT count(*) FROM line")
        assert cursor.fetchone() == (3,)


@pytest.mark.parametrize(
    ("query", "writes"),
    [
        ("SELECT 'INSERT INTO x'", False),
        ("  insert into line values (1, 'a')", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", False),
        ("WITH a AS (SELECT 1) INSERT INTO line SELECT * FROM a", True),
        ("PRAGMA foreign_keys = ON", False),
        ("SAVEPOINT s", False),
        ("DELETE FROM line", True),
    ],
)
def test_what_counts_as_a_write(database: DatabaseWrapper, query: str, writes: bool) -> None:
    with database.lock_for(query):
        assert held(database) == writes


def test_a_failed_statement_gives_the_lock_back(database: DatabaseWrapper) -> None:
    with database.cursor() as cursor:
        for statement in ("INSERT INTO absent VALUES (1)", "UPDATE line SET absent = 1"):
            with pytest.raises(Exception, match="no such"):
                cursor.execute(statement)
            assert not held(database)


@pytest.fixture
def keeping() -> Iterator[None]:
    """Closed connections are kept, up to two."""
    keep_connections(2)
    yield
    keep_connections(0)


@pytest.mark.usefixtures("keeping")
def test_a_closed_connection_is_kept_for_whoever_opens_one(tmp_path: Path) -> None:
    first, second = (connect(tmp_path / "one.sqlite3") for _ in range(2))
    first.ensure_connection()
    second.ensure_connection()
    connections = [first.connection, second.connection]
    first.close()
    second.close()
    first.ensure_connection()
    # the last one used, whose pages are in memory
    assert first.connection is connections[1]
    second.ensure_connection()
    assert second.connection is connections[0]
    with second.cursor() as cursor:
        cursor.execute("CREATE TABLE line (id INTEGER)")


@pytest.mark.usefixtures("keeping")
def test_a_connection_in_doubt_is_not_kept(database: DatabaseWrapper) -> None:
    opened = database.connection
    begin(database)
    database.close()
    database.ensure_connection()
    assert database.connection is not opened
    opened = database.connection
    database.errors_occurred = True
    database.close()
    database.ensure_connection()
    assert database.connection is not opened


@pytest.mark.usefixtures("keeping")
def test_no_more_connections_are_kept_than_asked_for(tmp_path: Path) -> None:
    wrappers = [connect(tmp_path / "one.sqlite3") for _ in range(4)]
    for wrapper in wrappers:
        wrapper.ensure_connection()
    opened = [wrapper.connection for wrapper in wrappers]
    for wrapper in wrappers:
        wrapper.close()
        wrapper.ensure_connection()
        wrapper.close()
    for wrapper in wrappers:
        wrapper.ensure_connection()
    kept = [wrapper.connection for wrapper in wrappers if any(wrapper.connection is one for one in opened)]
    assert len(kept) == 2


def test_a_database_in_memory_has_no_lock(database: DatabaseWrapper) -> None:
    """No other process can see it."""
    in_memory = DatabaseWrapper(database.settings_dict | {"NAME": ":memory:"}, "memory")
    assert in_memory.write_lock() is None


def _busy(path: str, ready: Any, stop: Any) -> None:
    lock = WriteLock(Path(path))
    ready.set()
    while not stop.is_set():
        lock.take()
        time.sleep(0.005)
        lock.release()


def test_a_lone_writer_does_not_starve(tmp_path: Path) -> None:
    """Two processes take the lock again as soon as they have released it, 5 ms each time; a third waits its turn."""
    path, stop = tmp_path / "db", SPAWN.Event()
    events = [SPAWN.Event() for _ in range(2)]
    busy = [SPAWN.Process(target=_busy, args=(str(path), event, stop)) for event in events]
    for process in busy:
        process.start()
    try:
        for event in events:
            assert event.wait(30)
        lock, waits = WriteLock(path), []
        for _ in range(60):
            begun = time.monotonic()
            lock.take()
            waits.append(time.monotonic() - begun)
            lock.release()
        lock.close()
    finally:
        stop.set()
        for process in busy:
            process.join(10)
    assert statistics.quantiles(waits, n=20)[-1] < 1


def _hold(path: str, ready: Any) -> None:
    WriteLock(Path(path)).take()
    ready.set()
    time.sleep(60)


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    ready = SPAWN.Event()
    holder = SPAWN.Process(target=_hold, args=(str(tmp_path / "db"), ready))
    holder.start()
    assert ready.wait(30)
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join(10)
    lock = WriteLock(tmp_path / "db")
    begun = time.monotonic()
    lock.take()
    assert time.monotonic() - begun < 5
    lock.close()


def test_a_holder_that_hangs_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """A process that was stopped in the middle of a transaction (Ctrl-Z) must not stop all others for good."""
    holder, queued, late, closed = (WriteLock(tmp_path / "db", patience=0.2) for _ in range(4))
    holder.take()
    threads = threading.active_count()
    for lock in (queued, late, closed, queued, late):
        with pytest.raises(OperationalError, match="locked"):
            lock.take()
        assert not lock.held
    assert threading.active_count() == threads + 3
    closed.close()
    holder.release()
    wait_until(lambda: threading.active_count() == threads, 5)
    for lock in (late, queued, holder):
        lock.take()
        assert lock.held
        lock.close()


def test_a_turn_that_was_given_up_can_be_waited_for_again(tmp_path: Path) -> None:
    holder, late = WriteLock(tmp_path / "db"), WriteLock(tmp_path / "db", patience=0.2)
    holder.take()
    with pytest.raises(OperationalError, match="locked"):
        late.take()
    threading.Timer(0.1, holder.release).start()
    late._patience = 10
    late.take()
    assert late.held
    for lock in (late, holder):
        lock.close()


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    """Threads of the web server end without closing their connections."""
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        WriteLock(tmp_path / "db")
    wait_until(lambda: len(list(Path("/dev/fd").iterdir())) <= before + 1, 5)
