"""Writing multipart/related (RFC 2387; PS3.18 8.6.1.2): a stream of parts, none of them whole in memory."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.http import StreamingHttpResponse


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `content_type` with its parameters; `location` is the address of the resource it represents."""

    content_type: str
    body: Iterable[bytes]
    location: str = ""


def multipart_related(parts: Iterable[Part], media_type: str, parameters: str = "") -> StreamingHttpResponse:
    """Answer with parts of one media type.

    Args:
        parameters: what else the Content-Type says, such as `transfer-syntax=…`.
    """
    # A random boundary cannot occur in a part by chance.
    boundary = secrets.token_hex(20)
    more = f"; {parameters}" if parameters else ""
    content_type = f'multipart/related; type="{media_type}"{more}; boundary={boundary}'
    return StreamingHttpResponse(write_parts(parts, boundary), content_type=content_type)


def write_parts(parts: Iterable[Part], boundary: str) -> Iterator[bytes]:
    """Yield the body; a part's headers stand in one piece with its delimiter."""
    start = f"--{boundary}\r\n"
    for part in parts:
        location = f"Content-Location: {part.location}\r\n" if part.location else ""
        yield f"{start}Content-Type: {part.content_type}\r\n{location}\r\n".encode("ascii", "replace")
        yield from part.body
        start = f"\r\n--{boundary}\r\n"
    yield f"\r\n--{boundary}--\r\n".encode("ascii")
