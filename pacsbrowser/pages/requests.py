"""What every request gets: a number that errors and log lines name, and answers that no cache keeps."""

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestNumberMiddleware:
    """Numbers the request. A person can read the number from an error page and an administrator find it in the log."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Number it, and say the number in the answer."""
        digits = secrets.token_hex(4)
        request.number = f"{digits[:4]}-{digits[4:]}"  # type: ignore[attr-defined]
        response = self.get_response(request)
        response.headers["X-Request-Number"] = request.number  # type: ignore[attr-defined]
        return response


class NoStoreMiddleware:
    """Whatever says nothing about caching is not to be kept: pages hold patient data."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Add the header where it is missing."""
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response
