"""A body read ahead by a thread, so that a sender who stops does not hold up the reader for ever."""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable

from pacsbrowser.archive.multipart import SlowBody
from pacsbrowser.archive.receive import Readable

# What a sender has to send within the patience; large, because each chunk is handed from thread to thread.
CHUNK = 1 << 19
# A body that is no longer is handed over in one piece, for which there is as much more time.
_ONE_PIECE = 2 * CHUNK


class TimedReader:
    """A stream with a time-out, which a WSGI server's body lacks: it blocks until what was asked for is there.

    A sender has to send CHUNK bytes within `patience` seconds (about 9 kB/s). When the reader gives up and the
    response closes the connection, the thread's read returns and the thread is free for another body.
    """

    def __init__(self, source: Readable, patience: float = 60.0, ahead: int = 2, length: int | None = None) -> None:
        """Begin to read ahead, at most `ahead` chunks; `length`: how many bytes come, where that was declared."""
        self._patience = patience
        self._source = source
        # None where nothing was declared: then only another read shows the end
        self._to_read = self._to_take = length
        self._piece = length if length and length <= _ONE_PIECE else CHUNK
        self._chunks: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()
        self._free: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(ahead):
            self._free.put(None)
        self._left = b""
        self._ended = False
        self._closed = False
        _run(self._read_ahead)

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes of the next chunk, b"" at the end.

        Raises:
            SlowBody: nothing came within the time.
        """
        if not self._left and not self._ended:
            self._left = self._next()
        if size < 0 or size >= len(self._left):
            data, self._left = self._left, b""
        else:
            data, self._left = self._left[:size], self._left[size:]
        return data

    def close(self) -> None:
        """Stop reading ahead, as soon as the read at hand returns, and keep nothing of what was read."""
        self._closed = self._ended = True
        self._left = b""
        self._free.put(None)
        with contextlib.suppress(queue.Empty):
            while True:
                self._chunks.get_nowait()

    def _next(self) -> bytes:
        try:
            chunk = self._chunks.get(timeout=self._patience * max(1.0, self._piece / CHUNK))
        except queue.Empty:
            self._ended = True
            raise SlowBody("The sender paused for too long.") from None
        self._free.put(None)
        self._ended = not isinstance(chunk, bytes) or not chunk
        if isinstance(chunk, BaseException):
            raise chunk
        if self._to_take is not None:
            self._to_take -= len(chunk)
            self._ended = self._ended or self._to_take <= 0
        return chunk

    def _read_ahead(self) -> None:
        """Fill the queue until the end, an error, or `close`."""
        while True:
            self._free.get()
            if self._closed:
                return
            try:
                chunk: bytes | BaseException = self._source.read(self._piece)
            except Exception as problem:  # handed to the reader, whatever it is
                chunk = problem
            self._chunks.put(chunk)
            if not chunk or isinstance(chunk, BaseException):
                return
            if self._to_read is not None:
                self._to_read -= len(chunk)
                if self._to_read <= 0:
                    return


class _Runner(threading.Thread):
    """A thread that reads bodies, one after the other: to start one costs more than to read a small body."""

    def __init__(self) -> None:
        super().__init__(name="body", daemon=True)
        self.work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def run(self) -> None:
        """Do what is put in, and be idle again after each."""
        while True:
            self.work.get()()
            _idle.append(self)


# As many as ever read at the same time.
_idle: deque[_Runner] = deque()


def _run(work: Callable[[], None]) -> None:
    try:
        runner = _idle.pop()
    except IndexError:
        runner = _Runner()
        runner.start()
    runner.work.put(work)
