"""Cross-origin requests (the Fetch standard, 3.2): off, unless the configuration names the sites that may ask.

Cookies are never allowed across origins: a viewer of another site needs a token.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers

_HEADERS = "Authorization, Accept, Accept-Charset, Content-Type, Range, If-None-Match, If-Range"
_EXPOSED = "Content-Location, Content-Range, Accept-Ranges, ETag, Location, Warning"
_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
_REMEMBER = "600"


def is_preflight(request: HttpRequest) -> bool:
    """Say whether a browser asks if it may send another request; it never sends credentials with that."""
    if request.method != "OPTIONS":
        return False
    return "Origin" in request.headers and "Access-Control-Request-Method" in request.headers


def preflight() -> HttpResponse:
    """Return the empty answer to a preflight request, to which `allow` adds what is allowed."""
    return HttpResponse(status=204)


def allow(request: HttpRequest, response: HttpResponseBase) -> None:
    """Add what lets the page of an allowed site read the answer."""
    if not settings.DICOMWEB_CORS_ORIGINS:
        return
    patch_vary_headers(response, ["Origin"])
    origin = request.headers.get("Origin", "")
    if origin not in settings.DICOMWEB_CORS_ORIGINS:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = _EXPOSED
    if is_preflight(request):
        response.headers["Access-Control-Allow-Methods"] = _METHODS
        response.headers["Access-Control-Allow-Headers"] = _HEADERS
        response.headers["Access-Control-Max-Age"] = _REMEMBER
