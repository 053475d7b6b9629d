"""Protocol data units on a socket (PS3.8 9.3): framed, buffered, and never waiting for a delayed acknowledgement.

Nagle's algorithm on one side and delayed acknowledgements on the other cost 40 ms a message. This side sends at once
(TCP_NODELAY) and acknowledges at once (TCP_QUICKACK, which Linux forgets and which is set again for each unit), so
peers that know nothing of it are fast too.
"""

import contextlib
import math
import select
import socket
import ssl
import time
from struct import Struct

from pacsbrowser.exchange.failures import Lost

_HEAD = Struct(">BxI")
_BUFFER = 64 * 1024
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
# A send may be in the way of a slow disk at the other end.
_SEND_WITHIN = 120.0
# Of a socket, no time at all would mean not to wait in another sense.
_SHORTEST_WAIT = 0.001


class Wire:
    """One connection. Not for several threads at once."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._buffer = memoryview(bytearray(_BUFFER))
        self._start = self._end = 0
        self._timeout = -1.0
        self._owes_acknowledgement = True
        self._is_readable = False
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def read_head(self, within: float, by: float = math.inf) -> tuple[int, int]:
        """Return type and length of the next unit; `by` as for `read`.

        Raises:
            TimeoutError: it has not begun `within` so many seconds.
            Lost: the connection ended.
        """
        if self._start == self._end and not self._is_readable and not self.wait(within):
            raise TimeoutError
        kind, length = _HEAD.unpack(self.read(_HEAD.size, within, by))
        if self._owes_acknowledgement:
            self._acknowledge()
        return int(kind), int(length)

    def _acknowledge(self) -> None:
        self._owes_acknowledgement = False
        if _QUICKACK is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def wait(self, within: float) -> bool:
        """Say whether something can be read, as soon as it can; with 0, whether it can now."""
        if self._start < self._end:
            return True
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        self._is_readable = bool(self._poll.poll(within * 1000))
        return self._is_readable

    def read(self, size: int, within: float, by: float = math.inf) -> bytes:
        """Return exactly `size` bytes; each wait for more of them may take `within` seconds.

        Args:
            by: when all of them have to be here, by `time.monotonic`.
        """
        here = self._end - self._start
        if here >= size:
            self._start += size
            return self._buffer[self._start - size : self._start].tobytes()
        self._set_timeout(within)
        data = bytearray(size)
        view = memoryview(data)
        view[:here] = self._buffer[self._start : self._end]
        self._start = self._end = 0
        while here < size:
            if by < math.inf:
                self._set_timeout(max(min(within, by - time.monotonic()), _SHORTEST_WAIT))
            if size - here >= _BUFFER:
                here += self._receive(view[here:])
                continue
            self._end = self._receive(self._buffer)
            self._start = min(self._end, size - here)
            view[here : here + self._start] = self._buffer[: self._start]
            here += self._start
        return bytes(data)

    def _receive(self, into: memoryview) -> int:
        self._is_readable = False
        try:
            count = self._socket.recv_into(into)
        except TimeoutError:
            raise Lost("The other side fell silent in the middle of a message.") from None
        except OSError as error:
            raise Lost(f"The connection broke: {error.strerror or type(error).__name__}.") from None
        if not count:
            raise Lost("The other side closed the connection.")
        self._owes_acknowledgement = True
        return count

    def _set_timeout(self, seconds: float) -> None:
        if seconds != self._timeout:
            self._socket.settimeout(seconds)
            self._timeout = seconds

    def write(self, data: bytes | bytearray) -> None:
        """Send everything, or raise Lost."""
        try:
            self._set_timeout(_SEND_WITHIN)
            self._socket.sendall(data)
        except OSError as error:
            raise Lost(f"The connection broke: {error.strerror or 'the other side takes nothing'}.") from None

    def close(self, linger: bool = False) -> None:
        """Close; with `linger`, let the other side do it first for a moment, so that it reads the last unit."""
        with contextlib.suppress(OSError):
            if linger:
                self._socket.settimeout(1.0)
                self._socket.shutdown(socket.SHUT_WR)
                while self._socket.recv(4096):
                    pass
        with contextlib.suppress(OSError):
            self._socket.close()

    def cut(self) -> None:
        """End the connection from another thread; whoever waits in it gets Lost."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
