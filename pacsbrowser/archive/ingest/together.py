"""Group commit: threads that ingest at the same time share a transaction and its waiting for the disk.

Whoever comes while nobody writes writes at once, and alone. Whoever comes meanwhile waits and is taken along by the
next: of those who wait, the first leads and writes for all.
"""

import threading
from collections import deque
from collections.abc import Sequence

from django.db import connection

from pacsbrowser.archive.ingest.results import IngestResult
from pacsbrowser.archive.ingest.run import GROUP, Consigned, write_all
from pacsbrowser.archive.models import Delivery
from pacsbrowser.archive.receive import Staged

# Objects that a leader writes before it answers those who wait: some groups, so that nobody waits for long.
MOST = 4 * GROUP


def ingest(staged: Sequence[Staged], delivery: Delivery) -> list[IngestResult]:
    """Take staged files into the archive and say of each what became of it, in their order.

    When this returns, everything that a result calls kept is durable. One bad object is a result and does not take
    its neighbours along. May be called from any thread; what comes at the same time is written together.

    Raises:
        OSError: the disk is full or broken.
        OperationalError: the database cannot be written.
        In both cases nothing is acknowledged; groups that were written before are kept, and the same objects sent
        again are found to be here.
    """
    if not staged:
        return []
    request = _Request([Consigned(one, delivery) for one in staged])
    if connection.in_atomic_block:
        # whoever leads could wait for the lock that this transaction holds
        write_all(request.consigned)
    else:
        _queue.write(request)
    return request.results()


class _Request:
    """What one caller wants written. `turn` is set when it is done, or when the caller is to lead."""

    def __init__(self, consigned: list[Consigned]) -> None:
        self.consigned = consigned
        self.turn = threading.Event()
        self.leads = False
        self.error: BaseException | None = None

    def results(self) -> list[IngestResult]:
        """Return the results, all of which are there unless there was an error."""
        found = [one.result for one in self.consigned if one.result is not None]
        if len(found) < len(self.consigned):
            raise self.error or RuntimeError("a group was not written")
        return found


class _Queue:
    """Those who wait, in order. There is a leader whenever there is anybody."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[_Request] = deque()
        self._is_led = False

    def write(self, request: _Request) -> None:
        """Return when the request is written or has failed."""
        with self._guard:
            self._waiting.append(request)
            request.leads, self._is_led = not self._is_led, True
        if not request.leads:
            request.turn.wait()
        if request.leads:
            self._lead()

    def _lead(self) -> None:
        batch = self._take()
        try:
            write_all([one for request in batch for one in request.consigned])
        except Exception as error:
            for request in batch:
                request.error = _copy_of(error)
        finally:
            self._hand_over()
            for request in batch:
                request.leads = False
                request.turn.set()

    def _take(self) -> list[_Request]:
        """Take the first who waits, and as many more as are written in one go."""
        with self._guard:
            batch, count = [self._waiting.popleft()], 0
            while self._waiting:
                count += len(batch[-1].consigned)
                if count + len(self._waiting[0].consigned) > MOST:
                    break
                batch.append(self._waiting.popleft())
            return batch

    def _hand_over(self) -> None:
        with self._guard:
            self._is_led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].turn.set()


def _copy_of(error: Exception) -> Exception:
    """Return an error for one of several threads: raised in all of them, one object would collect their traces."""
    copy = type(error)(*error.args)
    copy.__cause__ = error
    return copy


_queue = _Queue()
