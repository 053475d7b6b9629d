"""What the archive and a decoder process say to each other: JSON heads with bodies of bytes, lengths in front.

No pickles: a decoder that a hostile file has taken over must not be able to run anything in the archive.

A decoder says once that it is ready, and then answers each request with one message. The step that it is at goes line
by line into a pipe beside, which is looked at only where the answer does not come.
"""

import json
from dataclasses import dataclass
from struct import Struct
from typing import Any, BinaryIO

READY, RESULT, FAILURE = "ready", "result", "failure"
MOST_HEAD = 1 << 20
MOST_BODY = 512 << 20
_LENGTHS = Struct("<IQ")


class DecodingError(Exception):
    """The pixels cannot be had. `code` is for programs, `step` says how far it came, `reason` is a sentence."""

    def __init__(self, code: str, step: str, reason: str) -> None:
        super().__init__(f"{step}: {reason}" if step else reason)
        self.code, self.step, self.reason = code, step, reason


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture."""

    data: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Samples:
    """A decoded frame as native pixel data in Little Endian, with what its Image Pixel attributes have become."""

    data: bytes
    photometric: str
    samples: int
    bits_allocated: int


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """A page of a document as a PNG, and how many pages the document has."""

    data: bytes
    width: int
    height: int
    pages: int


@dataclass(frozen=True, slots=True)
class Source:
    """A frame of a file. As a layer it has colours: each from a stored value on, or for labels at just that value."""

    path: str
    frame: int
    colours: tuple[tuple[float, tuple[int, int, int]], ...] = ()
    is_label: bool = False


def pack_message(head: dict[str, Any], body: bytes = b"") -> bytes:
    """Return the bytes of a message."""
    encoded = json.dumps(head).encode()
    return b"".join((_LENGTHS.pack(len(encoded), len(body)), encoded, body))


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Return the next message, None at the end of the stream.

    Raises:
        ValueError: what came is no message.
    """
    lengths = _read(stream, _LENGTHS.size)
    if lengths is None:
        return None
    head_length, body_length = _LENGTHS.unpack(lengths)
    if head_length > MOST_HEAD or body_length > MOST_BODY:
        raise ValueError("A message is longer than allowed.")
    head, body = _read(stream, head_length), _read(stream, body_length)
    if head is None or body is None:
        return None
    decoded = json.loads(head)
    if not isinstance(decoded, dict):
        raise ValueError("A message is not what was agreed.")
    return decoded, body


def _read(stream: BinaryIO, length: int) -> bytes | None:
    parts: list[bytes] = []
    while length:
        part = stream.read(min(length, 1 << 20))
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
