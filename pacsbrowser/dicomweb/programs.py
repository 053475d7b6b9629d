"""The short way of a program's request: one with a token needs nothing of what a page needs."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import resolve

from pacsbrowser.dicomweb.urls import is_of_programs


class ProgramsMiddleware:
    """Answers a request with an Authorization header below the paths of programs without the middleware behind it.

    Sessions, messages, CSRF, page policies and static files concern browsers; a request of a program takes as long to
    pass through them as many a question takes to be answered.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, or hand on."""
        if not request.META.get("HTTP_AUTHORIZATION") or not is_of_programs(request):
            return self.get_response(request)
        # raises DisallowedHost for a name that is not served here
        request.get_host()
        found = request.resolver_match = resolve(request.path_info)
        response: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        if isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response
