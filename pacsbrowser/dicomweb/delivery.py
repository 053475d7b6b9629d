"""How a body goes out: parts of it by Range (RFC 9110 14), nothing where it is unchanged, only the head for HEAD."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response

from pacsbrowser.dicomweb.problems import Problem
from pacsbrowser.dicomweb.resource import Call

# What may be kept by a browser must be asked for again each time: rights may have changed.
CACHE = "private, no-cache"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def unchanged(call: Call, etag: str) -> HttpResponseBase | None:
    """Return 304 where the client has this already."""
    response = get_conditional_response(call.request, etag=etag, response=None)
    if response is not None:
        response.headers.setdefault("ETag", etag)
        response.headers["Cache-Control"] = CACHE
    return response


def send_bytes(call: Call, data: bytes, content_type: str, etag: str) -> HttpResponseBase:
    """Answer with a body that is in memory."""
    return send_ranged(call, lambda first, last: iter((data[first : last + 1],)), len(data), content_type, etag)


def send_ranged(
    call: Call, read: Callable[[int, int], Iterator[bytes]], length: int, content_type: str, etag: str
) -> HttpResponseBase:
    """Answer with a body of known length, or the part of it that was asked for.

    Args:
        read: yields the bytes from the first to the last, both included.
    """
    first, last, status = _wanted(call, length, etag)
    headers = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": CACHE, "Content-Length": str(last - first + 1)}
    if status == 206:
        headers["Content-Range"] = f"bytes {first}-{last}/{length}"
    pieces = iter(()) if call.request.method == "HEAD" else read(first, last)
    return StreamingHttpResponse(pieces, status=status, content_type=content_type, headers=headers)


def _wanted(call: Call, size: int, etag: str) -> tuple[int, int, int]:
    """Return first and last byte and the status. Several ranges, or one of another body, mean the whole body."""
    headers = call.request.headers
    found = _RANGE.fullmatch(headers.get("Range", "").replace(" ", ""))
    whole = (0, size - 1, 200)
    if not found or not (found[1] or found[2]) or headers.get("If-Range", etag) != etag:
        return whole
    first = int(found[1]) if found[1] else max(0, size - int(found[2]))
    last = min(int(found[2]), size - 1) if found[1] and found[2] else size - 1
    if found[1] and found[2] and int(found[2]) < int(found[1]):
        return whole
    if first >= size:
        raise Problem(416, "The body is shorter than that.", headers={"Content-Range": f"bytes */{size}"})
    return first, last, 206


def send_stream(
    call: Call, pieces: Iterable[bytes], content_type: str, etag: str = "", length: int | None = None
) -> HttpResponseBase:
    """Answer with a stream."""
    headers = {"Cache-Control": CACHE if etag else "private, no-store"}
    if etag:
        headers["ETag"] = etag
    if length is not None:
        headers["Content-Length"] = str(length)
    return for_head(call, StreamingHttpResponse(pieces, content_type=content_type, headers=headers))


def entity_tag(*parts: object, is_weak: bool = False) -> str:
    """Return the ETag of what these parts decide on; weak where only the content is the same, not every byte."""
    digest = hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:40]
    return f'{"W/" if is_weak else ""}"{digest}"'


def for_head(call: Call, response: StreamingHttpResponse) -> HttpResponseBase:
    """Leave the body out of an answer to HEAD; no stream opens anything before it is read."""
    if call.request.method == "HEAD":
        # still a stream: of a body that is known to be empty, the length would be said, which is not that of GET
        response.streaming_content = iter(())
    return response
