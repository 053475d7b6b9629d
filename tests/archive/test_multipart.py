"""The multipart reader: any split of reads gives the same parts, and a cut body never gives a whole one."""

import io
import os
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.archive.multipart import (
    MAX_SURROUNDING,
    MultipartError,
    MultipartReader,
    SlowBody,
    TruncatedBody,
    boundary_of,
)
from pacsbrowser.archive.timed_reader import TimedReader

BOUNDARY = b"frontier"


class Slices:
    """A stream that gives at most the next of `sizes` bytes a read, as sockets do."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self.file = io.BytesIO(data)
        self.sizes = sizes or [1 << 20]
        self.turn = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return fewer bytes than asked for."""
        self.turn += 1
        return self.file.read(min(size, self.sizes[self.turn % len(self.sizes)]))


def body_of(parts: list[tuple[dict[str, str], bytes]], preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    """Build a body as a sender would."""
    lines = [preamble]
    for headers, data in parts:
        head = b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())
        lines += [b"\r\n--", BOUNDARY, b"\r\n", head, b"\r\n", data]
    return b"".join([*lines, b"\r\n--", BOUNDARY, b"--", epilogue])


def parts_of(stream: Slices | io.BytesIO, **limits: int) -> list[tuple[dict[str, str], bytes]]:
    """Read all parts."""
    return [(dict(part.headers), part.read()) for part in MultipartReader(stream, BOUNDARY, **limits)]


hostile = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from([b"\r", b"\n", b"--", b"\r\n--", b"\r\n--frontie", b"frontier"])).map(b"".join),
).filter(lambda data: b"\r\n--frontier" not in b"\r\n" + data + b"\r\n")


@given(st.lists(hostile, max_size=5), st.lists(st.integers(1, 40), max_size=6), hostile, hostile)
def test_any_split_of_reads_gives_the_same_parts(
    contents: list[bytes], sizes: list[int], preamble: bytes, epilogue: bytes
) -> None:
    """Boundaries may fall anywhere between two reads."""
    parts = [({"content-location": f"file{number}"}, data) for number, data in enumerate(contents)]
    body = body_of(parts, preamble, b"\r\n" + epilogue)
    if parts:
        assert parts_of(Slices(body, sizes), content_length=len(body)) == parts


@given(st.lists(hostile, min_size=1, max_size=3), st.integers(0, 10_000), st.lists(st.integers(1, 40), max_size=4))
def test_a_cut_body_never_gives_the_cut_part(contents: list[bytes], cut: int, sizes: list[int]) -> None:
    """Wherever the body ends, whole parts stay right and the end is an error."""
    body = body_of([({}, data) for data in contents])
    stream = Slices(body[: cut % len(body)], sizes)
    received = []
    with pytest.raises(TruncatedBody):
        for part in MultipartReader(stream, BOUNDARY):
            received.append(part.read())
    assert received == contents[: len(received)]


def test_a_body_shorter_than_declared_is_truncated() -> None:
    """Even when its closing boundary came."""
    body = body_of([({}, b"data")])
    with pytest.raises(TruncatedBody):
        parts_of(io.BytesIO(body), content_length=len(body) + 1)


def test_a_part_need_not_be_read() -> None:
    """What is left is skipped."""
    body = body_of([({}, b"a" * 300_000), ({}, b"second")])
    first = [part.read(6) for part in MultipartReader(io.BytesIO(body), BOUNDARY)]
    assert first == [b"aaaaaa", b"second"]


def test_padding_after_the_boundary_and_folded_headers_are_read() -> None:
    """RFC 2046 5.1.1 transport padding; RFC 822 folding."""
    body = b"--frontier \t\r\nContent-Type: application/dicom;\r\n transfer-syntax=*\r\n\r\nx\r\n--frontier--"
    assert parts_of(io.BytesIO(body)) == [({"content-type": "application/dicom; transfer-syntax=*"}, b"x")]


def test_a_part_without_headers_or_content_is_a_part() -> None:
    """RFC 2046 5.1.1 allows both."""
    assert parts_of(io.BytesIO(b"--frontier\r\n\r\n\r\n--frontier\r\n\r\nx\r\n--frontier--")) == [({}, b""), ({}, b"x")]
    assert parts_of(io.BytesIO(b"--frontier\r\nA: 1\r\n\r\n--frontier--")) == [({"a": "1"}, b"")]


@pytest.mark.parametrize(
    "body",
    [
        b"--frontiers\r\n\r\nx\r\n--frontier--",
        b"--frontier\r\nno colon\r\n\r\nx\r\n--frontier--",
        b"--frontier\r\nA: " + b"a" * 9000 + b"\r\n\r\nx\r\n--frontier--",
        b"--frontier\r\nA: " + b"a" * 90000,
        b"x" * (9 * MAX_SURROUNDING) + b"\r\n--frontier--",
        b"--frontier--" + b"x" * (9 * MAX_SURROUNDING),
        b"".join([b"--frontier\r\n\r\nx\r\n"] * 11) + b"--frontier--",
    ],
)
def test_malformed_bodies_are_refused(body: bytes) -> None:
    """Each limit, and headers that are none."""
    with pytest.raises(MultipartError) as problem:
        parts_of(io.BytesIO(body), max_parts=10)
    assert not isinstance(problem.value, TruncatedBody)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/related; boundary=abc", b"abc"),
        ('Multipart/Related; type="application/dicom"; boundary="a b:c"', b"a b:c"),
    ],
)
def test_boundaries_are_read_quoted_or_not(content_type: str, boundary: bytes) -> None:
    """RFC 2046 5.1.1."""
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    ["", "multipart/form-data; boundary=a", "multipart/related", "multipart/related; boundary=" + "a" * 71,
     "multipart/related; boundary=ä", 'multipart/related; boundary="a "'],
)  # fmt: skip
def test_other_content_types_are_refused(content_type: str) -> None:
    """With an error of ours, not of a parser."""
    with pytest.raises(MultipartError):
        boundary_of(content_type)


def test_a_sender_who_stops_is_given_up() -> None:
    """The read returns although the stream blocks, and its thread reads the next body when the stream has ended."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as stream:
        timed = TimedReader(stream, patience=0.05)
        os.write(writing, b"first")
        assert timed.read(3) + timed.read(10) == b"first"
        before = time.monotonic()
        with pytest.raises(SlowBody):
            timed.read(1)
        assert time.monotonic() - before < 5
        timed.close()
        os.close(writing)
        assert _read_all(TimedReader(io.BytesIO(b"next"))) == b"next"
        threads = sum(thread.name == "body" for thread in threading.enumerate())
        for _ in range(threads + 1):
            assert _read_all(TimedReader(io.BytesIO(b"another"))) == b"another"
        assert sum(thread.name == "body" for thread in threading.enumerate()) == threads


def _read_all(stream: TimedReader) -> bytes:
    return b"".join(iter(lambda: stream.read(100), b""))


def test_reading_ahead_changes_nothing() -> None:
    """All bytes, in order, then the end, again and again."""
    data = os.urandom(700_000)
    timed = TimedReader(io.BytesIO(data))
    assert b"".join(iter(lambda: timed.read(10_000), b"")) == data
    assert timed.read(1) == b""


@pytest.mark.parametrize("size", [1, 1_048_576, 1_048_577, 3_000_000])
def test_the_end_is_known_where_a_length_was_declared(size: int) -> None:
    """All bytes arrive, and the stream is not asked again: a connection that stays open has more, or blocks."""
    data = os.urandom(size)
    stream = io.BytesIO(data + b"the next request")
    timed = TimedReader(_Exact(stream, size), length=size)
    assert b"".join(iter(lambda: timed.read(100_000), b"")) == data
    assert timed.read(1) == b""


class _Exact:
    """A stream that fails where it is read beyond its end."""

    def __init__(self, stream: io.BytesIO, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int = -1, /) -> bytes:
        assert self._left > 0, "read beyond its end"
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


def test_a_body_shorter_than_declared_ends_where_it_ends() -> None:
    """For the reader of parts, who says what is missing."""
    timed = TimedReader(io.BytesIO(b"half"), length=8)
    assert (timed.read(100), timed.read(100), timed.read(100)) == (b"half", b"", b"")


def test_an_error_of_the_stream_reaches_the_reader() -> None:
    """As it was raised."""
    with pytest.raises(ValueError, match="closed"):
        stream = io.BytesIO(b"")
        stream.close()
        TimedReader(stream).read(1)
