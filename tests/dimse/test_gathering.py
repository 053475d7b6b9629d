"""What one caller sends over several associations is written together; nobody waits for who does not come."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest import IngestResult, open_delivery
from pacsbrowser.archive.models import Delivery, Door, Instance, Outcome
from pacsbrowser.archive.receive import stage
from pacsbrowser.dimse import server
from pacsbrowser.dimse.gathering import Gathering
from pacsbrowser.dimse.server import Server
from pacsbrowser.management.binding import Binding, listening
from tests.datasets import make_series
from tests.dimse.peers import CT, Archive
from tests.live import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
# Longer than any test may last: whoever waits for somebody in vain is noticed.
FOR_EVER = 3600.0


class Sender:
    """An association's thread, which does one thing after the other."""

    def __init__(self, gathering: Gathering, delivery: Delivery) -> None:
        self._gathering, self._delivery = gathering, delivery
        self._pool = ThreadPoolExecutor(1)

    def expect(self) -> None:
        """It receives an object."""
        self._pool.submit(self._gathering.expect, self._delivery).result(20)

    def forget(self) -> None:
        """It is over."""
        self._pool.submit(self._gathering.forget).result(20)

    def write(self, data: bytes) -> "Future[IngestResult]":
        """It has received one."""
        return self._pool.submit(lambda: self._gathering.write(stage(io.BytesIO(data), "one.dcm"), self._delivery))

    def end(self) -> None:
        """Let the thread end."""
        self._pool.submit(connection.close)
        self._pool.shutdown()


@contextmanager
def senders(patience: float, *deliveries: Delivery) -> Iterator[list[Sender]]:
    """Several that share one gathering."""
    gathering = Gathering(patience)
    found = [Sender(gathering, delivery) for delivery in deliveries]
    try:
        yield found
    finally:
        for one in found:
            one.forget()
            one.end()


@pytest.fixture
def delivery() -> Delivery:
    """What one caller sends."""
    return open_delivery(Door.DIMSE, "ROUTER")


def transactions() -> int:
    """In how many transactions what is here was written."""
    return Instance.objects.values("received").distinct().count()


def test_who_is_first_waits_for_those_who_come(delivery: Delivery) -> None:
    with senders(FOR_EVER, delivery, delivery, delivery) as three:
        for one in three:
            one.expect()
        written = [one.write(data) for one, data in zip(three, make_series(3), strict=True)]
        assert [one.result(20).outcome for one in written] == [Outcome.STORED] * 3
    assert (Instance.objects.count(), transactions()) == (3, 1)


def test_one_alone_waits_for_nobody(delivery: Delivery) -> None:
    with senders(FOR_EVER, delivery) as (alone,):
        for data in make_series(3):
            alone.expect()
            assert alone.write(data).result(20).outcome == Outcome.STORED
    assert transactions() == 3


def test_nobody_waits_for_another_caller(delivery: Delivery) -> None:
    with senders(FOR_EVER, delivery, open_delivery(Door.DIMSE, "SCANNER")) as (one, other):
        other.expect()
        assert one.write(next(iter(make_series(1)))).result(20).outcome == Outcome.STORED


def test_whose_association_ends_is_not_waited_for(delivery: Delivery) -> None:
    with senders(FOR_EVER, delivery, delivery) as (one, other):
        other.expect()
        written = one.write(next(iter(make_series(1))))
        assert not written.done()
        other.forget()
        assert written.result(20).outcome == Outcome.STORED


def test_who_is_slow_is_waited_for_a_moment(delivery: Delivery) -> None:
    with senders(0.02, delivery, delivery) as (one, slow):
        slow.expect()
        for data in make_series(2):
            assert one.write(data).result(20).outcome == Outcome.STORED
    assert transactions() == 2


def test_what_is_gathered_fails_together(delivery: Delivery, settings: Any, tmp_path: Path) -> None:
    settings.PACSBROWSER_DATA = tmp_path
    # nothing can be written below what is no folder
    storage.store_folder().write_bytes(b"")
    with senders(FOR_EVER, delivery, delivery) as two:
        for one in two:
            one.expect()
        written = [one.write(data) for one, data in zip(two, make_series(2), strict=True)]
        errors = [one.exception(20) for one in written]
        assert all(isinstance(error, OSError) for error in errors), errors
        assert errors[0] is not errors[1]
    assert not Instance.objects.exists()


def test_more_than_a_transaction_takes_are_written_in_two(delivery: Delivery) -> None:
    with senders(FOR_EVER, *[delivery] * 51) as many:
        for one in many:
            one.expect()
        *most, last = [one.write(data) for one, data in zip(many, make_series(51), strict=True)]
        wait_until(lambda: sum(one.done() for one in [*most, last]) >= 50)
        many[0].forget()
        assert [one.result(20).outcome for one in [*most, last]] == [Outcome.STORED] * 51
    assert transactions() == 2


def test_the_first_of_several_processes_takes_the_calls(
    transactional_db: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_HESITATION", FOR_EVER)
    settings.DIMSE_STRANGERS = frozenset(("store",))
    listener = listening(Binding("127.0.0.1", 0))
    both = [Server(listener.dup(), 2, place) for place in (1, 0)]
    listener.close()
    threads = [threading.Thread(target=one.run) for one in both]
    for thread in threads:
        thread.start()
    try:
        with ExitStack() as open_links:
            for _ in range(5):
                link = open_links.enter_context(Archive(both[0].port).associate((CT, ["1.2.840.10008.1.2.1"])))
                assert link.is_established
    finally:
        for one, thread in zip(both, threads, strict=True):
            one.stop()
            thread.join(20)
            assert not thread.is_alive()
            # a signal may come twice
            one.stop()
