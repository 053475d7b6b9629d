"""Group commit: what several threads ingest at the same time is written together, and fails together."""

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest import IngestResult, ingest, open_delivery
from pacsbrowser.archive.models import Delivery, Door, Instance, Outcome
from pacsbrowser.archive.receive import Staged, stage
from tests.datasets import ROOT, make_dataset, make_series

pytestmark = pytest.mark.django_db(transaction=True)


def _stage(data: bytes) -> Staged:
    return stage(io.BytesIO(data), "one.dcm")


def _in_threads(deliveries: list[Delivery], staged: list[Staged], waits: Callable[[], bool]) -> list[Any]:
    """Ingest each file in a thread of its own while the write lock is held until `waits` says so."""
    found: list[IngestResult | Exception | None] = [None] * len(staged)

    def one(place: int) -> None:
        try:
            found[place] = ingest([staged[place]], deliveries[place % len(deliveries)])[0]
        except Exception as error:
            found[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(place,)) for place in range(len(staged))]
    with transaction.atomic():
        for thread in threads:
            thread.start()
        pause = threading.Event()
        while not waits():
            pause.wait(0.01)
    for thread in threads:
        thread.join(30)
    return found


def _linked() -> bool:
    """Whether whoever writes has linked its file and so has taken along all it takes."""
    return any(storage.paths_on_their_way())


def test_what_comes_at_the_same_time_shares_transactions() -> None:
    deliveries = [open_delivery(Door.STOW, "one"), open_delivery(Door.STOW, "two")]
    staged = [_stage(data) for data in make_series(12)]
    found = _in_threads(deliveries, staged, _linked)
    assert [result.outcome for result in found] == [Outcome.STORED] * 12
    assert {result.sop_instance_uid for result in found} == {f"{ROOT}.1.1.{number}" for number in range(1, 13)}
    # the first wrote alone, and whoever came meanwhile was written in one or two transactions more
    assert Instance.objects.values("received").distinct().count() <= 4
    for delivery in deliveries:
        delivery.refresh_from_db()
        assert delivery.stored == 6
        assert delivery.delivery_studies.get().instance_count == 6
        assert delivery.instances.count() == 6


def test_each_gets_the_result_of_its_own_object() -> None:
    delivery = open_delivery(Door.STOW)
    same = make_dataset()
    staged = [_stage(same), _stage(same), _stage(make_dataset(PatientComments="other")), _stage(b"no DICOM at all")]
    found = _in_threads([delivery], staged, _linked)
    assert sorted(result.outcome for result in found[:3]) == ["already_here", "conflict", "stored"]
    assert found[3].outcome == Outcome.NOT_DICOM


def test_a_disk_that_fails_fails_everybody_and_nobody_after_it() -> None:
    delivery = open_delivery(Door.STOW)
    staged = [_stage(data) for data in make_series(6)]
    store = storage.store_folder()
    store.write_bytes(b"")
    found = _in_threads([delivery], staged, lambda: True)
    store.unlink()
    assert all(isinstance(one, OSError) for one in found)
    assert not Instance.objects.exists()
    again = ingest([_stage(make_dataset())], delivery)
    assert again[0].outcome == Outcome.STORED


def test_inside_a_transaction_nobody_is_waited_for() -> None:
    delivery = open_delivery(Door.STOW)
    with transaction.atomic():
        assert ingest([_stage(make_dataset())], delivery)[0].outcome == Outcome.STORED
