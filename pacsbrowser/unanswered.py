"""What answers where no view did (a wrong Host header, a failure elsewhere): JSON to programs, people a page."""

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse

from pacsbrowser.dicomweb.problems import NOT_HERE, Problem
from pacsbrowser.dicomweb.urls import is_of_programs
from pacsbrowser.pages import problems as pages

_HOST = "The Host header names a host that is not served here. PACSBROWSER_HOSTS lists those that are."
_UNCLEAR = "The request cannot be understood."
_FAILED = "The server failed. An administrator finds the cause in the log under {}."


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request cannot be understood."""
    if is_of_programs(request):
        return Problem(400, _HOST if isinstance(exception, DisallowedHost) else _UNCLEAR).response()
    return pages.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: this user may not."""
    if is_of_programs(request):
        return Problem(403, "Your account may not do this.").response()
    return pages.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: nothing here."""
    if is_of_programs(request):
        return Problem(404, NOT_HERE).response()
    return pages.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault."""
    if is_of_programs(request):
        return Problem(500, _FAILED.format(getattr(request, "number", ""))).response()
    return pages.server_error(request)
