"""What was stored is in the audit log, also where the log could not be written for a while."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, connections

from pacsbrowser.archive.models import Instance
from pacsbrowser.audit.models import Action, Event
from pacsbrowser.dimse import server, service, stored
from pacsbrowser.exchange.commands import Command
from pacsbrowser.management.binding import Binding, listening
from tests.datasets import ROOT, make_dataset, make_series
from tests.dimse.peers import CT, Archive, data_set_of, request_bytes, send
from tests.dimse.test_hostile import fragment
from tests.live import wait_until

EXPLICIT = "1.2.840.10008.1.2.1"


@contextmanager
def log_refuses_writes() -> Iterator[None]:
    """Let the database refuse events of uploads, as it refuses everything on a full disk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER full BEFORE INSERT ON audit_event WHEN NEW.action = 'upload' "
            "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER full")


def recorded() -> dict[str, int]:
    """Return how many instances of each study the log says were stored."""
    counts: dict[str, int] = {}
    for event in Event.objects.filter(action=Action.UPLOAD):
        assert event.who == "TESTER" and event.patient and event.object
        counts[event.study] = counts.get(event.study, 0) + event.detail["instances"]
    return counts


def test_counts_wait_until_the_log_can_be_written(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "_QUIET", 0.1)
    files = [*make_series(3), *make_series(2, study=2)]
    with archive.associate((CT, [EXPLICIT])) as link:
        with log_refuses_writes():
            assert {send(link, file) for file in files} == {0}
            wait_until(lambda: "could not be recorded" in caplog.text)
        assert send(link, make_dataset(SOPInstanceUID=f"{ROOT}.9", StudyInstanceUID=f"{ROOT}.9")) == 0
        wait_until(lambda: recorded() == {f"{ROOT}.1": 3, f"{ROOT}.2": 2, f"{ROOT}.9": 1})


def test_what_an_association_owes_at_its_end_is_recorded_by_the_next(archive: Archive) -> None:
    with log_refuses_writes():
        with archive.associate((CT, [EXPLICIT])) as link:
            assert send(link, make_dataset()) == 0
        wait_until(lambda: stored._owed)
    assert not recorded()
    with archive.associate():
        pass
    wait_until(lambda: list(recorded().values()) == [1])
    assert not stored._owed


def test_a_caller_that_never_pauses_is_recorded(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_RECORD_EVERY", 0.0)
    with archive.associate((CT, [EXPLICIT])) as link:
        for file in make_series(3):
            assert send(link, file) == 0
        assert sum(recorded().values()) >= 1


def test_after_a_failure_no_other_debt_is_tried_and_a_caller_pays_few(
    archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    with log_refuses_writes():
        for number in range(5):
            with archive.associate((CT, [EXPLICIT])) as link:
                assert send(link, make_dataset(SOPInstanceUID=f"{ROOT}.9.{number}")) == 0
            wait_until(lambda count=number + 1: len(stored._owed) == count)  # type: ignore[misc]
        caplog.clear()
        stored.settle(None, is_over=True)
        assert caplog.text.count("could not be recorded") == 1 and len(stored._owed) == 5
    stored.settle(None, is_over=True)
    assert len(stored._owed) == 5 - stored.MOST_DEBTS
    stored.settle(None, is_over=True, most=None)
    assert not stored._owed and recorded() == {f"{ROOT}.1": 5}


def test_what_a_caller_has_stored_that_is_cut_off_at_the_end_is_recorded(
    transactional_db: object, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DIMSE_STRANGERS = frozenset(("store",))
    monkeypatch.setattr(server, "_STOP_WITHIN", 0.0)
    door = server.Server(listening(Binding("127.0.0.1", 0)))
    thread = threading.Thread(target=door.run)
    thread.start()
    head = Command.of({0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0800: 0, 0x1000: f"{ROOT}.1.1.1"}).encode()
    data = data_set_of(make_dataset())
    with socket.create_connection(("127.0.0.1", door.port), timeout=20) as link:
        link.sendall(request_bytes("TESTER", [(CT, EXPLICIT)]))
        link.sendall(fragment(1, 3, head) + fragment(1, 2, data) + fragment(1, 3, head) + fragment(1, 0, data[:300]))
        wait_until(lambda: Instance.objects.exists() and any(one and one.is_busy for one in door._open.values()))
        door.stop()
        thread.join(20)
        assert recorded() == {f"{ROOT}.1": 1} and not door._open
    connections.close_all()
