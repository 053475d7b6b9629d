"""The absolute addresses that answers contain, as the client can reach them."""

from functools import lru_cache
from urllib.parse import urlsplit

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.utils.encoding import iri_to_uri

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_FORWARDED = (
    "HTTP_FORWARDED", "HTTP_VIA", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
)  # fmt: skip


def absolute(request: HttpRequest, path: str) -> str:
    """Return the absolute address of a path of this site, which begins with a slash.

    Some clients (dicomweb-client among them) leave the port out of Host, though RFC 9110 7.2 asks for it. Where no
    proxy stands in between, the port that they have reached is the right one.

    Raises:
        DisallowedHost: the host is not one that is served here.
    """
    meta = request.META
    port = "" if any(name in meta for name in _FORWARDED) else str(meta.get("SERVER_PORT", ""))
    return f"{_origin(str(request.scheme), request.get_host(), port)}{iri_to_uri(path)}"


@lru_cache(maxsize=64)
def _origin(scheme: str, host: str, port: str) -> str:
    try:
        has_port = urlsplit(f"//{host}").port is not None
    except ValueError as error:
        raise DisallowedHost("The port of the host is none.") from error
    if has_port or not port.isdecimal() or port == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"
