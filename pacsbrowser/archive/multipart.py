"""multipart bodies (RFC 2046 5.1) read from a stream, part by part, with never more than two chunks in memory.

    for part in MultipartReader(stream, boundary_of(content_type), content_length=length):
        staged = stage(part, part.headers.get("content-location", ""))

Used for multipart/related (RFC 2387; PS3.18 8.6.1.2), where Django's own parser does not look. A body that ends before
its closing boundary, or before the declared length, raises TruncatedBody from the read that meets the end: a part that
was not wholly received can never be taken for a whole one.
"""

import string
from collections.abc import Iterator, Mapping
from functools import lru_cache

from django.utils.http import parse_header_parameters

from pacsbrowser.archive.receive import Readable

CHUNK = 1 << 18
# What surrounds the parts means nothing (RFC 2046 5.1.1) and is not read without limit.
MAX_SURROUNDING = 1 << 16
_BOUNDARY_CHARACTERS = frozenset(string.ascii_letters + string.digits + "'()+_,-./:=? ")


class MultipartError(ValueError):
    """The body is not what its Content-Type says."""


class TruncatedBody(MultipartError):
    """The body ended before its closing boundary or its declared length: the sender or the connection broke off."""


class SlowBody(MultipartError):
    """The sender paused for longer than is waited for."""


@lru_cache(maxsize=256)
def parse_content_type(text: str) -> tuple[str, Mapping[str, str]]:
    """Return the media type and the parameters of a Content-Type header; remembered, as they come again and again."""
    return parse_header_parameters(text)


def boundary_of(content_type: str, subtype: str = "related") -> bytes:
    """Return the boundary that a Content-Type header declares, quoted or not.

    Raises:
        MultipartError: it is not `multipart/<subtype>` or has no valid boundary.
    """
    kind, parameters = parse_content_type(content_type)
    if kind != f"multipart/{subtype}":
        raise MultipartError(f"The Content-Type has to be multipart/{subtype}.")
    boundary = parameters.get("boundary", "")
    if not 1 <= len(boundary) <= 70 or boundary.endswith(" ") or not _BOUNDARY_CHARACTERS.issuperset(boundary):
        raise MultipartError("The Content-Type has no valid boundary (RFC 2046 5.1.1).")
    return boundary.encode("ascii")


class Part:
    """One part: its headers, by lower-case name, and its bytes by `read`."""

    def __init__(self, reader: "MultipartReader", headers: Mapping[str, str]) -> None:
        self._reader = reader
        self.headers = headers
        self.is_read = False

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes of the part, b"" at its end; all that is left without a size.

        Raises:
            TruncatedBody: the body ends inside this part.
        """
        if size < 0:
            return b"".join(iter(lambda: self._reader.read_part(self, CHUNK), b""))
        return self._reader.read_part(self, size)


class MultipartReader:
    """Iterates over the parts of a body. What a part leaves unread is skipped when the next one is asked for."""

    def __init__(
        self,
        source: Readable,
        boundary: bytes,
        *,
        content_length: int | None = None,
        max_parts: int = 10_000,
        max_header: int = 8192,
    ) -> None:
        """Begin reading; `content_length` is the declared length of the body, where there is one."""
        self._source = source
        self._delimiter = b"\r\n--" + boundary
        self._content_length = content_length
        self._max_parts = max_parts
        self._max_header = max_header
        self._received = 0
        # The first delimiter may open the body without a line break before it.
        self._buffer = b"\r\n"
        self._position = 0
        self._found = -1

    def __iter__(self) -> Iterator[Part]:
        """Yield the parts in order.

        Raises:
            MultipartError: the body is malformed, has too many parts or too long headers.
            TruncatedBody: it ends too early; parts yielded and read to their end before are whole.
        """
        self._skip_preamble()
        count = 0
        while not self._closes():
            count += 1
            if count > self._max_parts:
                raise MultipartError(f"The body has more than {self._max_parts:,} parts.")
            part = Part(self, self._read_headers())
            yield part
            while self.read_part(part, CHUNK):
                pass
        self._check_end()

    def read_part(self, part: Part, size: int) -> bytes:
        """Return up to `size` bytes before the next delimiter (for Part)."""
        if part.is_read or not size:
            return b""
        data = self._read_before_delimiter(size)
        if not data:
            part.is_read = True
            self._position = self._found + len(self._delimiter)
            self._found = -1
        return data

    def _read_before_delimiter(self, size: int) -> bytes:
        """Return some bytes that are surely not of a delimiter, b"" when the next bytes are one."""
        while True:
            if self._found < 0:
                self._found = self._buffer.find(self._delimiter, self._position)
            end = self._found if self._found >= 0 else len(self._buffer) - len(self._delimiter) + 1
            if end > self._position or self._found >= 0:
                start, self._position = self._position, min(end, self._position + size)
                return self._buffer[start : self._position]
            self._fill()

    def _fill(self) -> None:
        """Append what comes next to the buffer, dropping what has been read from it."""
        data = self._source.read(CHUNK)
        if not data:
            raise TruncatedBody("The transfer broke off before its end.")
        self._received += len(data)
        self._buffer = self._buffer[self._position :] + data
        self._position, self._found = 0, -1

    def _skip_preamble(self) -> None:
        skipped = 0
        while data := self._read_before_delimiter(CHUNK):
            skipped += len(data)
            if skipped > MAX_SURROUNDING:
                raise MultipartError("The body does not begin with its boundary.")
        self._position = self._found + len(self._delimiter)
        self._found = -1

    def _need(self, count: int) -> None:
        while len(self._buffer) - self._position < count:
            self._fill()

    def _closes(self) -> bool:
        """Whether the delimiter just read was the closing one; the rest of its line is read."""
        self._need(2)
        if self._buffer.startswith(b"--", self._position):
            self._position += 2
            return True
        while self._buffer[self._position : self._position + 1] in (b" ", b"\t"):
            self._position += 1
            self._need(2)
        if not self._buffer.startswith(b"\r\n", self._position):
            raise MultipartError("A boundary is not followed by the end of its line (CR LF), or occurs inside a part.")
        return False

    def _read_headers(self) -> Mapping[str, str]:
        """Read up to the empty line; the position is at the line break that ends the delimiter."""
        while (end := self._buffer.find(b"\r\n\r\n", self._position)) < 0:
            if len(self._buffer) - self._position > self._max_header:
                break
            self._fill()
        if end < 0 or end - self._position > self._max_header:
            raise MultipartError(f"The headers of a part are longer than {self._max_header:,} bytes.")
        block = self._buffer[self._position + 2 : max(end, self._position + 2)]
        # An empty part's delimiter may begin with the line break that ends its headers.
        self._position = end + 2 if self._buffer.startswith(self._delimiter, end + 2) else end + 4
        return _parse_headers(block)

    def _check_end(self) -> None:
        """Read the epilogue, so that the connection can be used again, and compare the length."""
        surrounding = len(self._buffer) - self._position
        while data := self._source.read(CHUNK):
            self._received += len(data)
            surrounding += len(data)
            if surrounding > MAX_SURROUNDING:
                raise MultipartError("The body goes on after its closing boundary.")
        if self._content_length is not None and self._received < self._content_length:
            raise TruncatedBody("The transfer broke off before its end.")


def _parse_headers(block: bytes) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    text = block.decode("utf-8", "replace").replace("\r\n ", " ").replace("\r\n\t", " ")
    for line in text.split("\r\n") if text else ():
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise MultipartError("A part has a malformed header.")
        headers.setdefault(name.lower(), value.strip())
    return headers
