"""Hands answers to the web server: what is in memory goes whole, and the database is free before anything is sent."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import connections
from django.http import HttpResponse

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class PromptAnswers:
    """The WSGI application, with answers in the shape that costs the server least.

    A list of bytes is sent by the server without asking Python again; a response object would be iterated, and closed,
    in another thread. The connection goes back to the few that are kept (see sqlite.base): the next request, whichever
    thread it comes to, finds one whose pages are in memory.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer. Streams are left as they are; what they ask the database is asked by the thread that sends them."""
        try:
            response = self._application(environ, start_response)
            if not isinstance(response, HttpResponse):
                return response
            body = [response.content]
            response.close()
            return body
        finally:
            connections.close_all()
