"""Random access to the bytes of a data set, in a file or inflated, with little of it in memory at a time."""

import zlib
from bisect import bisect_right
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from pacsbrowser.dicom.errors import Damaged, TooLarge

CHUNK = 64 * 1024
INFLATED_MOST = 512 * 1024 * 1024
_STEP = 8 * 1024 * 1024  # so much is inflated again, at most, to come to a place


class Source(Protocol):
    """What a window looks on: a file, or an inflated data set."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, fewer at the end only."""


class Window:
    """The part of a file in memory: `data` holds the bytes from `base` on; `size` is the whole length."""

    __slots__ = ("_file", "base", "data", "size")

    def __init__(self, file: Source) -> None:
        self._file = file
        self.size = file.seek(0, 2)
        self.base = 0
        file.seek(0)
        self.data = file.read(min(CHUNK, self.size))

    @classmethod
    def inflated(cls, file: BinaryIO, start: int) -> "Window":
        """Return a window on a deflated data set (PS3.5 A.5), whose offsets count from its own start."""
        return cls(Inflated(file, start))

    def load(self, offset: int, length: int = 12, ahead: int = CHUNK) -> int:
        """Bring bytes at the offset into `data`, where the file has them; return their place in `data`."""
        if not (self.base <= offset and offset + length <= self.base + len(self.data)):
            self._file.seek(offset)
            self.data = self._file.read(max(length, ahead))
            self.base = offset
        return offset - self.base

    def read(self, offset: int, length: int, ahead: int = CHUNK) -> bytes:
        """Return the bytes at the offset, fewer at the end of the file; the caller bounds the length."""
        at = self.load(offset, length, ahead)
        return self.data[at : at + length] if at <= len(self.data) else b""


class Inflated:
    """A deflated data set to be read at any place, without ever being whole in memory.

    It is inflated once to its end, which tells its size and whether it is damaged, and the state of the inflater is
    remembered every 8 MiB: a place is reached from the state before it. Reading on inflates nothing again.

    Raises:
        Damaged: the stream cannot be inflated to its end.
        TooLarge: it is longer than INFLATED_MOST.
    """

    def __init__(self, file: BinaryIO, start: int) -> None:
        stream = _Stream(file, start)
        self._states = [stream.copy()]
        self._head = bytearray()
        while piece := stream.next():
            if len(self._head) < _STEP:
                self._head += piece
            if stream.position >= len(self._states) * _STEP:
                self._states.append(stream.copy())
        self._size = stream.position
        self._position = 0
        self._stream, self._piece = stream, b""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place counted from the start, or to the end."""
        self._position = self._size if whence == 2 else offset
        return self._position

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, fewer at the end only."""
        begin, end = self._position, min(self._position + size, self._size)
        if begin >= end:
            return b""
        data = bytes(self._head[begin:end]) if end <= len(self._head) else self._read_far(begin, end)
        self._position += len(data)
        return data

    def _read_far(self, begin: int, end: int) -> bytes:
        """Inflate from the state before the place, or from where reading has stopped if that is nearer."""
        state = self._states[bisect_right(self._states, begin, key=lambda one: one.position) - 1]
        if not state.position <= self._stream.position - len(self._piece) <= begin:
            self._stream, self._piece = state.copy(), b""
        found = bytearray()
        while True:
            first = self._stream.position - len(self._piece)
            found += self._piece[max(begin - first, 0) : max(end - first, 0)]
            if self._stream.position >= end:
                return bytes(found)
            self._piece = self._stream.next()


class _Stream:
    """An inflater on its way through a file; `position` counts what has come out of it."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file, self._start, self._offset = file, start, start
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self.position = 0

    def copy(self) -> "_Stream":
        """Return another that goes on from the same place."""
        other = _Stream(self._file, self._start)
        other._offset, other.position = self._offset, self.position
        other._inflater = self._inflater.copy()
        return other

    def next(self) -> bytes:
        """Return the next piece, b"" at the end; raise Damaged, TooLarge."""
        try:
            piece = b""
            while not piece and not self._inflater.eof:
                piece = self._inflater.decompress(self._inflater.unconsumed_tail or self._packed(), 4 * CHUNK)
        except zlib.error as error:
            raise Damaged(f"The deflated data set cannot be inflated: {error}.", self._start) from error
        self.position += len(piece)
        if self.position > INFLATED_MOST:
            reason = f"The deflated data set is longer than {INFLATED_MOST >> 20} MiB once inflated."
            raise TooLarge(reason, self._start)
        return piece

    def _packed(self) -> bytes:
        self._file.seek(self._offset)
        packed = self._file.read(CHUNK)
        self._offset += len(packed)
        if not packed:
            reason = "The deflated data set ends before its compressed stream does: the file is truncated."
            raise Damaged(reason, self._start)
        return packed


def inflated_pieces(file: BinaryIO, start: int) -> Iterator[bytes]:
    """Yield a deflated data set inflated, with a bound on the work; raises Damaged, TooLarge."""
    stream = _Stream(file, start)
    while piece := stream.next():
        yield piece
