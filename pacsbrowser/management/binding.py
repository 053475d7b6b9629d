"""Where to listen, and the refusal of addresses and settings that would leave the archive open."""

import ipaddress
import socket
from dataclasses import dataclass

from django.conf import settings
from django.core.management import CommandError

# Calls that wait while no process takes them.
_BACKLOG = 256


@dataclass(frozen=True, slots=True)
class Binding:
    """An address and a port."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Only programs of this machine can connect."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    @property
    def local_url(self) -> str:
        """Under which this machine reaches it."""
        host = self.host if not ipaddress.ip_address(_numeric(self.host)).is_unspecified else "127.0.0.1"
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def public_url(self) -> str:
        """Under which people reach it."""
        if self.is_loopback or not settings.PACSBROWSER_HOSTS:
            return self.local_url
        host = settings.PACSBROWSER_HOSTS[0].lstrip(".")
        return f"https://{host}" if settings.HTTPS else f"http://{host}:{self.port}"


def _numeric(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host


def parse_binding(text: str, option: str = "--bind") -> Binding:
    """Read HOST:PORT; the host is an address of this machine or localhost."""
    host, separator, port = text.rpartition(":")
    host = host.strip("[]")
    try:
        ipaddress.ip_address(_numeric(host))
        if not separator or not 0 < int(port) < 65536:
            raise ValueError
    except ValueError:
        raise CommandError(f"{option} wants an address and a port, such as 127.0.0.1:8000, not {text!r}.") from None
    return Binding(host, int(port))


def refuse_unsafe(binding: Binding) -> None:
    """Say in one sentence why this must not be served."""
    if "*" in settings.PACSBROWSER_HOSTS:
        raise CommandError("PACSBROWSER_HOSTS must name the host names; * would take requests for any name.")
    if settings.HTTPS and not getattr(settings, "SECURE_PROXY_SSL_HEADER", None):
        raise CommandError(
            "PACSBROWSER_HTTPS=1 needs a TLS proxy in front, and PACSBROWSER_TLS_HEADER to name the header by which "
            "it says that the browser used TLS (mostly X-Forwarded-Proto)."
        )
    # behind a proxy, others reach the site although it listens on this machine alone
    if settings.DEBUG and (settings.PACSBROWSER_HOSTS or not binding.is_loopback):
        raise CommandError(
            "PACSBROWSER_DEBUG shows secrets to whoever causes an error: it is refused where others can reach the site "
            "(PACSBROWSER_HOSTS is set, or --bind names another address than this machine's own)."
        )
    if binding.is_loopback:
        return
    if not settings.PACSBROWSER_HOSTS:
        raise CommandError(
            f"Other machines could reach {binding.host}: name the host names under which they may, "
            "with PACSBROWSER_HOSTS=pacs.example.org."
        )


def refuse_taken_port(binding: Binding, option: str = "--bind") -> None:
    """Notice before starting that another program has the port."""
    bound(binding, option).close()


def listening(binding: Binding, option: str = "--bind") -> socket.socket:
    """Return a socket that listens there; at port 0, at any that is free.

    Raises:
        CommandError: another program has the port, or the address is not of this machine.
    """
    found = bound(binding, option)
    found.listen(_BACKLOG)
    return found


def bound(binding: Binding, option: str) -> socket.socket:
    """Return a socket that has the port, and does not listen yet.

    Raises:
        CommandError: another program has it, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in binding.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((binding.host, binding.port))
    except OSError as error:
        found.close()
        raise CommandError(
            f"Cannot listen on {binding.host}:{binding.port}: {error.strerror}. Choose another with {option}."
        ) from None
    return found
