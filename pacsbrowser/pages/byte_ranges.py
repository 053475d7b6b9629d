"""Answers with a body of known length, whole or the part of it that was asked for (RFC 9110 14)."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

CHUNK = 1 << 20
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)

# Yields the bytes from the first to the last, both included.
Read = Callable[[int, int], Iterator[bytes]]


def wanted(request: HttpRequest, size: int, etag: str) -> tuple[int, int, int]:
    """Return first and last byte and the status; several ranges, or one of another file, mean the whole file."""
    whole = (0, size - 1, 200)
    found = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if not found or not (found[1] or found[2]) or request.headers.get("If-Range", etag) != etag:
        return whole
    first = int(found[1]) if found[1] else max(0, size - int(found[2]))
    last = min(int(found[2]), size - 1) if found[1] and found[2] else size - 1
    if found[1] and found[2] and int(found[2]) < first:
        return whole
    return (first, last, 206) if first < size else (0, 0, 416)


def send_ranged(
    request: HttpRequest, read: Read, size: int, content_type: str, etag: str, headers: Mapping[str, str]
) -> HttpResponseBase:
    """Answer with the body, the part asked for, or 416 where it has no such part."""
    first, last, status = wanted(request, size, etag)
    if status == 416:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    given = {"Content-Length": str(last - first + 1), "Accept-Ranges": "bytes", "ETag": etag, **headers}
    if status == 206:
        given["Content-Range"] = f"bytes {first}-{last}/{size}"
    pieces = iter(()) if request.method == "HEAD" else read(first, last)
    return StreamingHttpResponse(pieces, content_type=content_type, status=status, headers=given)


def read_pieces(file: BinaryIO, offset: int, length: int) -> Iterator[bytes]:
    """Yield bytes of a file."""
    file.seek(offset)
    while length > 0 and (piece := file.read(min(CHUNK, length))):
        length -= len(piece)
        yield piece
