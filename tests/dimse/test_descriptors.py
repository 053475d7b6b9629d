"""Neither the port nor those who call from here leave a socket open, however a connection ends."""

import gc
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from struct import pack
from typing import Any

import pytest

from pacsbrowser.exchange import scu, web
from pacsbrowser.exchange.failures import ExchangeError
from tests.certificates import make_certificates
from tests.dimse.peers import Archive, make_node, request_bytes
from tests.exchange.test_web import answering, says, web_node
from tests.live import free_port, wait_until

ECHO = request_bytes("CALLER", [("1.2.840.10008.1.1", "1.2.840.10008.1.2.1")])
pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks at descriptors through /proc")


def sockets() -> set[str]:
    """Return the sockets that this process has."""
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - links that may vanish meanwhile
        with suppress(OSError):
            found.add(str(Path("/proc/self/fd", name).readlink()))
    return {one for one in found if one.startswith("socket:")}


@pytest.fixture
def _no_collector() -> Iterator[None]:
    """Nothing is closed because it is forgotten."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("tls"))


def nothing(link: socket.socket) -> None:
    pass


def garbage(link: socket.socket) -> None:
    link.sendall(b"GET / HTTP/1.1\r\n\r\n")
    link.recv(100)


def half_a_request(link: socket.socket) -> None:
    link.sendall(ECHO[:40])


def reset(link: socket.socket) -> None:
    link.sendall(ECHO)
    link.recv(100)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))


def release(link: socket.socket) -> None:
    link.sendall(ECHO)
    link.recv(4096)
    link.sendall(b"\5\0\0\0\0\4\0\0\0\0")
    link.recv(100)


def abort(link: socket.socket) -> None:
    link.sendall(ECHO)
    link.recv(4096)
    link.sendall(b"\7\0\0\0\0\4\0\0\0\0")


def half_a_message(link: socket.socket) -> None:
    link.sendall(ECHO)
    link.recv(4096)
    link.sendall(b"\4\0\0\0\1\0\0\0")


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("behave", [nothing, garbage, half_a_request, reset, release, abort, half_a_message])
def test_callers(archive: Archive, behave: Callable[[socket.socket], None]) -> None:
    before = sockets()
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", archive.port), timeout=20) as link:
            behave(link)
    wait_until(lambda: sockets() == before)


@pytest.mark.usefixtures("_no_collector")
@pytest.mark.parametrize("behave", [nothing, garbage, reset])
def test_callers_over_tls(
    transactional_db: Any,
    settings: Any,
    certificates: Path,
    request: pytest.FixtureRequest,
    behave: Callable[[socket.socket], None],
) -> None:
    settings.DIMSE_TLS_CERT, settings.DIMSE_TLS_KEY = str(certificates / "own.pem"), str(certificates / "own.key")
    archive = request.getfixturevalue("archive")
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    before = sockets()
    with socket.create_connection(("127.0.0.1", archive.port), timeout=20) as plain, suppress(OSError):
        behave(plain)
    with (
        socket.create_connection(("127.0.0.1", archive.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as link,
    ):
        behave(link)
    wait_until(lambda: sockets() == before)


@pytest.mark.usefixtures("_no_collector")
def test_those_who_call_from_here(archive: Archive, settings: Any) -> None:
    node = make_node("SELF", archive.port)
    before = sockets()
    scu.echo(node)
    for change in ({"tls": True}, {"port": free_port()}, {"ae_title": "OTHER"}):
        settings.DIMSE_CHECK_CALLED = "ae_title" in change
        broken = make_node(**{"ae_title": "BROKEN", "port": archive.port, **change})
        with pytest.raises(ExchangeError):
            scu.echo(broken)
        broken.delete()
    wait_until(lambda: sockets() == before)


@pytest.mark.django_db
@pytest.mark.usefixtures("_no_collector")
def test_those_who_ask_by_dicomweb_from_here(certificates: Path) -> None:
    before = sockets()
    with answering(says(204)) as (url, _):
        web.ping(web_node(url))
        with pytest.raises(ExchangeError):
            web.ping(web_node(url.replace("http:", "https:")))
    with answering(says(500)) as (url, _), pytest.raises(ExchangeError):
        web.ping(web_node(url))
    with answering(says(204), certificates) as (url, _), pytest.raises(ExchangeError):
        web.ping(web_node(url))
    with pytest.raises(ExchangeError):
        web.ping(web_node(f"http://127.0.0.1:{free_port()}"))
    wait_until(lambda: sockets() == before)
