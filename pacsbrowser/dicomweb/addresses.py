"""The absolute addresses that answers contain, as the client can reach them."""

from urllib.parse import urlsplit

from django.http import HttpRequest

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP")


def absolute(request: HttpRequest, path: str) -> str:
    """Return the absolute address of a path of this site.

    Some clients (dicomweb-client among them) leave the port out of Host, though RFC 9110 7.2 asks for it. Where no
    proxy stands in between, the port that they have reached is the right one.
    """
    address = request.build_absolute_uri(path)
    parts = urlsplit(address)
    port = str(request.META.get("SERVER_PORT", ""))
    if parts.port is not None or not port.isdecimal() or port == _DEFAULT_PORTS.get(parts.scheme):
        return address
    if any(name in request.headers for name in _FORWARDED):
        return address
    return parts._replace(netloc=f"{parts.netloc}:{port}").geturl()
