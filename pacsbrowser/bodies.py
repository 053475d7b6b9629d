"""What HTTP says of a body: 304 where the client has it, a part of it by Range, only its head (RFC 9110 9.3.2, 13, 14).

The doors answer with it, each with its own headers and its own words for what goes wrong.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response

# What may be kept by a browser must be asked for again each time: rights may have changed.
CACHE = "private, no-cache"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)

# Yields the bytes from the first to the last, both included.
Read = Callable[[int, int], Iterator[bytes]]


def entity_tag(*parts: object, is_weak: bool = False) -> str:
    """Return the ETag of what these parts decide on; weak where only the content is the same, not every byte."""
    digest = hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:40]
    return f'{"W/" if is_weak else ""}"{digest}"'


def unchanged(request: HttpRequest, etag: str, headers: Mapping[str, str]) -> HttpResponse | None:
    """Return 304 where the client has this already, with the headers that it takes over to what it has."""
    response: HttpResponse | None = get_conditional_response(request, etag=etag, response=None)
    if response is not None:
        for name, value in {**headers, "ETag": etag}.items():
            response.headers[name] = value
    return response


def wanted(request: HttpRequest, size: int, etag: str) -> tuple[int, int, HTTPStatus]:
    """Return first and last byte and the status; several ranges, or one of another body, mean the whole body.

    A range is of GET alone (RFC 9110 14.2), and of a body that has not changed: a weak tag cannot tell that (13.1.5).
    """
    whole = (0, size - 1, HTTPStatus.OK)
    found = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    is_other = request.headers.get("If-Range", etag) != etag or ("If-Range" in request.headers and etag[:2] == "W/")
    if request.method != "GET" or not found or not (found[1] or found[2]) or is_other:
        return whole
    first = int(found[1]) if found[1] else max(0, size - int(found[2]))
    last = min(int(found[2]), size - 1) if found[1] and found[2] else size - 1
    if found[1] and found[2] and int(found[2]) < first:
        return whole
    return (first, last, HTTPStatus.PARTIAL_CONTENT) if first < size else (
        0, 0, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)  # fmt: skip


def send_ranged(
    request: HttpRequest, read: Read, size: int, content_type: str, etag: str, headers: Mapping[str, str]
) -> HttpResponseBase:
    """Answer with the body, the part asked for, or 416 where it has no such part."""
    first, last, status = wanted(request, size, etag)
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return HttpResponse(status=status, headers={"Content-Range": f"bytes */{size}"})
    given = {"Content-Length": str(last - first + 1), "Accept-Ranges": "bytes", "ETag": etag, **headers}
    if status == HTTPStatus.PARTIAL_CONTENT:
        given["Content-Range"] = f"bytes {first}-{last}/{size}"
    pieces = iter(()) if request.method == "HEAD" else read(first, last)
    return StreamingHttpResponse(pieces, content_type=content_type, status=status, headers=given)
