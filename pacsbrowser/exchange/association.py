"""An open association (PS3.8): messages go out and come in over it, data sets as streams that nobody holds whole.

pynetdicom writes and reads what opens an association. What follows is done here, in the thread that has it: pynetdicom
keeps two threads an association that wake up every millisecond, so that 60 idle ones take a whole core, and its state
machine costs 1.7 ms of CPU an object before any work.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from struct import Struct

from pacsbrowser.exchange.commands import DATA_SET_TYPE, BadCommand, Command
from pacsbrowser.exchange.failures import Lost
from pacsbrowser.exchange.wire import Wire

P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = 4, 5, 6, 7
_FRAGMENT = Struct(">IBB")
_UNIT = Struct(">BxI")
_COMMAND, _LAST = 1, 2
_MOST_COMMAND = 64 * 1024
# What a peer without a limit of its own is sent at once.
_UNLIMITED = 256 * 1024
MOST_DATA = 16 * 1024 * 1024
# Reason/Diag. of an abort by the provider (PS3.8 Table 9-26).
UNEXPECTED, INVALID = 2, 6


class Released(Exception):
    """The other side has ended the association in good order."""


@dataclass(frozen=True, slots=True)
class Context:
    """An accepted presentation context. `peer_stores`: the other side takes objects in it (PS3.7 D.3.3.4)."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str
    peer_stores: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A command that came, and the context it came in. Its data set, if it has one, is read from the association."""

    context: Context
    command: Command


class Association:
    """One association, open. `most` is the longest unit that the other side may send, `peer_most` what it takes."""

    def __init__(
        self, wire: Wire, contexts: Mapping[int, Context], most: int, peer_most: int, patience: float = 60.0
    ) -> None:
        self.contexts = contexts
        self.patience = patience
        self._wire = wire
        self._most = most
        self._peer_most = peer_most or _UNLIMITED
        self._unit_left = 0
        self._piece: tuple[int, int, int] = (0, 0, 0)  # context, flags, bytes that are not yet read
        self._data: DataStream | None = None

    # ------------------------------------------------------------------ coming in

    def wait(self, seconds: float) -> bool:
        """Say whether something comes within so many seconds."""
        return bool(self._unit_left) or self._wire.wait(seconds)

    def receive(self, within: float) -> Message:
        """Return the next command.

        Raises:
            Released: there is none; the release has been answered.
            TimeoutError: nothing came `within` so many seconds.
            Lost: aborted, cut, or against the protocol (the other side has been told).
        """
        if self._data is not None:
            self._data.drain()
        parts, size, context_id = [], 0, -1
        while True:
            self._next_piece(within)
            here, flags, length = self._piece
            if not flags & _COMMAND or context_id not in (-1, here) or here not in self.contexts:
                raise self._refuse("A fragment came out of its turn.")
            context_id, size = here, size + length
            if size > _MOST_COMMAND:
                raise self._refuse("A command set is too long.")
            parts.append(self._read_piece(length))
            if flags & _LAST:
                break
            within = self.patience
        try:
            command = Command.parse(b"".join(parts))
        except BadCommand as error:
            raise self._refuse(str(error)) from None
        self._data = DataStream(self, context_id) if command.has_data else None
        return Message(self.contexts[context_id], command)

    def data(self) -> "DataStream":
        """Return the data set of the command that came last."""
        if self._data is None:
            raise self._refuse("A command comes without the data set that it needs.")
        return self._data

    def read_data(self, most: int = MOST_DATA) -> bytes:
        """Return the whole data set of the command that came last, or b"" where it has none; Lost if it is too long."""
        if self._data is None:
            return b""
        parts, size = [], 0
        while part := self._data.read(_UNLIMITED):
            parts.append(part)
            size += len(part)
            if size > most:
                raise self._refuse("A data set of a query is too long.")
        return b"".join(parts)

    def _next_piece(self, within: float) -> None:
        """Go to the next fragment (PS3.8 9.3.5.1)."""
        while not self._unit_left:
            self._next_unit(within)
        length, context_id, flags = _FRAGMENT.unpack(self._wire.read(_FRAGMENT.size, self.patience))
        self._unit_left -= _FRAGMENT.size
        if length < 2 or length - 2 > self._unit_left:
            raise self._refuse("The lengths of a message contradict each other.")
        self._piece = (context_id, flags, length - 2)

    def _next_unit(self, within: float) -> None:
        kind, length = self._wire.read_head(within)
        if kind == P_DATA:
            if not _FRAGMENT.size <= length <= self._most:
                raise self._refuse("A unit is longer than agreed.")
            self._unit_left = length
        elif kind == RELEASE_RQ and length == 4:
            self._wire.read(length, self.patience)
            self._wire.write(_UNIT.pack(RELEASE_RP, 4) + bytes(4))
            self._wire.close(linger=True)
            raise Released
        elif kind == ABORT:
            raise Lost("The other side aborted the association.")
        else:
            raise self._refuse("A unit came that has no place here.", UNEXPECTED)

    def _read_piece(self, size: int) -> bytes:
        """Read up to `size` bytes of the fragment."""
        context_id, flags, left = self._piece
        size = min(size, left)
        data = self._wire.read(size, self.patience)
        self._unit_left -= size
        self._piece = (context_id, flags, left - size)
        # what is left of a unit has to have room for another fragment, or the next read would take other bytes for one
        if size == left and 0 < self._unit_left < _FRAGMENT.size:
            raise self._refuse("The lengths of a message contradict each other.")
        return data

    # ------------------------------------------------------------------ going out

    def send(self, context: Context, command: Command, data: Iterable[bytes] | None = None) -> None:
        """Send a command, and its data set if there is one, in units that the other side can take; raises Lost."""
        if data is not None:
            command.values[DATA_SET_TYPE] = b"\0\0"
        encoded = command.encode()
        if data is None and len(encoded) + _FRAGMENT.size <= self._peer_most:
            self._wire.write(_unit(context, _COMMAND | _LAST, encoded))
            return
        units = bytearray()
        for unit in self._units(context, encoded, data):
            units += unit
            if len(units) >= _UNLIMITED // 2:
                self._wire.write(units)
                units.clear()
        if units:
            self._wire.write(units)

    def _units(self, context: Context, command: bytes, data: Iterable[bytes] | None) -> Iterator[bytes]:
        room = self._peer_most - _FRAGMENT.size
        for start in range(0, len(command), room):
            flags = _COMMAND | (_LAST if start + room >= len(command) else 0)
            yield _unit(context, flags, command[start : start + room])
        if data is None:
            return
        waiting = bytearray()
        for piece in data:
            waiting += piece
            # one byte at least is kept back: it goes with the last fragment
            whole = (len(waiting) - 1) // room * room if waiting else 0
            for start in range(0, whole, room):
                yield _unit(context, 0, waiting[start : start + room])
            del waiting[:whole]
        yield _unit(context, _LAST, waiting)

    # ------------------------------------------------------------------ ending

    def release(self) -> None:
        """End in good order: ask, and wait for the answer. Never raises."""
        try:
            self._wire.write(_UNIT.pack(RELEASE_RQ, 4) + bytes(4))
            while True:
                kind, length = self._wire.read_head(min(self.patience, 10.0))
                if kind in (RELEASE_RP, ABORT) or length > self._most:
                    break
                self._wire.read(length, self.patience)
                if kind == RELEASE_RQ:
                    self._wire.write(_UNIT.pack(RELEASE_RP, 4) + bytes(4))
        except (Lost, TimeoutError):
            pass
        self._wire.close()

    def abort(self, reason: int = 0) -> None:
        """End at once (PS3.8 9.3.8), as the provider where there is a reason. Never raises."""
        with contextlib.suppress(Lost):
            self._wire.write(_UNIT.pack(ABORT, 4) + bytes((0, 0, 2 if reason else 0, reason)))
        self._wire.close(linger=True)

    def cut(self) -> None:
        """End the connection from another thread."""
        self._wire.cut()

    def _refuse(self, why: str, reason: int = INVALID) -> Lost:
        """Abort for what the other side did against the protocol."""
        self.abort(reason)
        return Lost(why)


def _unit(context: Context, flags: int, data: bytes | bytearray) -> bytes:
    head = _UNIT.pack(P_DATA, len(data) + _FRAGMENT.size)
    return head + _FRAGMENT.pack(len(data) + 2, context.context_id, flags) + data


class DataStream:
    """The data set of a command, as it comes. It is read to its end before the next command."""

    def __init__(self, association: Association, context_id: int) -> None:
        self._association = association
        self._context_id = context_id
        self._flags = 0
        self._left = 0
        self._has_ended = False

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, b"" at the end; raises Lost where the transfer breaks off."""
        link = self._association
        while not self._left:
            if self._flags & _LAST:
                self._has_ended = True
                return b""
            link._next_piece(link.patience)
            context_id, self._flags, self._left = link._piece
            if self._flags & _COMMAND or context_id != self._context_id:
                raise link._refuse("A fragment came out of its turn.")
        data = link._read_piece(self._left if size < 0 else size)
        self._left -= len(data)
        return data

    def drain(self) -> None:
        """Read what nobody wanted."""
        while not self._has_ended and self.read(_UNLIMITED):
            pass
