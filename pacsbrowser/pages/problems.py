"""The error pages: what happened, what to do, and the request's number; never a traceback."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request cannot be understood."""
    return _problem(request, "400.html", 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: this user may not; the view's own sentence says why."""
    return _problem(request, "403.html", 403, reason=_said(exception))


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: nothing here that this user may see; both cases look the same."""
    return _problem(request, "404.html", 404, reason=_said(exception))


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault. The template stands alone, because anything it asked for might fail again."""
    return _problem(request, "500.html", 500, bare=True)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token: mostly a page that was open across a login."""
    return _problem(request, "403_csrf.html", 403)


def _said(exception: Exception | None) -> str:
    """The sentence of a view that refused; Django's own texts quote paths or class names and are not for people."""
    said = exception.args[0] if exception is not None and exception.args else ""
    return said if isinstance(said, str) and not said.startswith("No ") else ""


def _problem(request: HttpRequest, template: str, status: int, bare: bool = False, reason: str = "") -> HttpResponse:
    context = {"number": getattr(request, "number", ""), "reason": reason}
    if bare:
        from django.template.loader import render_to_string

        return HttpResponse(render_to_string(template, context), status=status)
    response: HttpResponse = render(request, template, context, status=status)
    return response
