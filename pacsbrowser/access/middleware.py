"""Every view demands a login, and a session ends when nobody uses it, and after some hours anyway."""

import time
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth import middleware as auth
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

_SEEN = "seen"
_SINCE = "since"
_WRITE_EVERY = 60


class LoginRequiredMiddleware(auth.LoginRequiredMiddleware):
    """Django's, except that a fragment of a page is never answered with the login form: the whole page goes there."""

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseBase:
        """Send the browser to the login page and later back to the page the fragment belongs to."""
        if not request.headers.get("HX-Request"):
            return super().handle_no_permission(request, view_func)
        back = urlencode({"next": _path_of(request.headers.get("HX-Current-URL", "")) or "/"})
        return HttpResponseClientRedirect(f"{resolve_url(settings.LOGIN_URL)}?{back}")


def _path_of(address: str) -> str:
    """The path and query of an address that a header claims."""
    try:
        page = urlsplit(address)
    except ValueError:
        return ""
    return f"{page.path}?{page.query}" if page.query else page.path


class IdleTimeoutMiddleware:
    """Ends a session after SESSION_IDLE without a click, and after SESSION_LIFETIME whatever is clicked.

    What a page asks by itself (X-Poll) is not a click.

    The time is written at most once a minute, so that reading pages does not mean writing the database.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Check, and note the time."""
        if request.user.is_authenticated:
            now = int(time.time())
            seen, since = request.session.get(_SEEN), request.session.get(_SINCE)
            if since is None:
                since = request.session[_SINCE] = now
            too_old = now - since > settings.SESSION_LIFETIME.total_seconds()
            if too_old or (seen is not None and now - seen > settings.SESSION_IDLE.total_seconds()):
                logout(request)
            elif "X-Poll" not in request.headers and (seen is None or now - seen >= _WRITE_EVERY):
                request.session[_SEEN] = now
        return self.get_response(request)
