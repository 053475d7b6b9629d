"""Bodies of forms are waited for, but not for ever: a sender who stops must not keep a thread of the server.

Django reads a form before it knows who sends it, and granian's stream has no time-out: without this, a few hundred
connections of strangers that each send one byte of a form would leave no thread for anybody. The upload module's bodies
have their own deadline (archive.multipart).
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from pacsbrowser.archive.multipart import MultipartError
from pacsbrowser.archive.receive import Readable
from pacsbrowser.archive.timed_reader import TimedReader

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
PATIENCE = 30.0
# Forms that one process waits for at once; fewer than it has threads, so that pages are answered meanwhile.
MOST = 64
_slots = threading.BoundedSemaphore(MOST)

Application = Callable[..., Iterable[bytes]]


class FormBody:
    """A WSGI input that gives up on a slow sender; Django takes the OSError for a connection that broke off."""

    def __init__(self, source: Readable, patience: float = PATIENCE) -> None:
        self._source = source
        self._patience = patience
        self._reader: TimedReader | None = None
        self.gave_up = False

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end.

        Raises:
            TimeoutError: the sender is too slow, or too many are waited for.
        """
        parts: list[bytes] = []
        while size and (part := self._read_some(size)):
            parts.append(part)
            size = size - len(part) if size > 0 else size
        return b"".join(parts)

    def readline(self, size: int = -1, /) -> bytes:
        """Return the next line; Django demands the method and does not call it."""
        line = b""
        while len(line) != size and not line.endswith(b"\n") and (letter := self.read(1)):
            line += letter
        return line

    def _read_some(self, size: int) -> bytes:
        if self._reader is None:
            if not _slots.acquire(blocking=False):
                self.gave_up = True
                raise TimeoutError("too many forms are waited for")
            self._reader = TimedReader(self._source, self._patience)
        try:
            return self._reader.read(size)
        except MultipartError as problem:
            self.gave_up = True
            raise TimeoutError("the form came too slowly") from problem

    def close(self) -> None:
        """Let another form be waited for."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
            _slots.release()


class TimedForms:
    """The WSGI application with a deadline for the bodies of forms."""

    def __init__(self, application: Application, patience: float = PATIENCE) -> None:
        self._application = application
        self._patience = patience

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer; where the body was given up, the connection is closed with the answer."""
        if not environ.get("CONTENT_TYPE", "").lower().startswith(FORMS):
            return self._application(environ, start_response)
        body = environ["wsgi.input"] = FormBody(environ["wsgi.input"], self._patience)

        def start(status: str, headers: list[tuple[str, str]], *details: Any) -> Any:
            if body.gave_up:
                headers = [*headers, ("Connection", "close")]
            return start_response(status, headers, *details)

        try:
            return self._application(environ, start)
        finally:
            body.close()
