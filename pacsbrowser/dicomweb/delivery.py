"""How a body goes out of this API: parts of it by Range, nothing where it is unchanged, only the head for HEAD."""

from collections.abc import Iterable
from http import HTTPStatus

from django.http import HttpResponseBase, StreamingHttpResponse

from pacsbrowser import bodies
from pacsbrowser.bodies import CACHE, Read, entity_tag
from pacsbrowser.dicomweb.multipart import Part, multipart_related
from pacsbrowser.dicomweb.problems import Problem
from pacsbrowser.dicomweb.resource import Call

_KEPT = {"Cache-Control": CACHE}


def unchanged(call: Call, etag: str) -> HttpResponseBase | None:
    """Return 304 where the client has this already."""
    return bodies.unchanged(call.request, etag, _KEPT)


def send_bytes(call: Call, data: bytes, content_type: str, etag: str) -> HttpResponseBase:
    """Answer with a body that is in memory."""
    return send_ranged(call, lambda first, last: iter((data[first : last + 1],)), len(data), content_type, etag)


def send_ranged(call: Call, read: Read, length: int, content_type: str, etag: str) -> HttpResponseBase:
    """Answer with a body of known length, or the part of it that was asked for.

    Raises:
        Problem: 416, it has no such part.
    """
    response = bodies.send_ranged(call.request, read, length, content_type, etag, _KEPT)
    if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise Problem(416, "The body is shorter than that.", headers={"Content-Range": response["Content-Range"]})
    return response


def send_stream(call: Call, pieces: Iterable[bytes], content_type: str, etag: str) -> HttpResponseBase:
    """Answer with a stream whose length nobody knows yet."""
    return _kept(call, StreamingHttpResponse(pieces, content_type=content_type), etag)


def send_parts(call: Call, parts: Iterable[Part], media_type: str, etag: str, parameters: str = "") -> HttpResponseBase:
    """Answer with multipart/related."""
    return _kept(call, multipart_related(parts, media_type, parameters), etag)


def _kept(call: Call, response: StreamingHttpResponse, etag: str) -> HttpResponseBase:
    """Say how it can be kept, and leave the body out of an answer to HEAD; nothing is opened before it is read."""
    response.headers["ETag"], response.headers["Cache-Control"] = etag, CACHE
    if call.request.method == "HEAD":
        # still a stream: of a body that is known to be empty, the length would be said, which is not that of GET
        response.streaming_content = iter(())
    return response


__all__ = ["entity_tag", "send_bytes", "send_parts", "send_ranged", "send_stream", "unchanged"]
