"""A resource of the API: which function answers which method, and what every answer has in common.

    path("studies", resource(GET=search_studies, POST=store_instances))

A function gets a `Call` and the UIDs of the path. It raises Problem, or whatever it likes: every failure becomes a JSON
body, never a page.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import get_script_prefix, reverse
from django.views.decorators.csrf import csrf_exempt

from pacsbrowser.access.scope import Scope
from pacsbrowser.dicomweb import cors
from pacsbrowser.dicomweb.accept import MediaRange, Offer, accepted, choose
from pacsbrowser.dicomweb.addresses import absolute
from pacsbrowser.dicomweb.caller import Caller, identify
from pacsbrowser.dicomweb.problems import NOT_HERE, Problem

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """A request with who makes it. `holder` is the key of the one study that its address is about, where it says so."""

    request: HttpRequest
    caller: Caller
    holder: int | None = None

    @property
    def scope(self) -> Scope:
        """Which studies exist for the caller."""
        return self.caller.scope

    def accepted(self) -> list[MediaRange]:
        """Return the acceptable media ranges, the most wanted first."""
        return accepted(self.request)

    def choose(self, *offers: Offer) -> Offer:
        """Return the best representation of those on offer, or raise 406."""
        return choose(self.accepted(), offers)

    @property
    def base(self) -> str:
        """The absolute address of this API, without a slash at its end."""
        return absolute(self.request, _root(get_script_prefix()))

    def url(self, path: str) -> str:
        """Return the absolute address of a path of this site."""
        return absolute(self.request, path)

    def retrieve_url(self, study: str, series: str = "", instance: str = "") -> str:
        """Return the Retrieve URL (0008,1190) of a study, series or instance."""
        parts = zip(("studies", "series", "instances"), (study, series, instance), strict=True)
        return self.base + "".join(f"/{level}/{quote(uid, safe='')}" for level, uid in parts if uid)


@lru_cache(maxsize=16)
def _root(prefix: str) -> str:
    """Return the path of this API; `prefix` is where the site is mounted, which `reverse` heeds."""
    return reverse("dicomweb_capabilities").rstrip("/")


Answer = Callable[..., HttpResponseBase]
View = Callable[..., HttpResponseBase]


def resource(**methods: Answer) -> View:
    """Return the view of a resource: GET, POST, DELETE as given; HEAD is GET, OPTIONS tells the methods."""

    @csrf_exempt
    @login_not_required
    def view(request: HttpRequest, **uids: str) -> HttpResponseBase:
        try:
            response = _answer(request, methods, uids)
        except Exception as error:  # every failure has to become an answer of this API
            response = _failure(request, error).response()
        cors.allow(request, response)
        if response.status_code == 204:
            del response.headers["Content-Type"]
        return response

    return view


def _answer(request: HttpRequest, methods: dict[str, Answer], uids: dict[str, str]) -> HttpResponseBase:
    if cors.is_preflight(request):
        return cors.preflight()
    caller = identify(request)
    name = "GET" if request.method == "HEAD" else request.method or ""
    answer = methods.get(name)
    if answer is None:
        allowed = ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"}))
        if name == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": allowed})
        raise Problem(405, f"{request.method} is not offered here. Offered: {allowed}.", headers={"Allow": allowed})
    if name == "GET" and not caller.may_read:
        raise Problem(403, "This token may not read.")
    holder = uids.pop("holder", "")
    return answer(Call(request, caller, int(holder) if holder else None), **uids)


def _failure(request: HttpRequest, error: Exception) -> Problem:
    """Return what a failure is to the client; one of ours goes to the log with the request's number."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Http404):
        return Problem(404, NOT_HERE)
    if isinstance(error, PermissionDenied):
        return Problem(403, str(error) or "Your account may not do this.")
    if isinstance(error, SuspiciousOperation):
        return Problem(400, "The request cannot be understood.")
    number = getattr(request, "number", "")
    logger.error("DICOMweb request %s failed", number, exc_info=error)
    if isinstance(error, OperationalError):
        return Problem(503, "The server cannot use its database at the moment.", headers={"Retry-After": "5"})
    return Problem(500, f"The server failed. An administrator finds the cause in the log under {number}.")


def nothing_here(call: Call, **uids: str) -> HttpResponseBase:
    """Answer any address that is not one of this API."""
    raise Problem(404, "There is no such resource. OPTIONS of the base address lists what is offered.")
