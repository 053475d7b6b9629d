"""Taking multipart/related apart, as strictly as RFC 2046 writes it."""

import re
from dataclasses import dataclass
from typing import Any


def body_of(answer: Any) -> bytes:
    """Return the body of an answer, streamed or not."""
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


@dataclass(frozen=True)
class Part:
    """A part of an answer."""

    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers["Content-Type"].partition(";")[0]

    @property
    def transfer_syntax(self) -> str:
        found = re.search(r"transfer-syntax=([0-9.]+)", self.headers["Content-Type"])
        return found[1] if found else ""


def parts_of(answer: Any) -> list[Part]:
    """Return the parts of an answer."""
    assert answer.status_code == 200, body_of(answer)
    content_type = answer.headers["Content-Type"]
    assert content_type.startswith("multipart/related"), content_type
    boundary = re.search(r"boundary=([0-9a-f]+)", content_type)
    assert boundary
    mark = b"--" + boundary[1].encode()
    body = body_of(answer)
    assert body.endswith(b"\r\n" + mark + b"--\r\n")
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    assert pieces[0] == b"" and pieces[-1] == b"--\r\n"
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, _, body = piece.partition(b"\r\n\r\n")
    lines = head.decode("ascii").strip("\r\n").split("\r\n")
    return Part(dict(line.split(": ", 1) for line in lines), body)
