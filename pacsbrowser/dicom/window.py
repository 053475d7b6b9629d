"""Random access to the bytes of a data set, in a file or inflated, with little of it in memory at a time."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from pacsbrowser.dicom.errors import Damaged, TooLarge

CHUNK = 64 * 1024
INFLATED_KEPT = 32 * 1024 * 1024
INFLATED_MOST = 512 * 1024 * 1024


class Window:
    """The part of a file in memory: `data` holds the bytes from `base` on; `size` is the whole length."""

    __slots__ = ("_file", "base", "data", "size")

    def __init__(self, file: BinaryIO) -> None:
        self._file: BinaryIO | None = file
        self.size = file.seek(0, 2)
        self.base = 0
        file.seek(0)
        self.data = file.read(min(CHUNK, self.size))

    @classmethod
    def inflated(cls, file: BinaryIO, start: int) -> "Window":
        """Return a window on a deflated data set (PS3.5 A.5), whose offsets count from its own start."""
        window = cls.__new__(cls)
        window._file, window.base = None, 0
        window.data, window.size = _inflate(file, start)
        return window

    def load(self, offset: int, length: int = 12, ahead: int = CHUNK) -> int:
        """Bring bytes at the offset into `data`, where the file has them; return their place in `data`."""
        if not (self.base <= offset and offset + length <= self.base + len(self.data)):
            if self._file is None:
                if self.base + len(self.data) < min(offset + length, self.size):
                    raise TooLarge(f"The header goes on beyond {INFLATED_KEPT >> 20} MiB of inflated data.", offset)
            else:
                self._file.seek(offset)
                self.data = self._file.read(max(length, ahead))
                self.base = offset
        return offset - self.base

    def read(self, offset: int, length: int, ahead: int = CHUNK) -> bytes:
        """Return the bytes at the offset, fewer at the end of the file; the caller bounds the length."""
        at = self.load(offset, length, ahead)
        return self.data[at : at + length] if at <= len(self.data) else b""


def _inflate(file: BinaryIO, start: int) -> tuple[bytes, int]:
    """Inflate with a bound on memory and work; return the first part and the whole length."""
    kept = bytearray()
    size = 0
    for piece in inflated_pieces(file, start):
        size += len(piece)
        if len(kept) < INFLATED_KEPT:
            kept += piece[: INFLATED_KEPT - len(kept)]
    return bytes(kept), size


def inflated_pieces(file: BinaryIO, start: int) -> Iterator[bytes]:
    """Yield a deflated data set inflated, with a bound on the work; raises Damaged, TooLarge."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    file.seek(start)
    try:
        while not inflater.eof:
            packed = inflater.unconsumed_tail or file.read(CHUNK)
            if not packed:
                raise Damaged(
                    "The deflated data set ends before its compressed stream does: the file is truncated.", start
                )
            piece = inflater.decompress(packed, 4 * CHUNK)
            size += len(piece)
            if size > INFLATED_MOST:
                raise TooLarge(f"The deflated data set is longer than {INFLATED_MOST >> 20} MiB once inflated.", start)
            yield piece
    except zlib.error as error:
        raise Damaged(f"The deflated data set cannot be inflated: {error}.", start) from error
