"""The fair lock between processes: whoever wants to write to one SQLite file takes it first.

SQLite's own waiting is a poll with growing sleeps, so a lone writer beside busy ones can wait for seconds. Two flock
files make a queue: a writer takes the queue lock, waits for the main lock, then lets the next one queue. A writer that
has just released cannot overtake whoever waits. The kernel frees the locks of a process that dies.
"""

import fcntl
import os
import weakref
from pathlib import Path


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class WriteLock:
    """One connection's pair of lock files beside the database; not shared between threads, like the connection."""

    def __init__(self, database: Path) -> None:
        self.held = False
        self._queue = os.open(f"{database}-queue", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._main = os.open(f"{database}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # threads of a web server come and go without closing their connections
        self._finalizer = weakref.finalize(self, _close, self._queue, self._main)

    def take(self) -> None:
        """Wait in the queue, then hold the lock."""
        fcntl.flock(self._queue, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._main, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._queue, fcntl.LOCK_UN)
        self.held = True

    def release(self) -> None:
        """Let the next writer in; nothing happens if it is not held."""
        if self.held:
            self.held = False
            fcntl.flock(self._main, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release and give the descriptors back."""
        self.release()
        self._finalizer()
