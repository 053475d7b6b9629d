"""Objects that one caller sends over several associations at the same moment are written together.

A transaction costs as much as two objects of one that is shared, and waits for the disk three times. Associations that
are in step (a router that empties its queue over four of them) are kept in step here: who is first waits for those
whose objects come, for some milliseconds at most, and for nobody else. One association alone never waits.
"""

import threading
import time
from typing import NamedTuple
from uuid import UUID

from pacsbrowser.archive.ingest import IngestResult, ingest
from pacsbrowser.archive.models import Delivery
from pacsbrowser.archive.receive import Staged

# Who was to send by then is slow, or has stopped: the others go on. A sender is back within one or two.
PATIENCE = 0.005
# As many as a transaction takes.
MOST = 50


class _Group:
    """What is written together: a result of each, or an error, when it `is_settled`."""

    def __init__(self) -> None:
        self.staged: list[Staged] = []
        self.results: list[IngestResult] = []
        self.error: Exception | None = None
        self.is_settled = threading.Event()


class _Coming(NamedTuple):
    """What a thread receives, or will in a moment: since when, and of which delivery."""

    since: float
    delivery: UUID


class Gathering:
    """The objects that a process receives, each thread one at a time. `patience`: how long one waits for others."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._condition = threading.Condition(threading.Lock())
        self._coming: dict[int, _Coming] = {}
        self._groups: dict[UUID, _Group] = {}

    def expect(self, delivery: Delivery) -> None:
        """Let others know that this thread receives an object, or is about to since it has just had one."""
        with self._condition:
            self._coming[threading.get_ident()] = _Coming(time.monotonic(), delivery.pk)

    def forget(self) -> None:
        """Let others know that there is nothing to wait for."""
        with self._condition:
            self._has_come()

    def write(self, staged: Staged, delivery: Delivery) -> IngestResult:
        """Take an object into the archive, along with those of the same delivery that come now.

        Raises:
            OSError, OperationalError: as `ingest` does; what was gathered has failed together.
        """
        with self._condition:
            group = self._groups.setdefault(delivery.pk, _Group())
            place = len(group.staged)
            group.staged.append(staged)
            if len(group.staged) == MOST:
                del self._groups[delivery.pk]
            self._has_come()
        if place:
            group.is_settled.wait()
        else:
            self._lead(group, delivery)
        if group.error is not None:
            # one object raised in all threads would collect their traces
            raise type(group.error)(*group.error.args) from group.error
        return group.results[place]

    def _has_come(self) -> None:
        if self._coming.pop(threading.get_ident(), None) and self._groups:
            self._condition.notify_all()

    def _lead(self, group: _Group, delivery: Delivery) -> None:
        try:
            self._gather(group, delivery.pk)
            group.results = ingest(group.staged, delivery)
        except Exception as error:
            group.error = error
        finally:
            group.is_settled.set()

    def _gather(self, group: _Group, key: UUID) -> None:
        """Wait for those who come, then let nobody else in."""
        begun = time.monotonic()
        with self._condition:
            while self._groups.get(key) is group and (left := self._wait_for(key, begun)) > 0:
                self._condition.wait(left)
            if self._groups.get(key) is group:
                del self._groups[key]

    def _wait_for(self, key: UUID, begun: float) -> float:
        """Return how many seconds are left for others; a leader gives nobody more time than itself."""
        latest = max((one.since for one in self._coming.values() if one.delivery == key), default=0.0)
        return min(begun, latest) + self._patience - time.monotonic()


gathering = Gathering()
