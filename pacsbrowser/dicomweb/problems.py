"""What goes wrong, as an HTTP status and a JSON body (RFC 9457): an API never answers with a page for people."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse, JsonResponse

MEDIA_TYPE = "application/problem+json"
_TITLES = {
    400: "Bad request", 401: "Not authenticated", 403: "Not allowed", 404: "Not found", 405: "Method not allowed",
    406: "Not acceptable", 408: "Request timeout", 409: "Conflict", 410: "Gone", 411: "Length required",
    413: "Payload too large", 415: "Unsupported media type", 416: "Range not satisfiable", 500: "Internal error",
    503: "Not available", 507: "Insufficient storage",
}  # fmt: skip

# The same words for an object that does not exist and for one that the caller may not see.
NOT_HERE = "There is no such object."


class Problem(Exception):
    """The request cannot be answered. `detail` says why in a sentence; `extra` are further members of the body."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def response(self) -> HttpResponse:
        """Return the answer."""
        body = {"title": _TITLES.get(self.status, "Error"), "status": self.status, "detail": self.detail, **self.extra}
        return JsonResponse(body, status=self.status, content_type=MEDIA_TYPE, headers=self.headers)


def not_found() -> Problem:
    """Return the problem of an object that is not here, or not for this caller."""
    return Problem(404, NOT_HERE)
