"""The fair lock between processes: whoever wants to write to one SQLite file takes it first.

SQLite's own waiting is a poll with growing sleeps, so a lone writer beside busy ones can wait for seconds. Two flock
files make a queue: a writer takes the queue lock, waits for the main lock, then lets the next one queue. A writer that
has just released cannot overtake whoever waits. The kernel frees the locks of a process that dies; one that merely
hangs (stopped by Ctrl-Z, or on a dead disk) is waited for no longer than SQLite itself would wait.
"""

import fcntl
import os
import threading
import weakref
from pathlib import Path

from django.db import OperationalError

# As long as SQLite's own `timeout` in the settings.
PATIENCE = 20.0


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class WriteLock:
    """One connection's pair of lock files beside the database; not shared between threads, like the connection.

    flock knows no time-out, and polling would give the fairness up: so where the lock is not free, a thread waits in
    its turn. One that was given up lets go of the lock when its turn comes, or is joined by the next `take`.
    """

    def __init__(self, database: Path, patience: float = PATIENCE) -> None:
        self.held = False
        self._patience = patience
        self._queue = os.open(f"{database}-queue", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._main = os.open(f"{database}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._guard = threading.Lock()
        self._turn = threading.Event()
        self._waits = self._wanted = self._closed = False
        # threads of a web server come and go without closing their connections
        self._finalizer = weakref.finalize(self, _close, self._queue, self._main)

    def take(self) -> None:
        """Wait in the queue, then hold the lock.

        Raises:
            OperationalError: it was not to be had in time, as SQLite says it of its own lock.
        """
        with self._guard:
            self._wanted = True
            if not self._waits:
                if self._take_at_once():
                    self.held = True
                    return
                self._turn.clear()
                self._waits = True
                threading.Thread(target=self._wait, name="write lock", daemon=True).start()
        try:
            self._turn.wait(self._patience)
        finally:
            with self._guard:
                self._wanted = False
                self.held = not self._waits
        if not self.held:
            raise OperationalError("database is locked: another process holds the write lock")

    def release(self) -> None:
        """Let the next writer in; nothing happens if it is not held."""
        if self.held:
            self.held = False
            fcntl.flock(self._main, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release and give the descriptors back, those of a thread that still waits when its turn comes."""
        self.release()
        with self._guard:
            self._closed = True
            if not self._waits:
                self._finalizer()

    def _take_at_once(self) -> bool:
        """Take the lock if nobody has it or waits for it; else perhaps be the next in the queue."""
        try:
            fcntl.flock(self._queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(self._main, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self._queue, fcntl.LOCK_UN)
        return True

    def _wait(self) -> None:
        fcntl.flock(self._queue, fcntl.LOCK_EX)
        fcntl.flock(self._main, fcntl.LOCK_EX)
        fcntl.flock(self._queue, fcntl.LOCK_UN)
        with self._guard:
            self._waits = False
            self._turn.set()
            if not self._wanted:
                fcntl.flock(self._main, fcntl.LOCK_UN)
            if self._closed:
                self._finalizer()
