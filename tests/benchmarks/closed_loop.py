"""Clients that keep one request in flight each, on connections that stay open; what they receive is not kept."""

import socket
import statistics
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `body`: pieces that are sent one after the other; `length`: their bytes. `items`: what it counts."""

    path: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()
    length: int = 0
    items: int = 1


@dataclass(slots=True)
class Loop:
    """What came of the requests: their seconds, the statuses, bytes received and items, and the time of all."""

    times: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    received: int = 0
    sent: int = 0
    items: int = 0
    wall: float = 0.0

    @property
    def median(self) -> float:
        """The median of a request in milliseconds."""
        return statistics.median(self.times) * 1000

    @property
    def slow(self) -> float:
        """The 95th percentile of a request in milliseconds."""
        return sorted(self.times)[min(len(self.times) - 1, int(len(self.times) * 0.95))] * 1000


class Connection:
    """HTTP/1.1 on one socket; written here because http.client takes longer than the server does."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._port, self._headers = port, headers
        self._socket: socket.socket | None = None
        self._buffer = memoryview(bytearray(_BUFFER))

    def ask(self, ask: Ask) -> tuple[int, int]:
        """Return the status and the length of the body."""
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=600)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [f"{ask.method} {ask.path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
        lines += [f"{name}: {value}" for name, value in {**self._headers, **ask.headers}.items()]
        if ask.method != "GET":
            lines.append(f"Content-Length: {ask.length}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        for piece in ask.body:
            self._socket.sendall(piece)
        return self._answer(self._socket)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _answer(self, link: socket.socket) -> tuple[int, int]:
        head, rest = _until(link, b"", b"\r\n\r\n")
        status, fields = int(head[9:12]), head.lower().split(b"\r\n")[1:]
        named = dict(line.split(b": ", 1) for line in fields if b": " in line)
        if status in (204, 304):
            length = 0
        elif b"content-length" in named:
            length = int(named[b"content-length"])
            self._skip(link, length - len(rest))
        else:
            length = self._chunks(link, rest)
        if named.get(b"connection") == b"close":
            self.close()
        return status, length

    def _skip(self, link: socket.socket, count: int) -> None:
        while count > 0:
            got = link.recv_into(self._buffer, min(count, _BUFFER))
            if not got:
                raise ConnectionError("the answer breaks off")
            count -= got

    def _chunks(self, link: socket.socket, rest: bytes) -> int:
        total = 0
        while True:
            line, rest = _until(link, rest, b"\r\n")
            size = int(line, 16)
            total += size
            needed = size + 2
            if len(rest) >= needed:
                rest = rest[needed:]
            else:
                self._skip(link, needed - len(rest))
                rest = b""
            if not size:
                return total


def _until(link: socket.socket, data: bytes, mark: bytes) -> tuple[bytes, bytes]:
    """Return what comes before a mark, and what was read after it."""
    while mark not in data:
        got = link.recv(65536)
        if not got:
            raise ConnectionError("the answer breaks off")
        data += got
    before, _, after = data.partition(mark)
    return before, after


def run(port: int, headers: dict[str, str], asks: Sequence[Ask] | Iterator[Ask], clients: int = 1) -> Loop:
    """Let the clients send all requests; each takes the next one when its last is answered."""
    waiting, guard, loop = iter(asks), threading.Lock(), Loop()
    errors: list[BaseException] = []

    def work() -> None:
        connection = Connection(port, headers)
        try:
            while True:
                with guard:
                    ask = next(waiting, None)
                if ask is None:
                    return
                begun = time.perf_counter()
                status, length = connection.ask(ask)
                took = time.perf_counter() - begun
                with guard:
                    loop.times.append(took)
                    loop.statuses[status] = loop.statuses.get(status, 0) + 1
                    loop.received += length
                    loop.sent += ask.length
                    loop.items += ask.items
        except (OSError, ValueError) as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loop.wall = time.perf_counter() - begun
    if errors:
        raise errors[0]
    return loop
