"""Whose certificates are believed: of who is called, the machine's authorities and the named; of callers, the named."""

import contextlib
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from pacsbrowser.exchange import scu, web
from pacsbrowser.exchange.failures import Unreachable
from tests.certificates import make_certificates
from tests.dimse.conftest import archive  # noqa: F401 - a fixture
from tests.dimse.peers import Archive, make_node, request_bytes
from tests.exchange.test_web import answering, says, web_node

Authorities = dict[str, Path]


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    """One that the machine believes, one that the operator names, and one that nobody knows."""
    folder = tmp_path_factory.mktemp("authorities")
    return {name: make_certificates(folder / name) for name in ("machine", "named", "unknown")}


@pytest.fixture(autouse=True)
def _believed(authorities: Authorities, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities["machine"] / "ca.pem"))
    settings.DIMSE_TLS_CA = str(authorities["named"] / "ca.pem")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["machine", "named", "unknown"])
def test_who_is_called_by_https(authorities: Authorities, name: str) -> None:
    expected = (
        pytest.raises(Unreachable, match="failed: unable to get local issuer certificate")
        if name == "unknown"
        else contextlib.nullcontext()
    )
    with answering(says(204), authorities[name]) as (url, _), expected:
        web.ping(web_node(url))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["machine", "named", "unknown"])
def test_who_is_called_by_dimse(
    authorities: Authorities, settings: Any, name: str, request: pytest.FixtureRequest
) -> None:
    named, settings.DIMSE_TLS_CA = settings.DIMSE_TLS_CA, ""
    listener = listening(request, settings, authorities[name])
    settings.DIMSE_TLS_CA = named
    node = make_node("SELF", listener.port, tls=True)
    if name == "unknown":
        with pytest.raises(Unreachable, match="local issuer"):
            scu.echo(node)
    else:
        scu.echo(node)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["machine", "named"])
def test_who_calls(authorities: Authorities, settings: Any, name: str, request: pytest.FixtureRequest) -> None:
    listener = listening(request, settings, authorities["named"])
    context = ssl.create_default_context(cafile=str(authorities["named"] / "ca.pem"))
    context.load_cert_chain(authorities[name] / "own.pem", authorities[name] / "own.key")
    assert is_answered(listener, context) is (name == "named")


def listening(request: pytest.FixtureRequest, settings: Any, own: Path) -> Archive:
    """Open the port with a certificate."""
    settings.DIMSE_TLS_CERT, settings.DIMSE_TLS_KEY = str(own / "own.pem"), str(own / "own.key")
    found: Archive = request.getfixturevalue("archive")
    return found


def is_answered(listener: Archive, context: ssl.SSLContext) -> bool:
    """Say whether a request for an association is answered."""
    with socket.create_connection(("127.0.0.1", listener.port), timeout=20) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as link:
                link.sendall(request_bytes("CALLER", [("1.2.840.10008.1.1", "1.2.840.10008.1.2")]))
                return link.recv(1) == b"\2"
        except (ssl.SSLError, ConnectionError):
            return False
