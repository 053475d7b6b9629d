"""Who may call and what for: strangers, nodes, their addresses and rights, limits, and TLS."""

import socket
import ssl
from pathlib import Path
from struct import pack
from typing import Any

import pytest
from pynetdicom import AE

from pacsbrowser.audit.models import Action, Event, Refusal, Result
from pacsbrowser.dimse import server, service
from pacsbrowser.dimse.policy import Caller, admit
from pacsbrowser.exchange import scu
from pacsbrowser.exchange.failures import ExchangeError
from pacsbrowser.exchange.models import Node
from tests.certificates import make_certificates
from tests.datasets import make_dataset
from tests.dimse.peers import CT, PATIENT_GET, STUDY_FIND, STUDY_MOVE, TITLE, Archive, make_node, request_bytes, send
from tests.live import wait_until

EXPLICIT = "1.2.840.10008.1.2.1"
SERVICES = {CT: "store", STUDY_FIND: "find", PATIENT_GET: "get", STUDY_MOVE: "move"}


def offered(archive: Archive, ae_title: str) -> set[str]:
    """Return which rights a caller finds that it has."""
    with archive.associate(*((uid, [EXPLICIT]) for uid in SERVICES), ae_title=ae_title) as link:
        return {SERVICES[str(one.abstract_syntax)] for one in link.accepted_contexts}


def refused(archive: Archive, ae_title: str, called: str = TITLE) -> tuple[int, int, int]:
    """Return result, source and reason of a rejection."""
    ae = AE(ae_title=ae_title)
    ae.add_requested_context("1.2.840.10008.1.1")
    link = ae.associate("127.0.0.1", archive.port, ae_title=called)
    assert link.is_rejected
    answer = link.acceptor.primitive
    return answer.result, answer.result_source, answer.diagnostic


def test_strangers_may_store_by_default(archive: Archive, settings: Any) -> None:
    from pacsbrowser import settings as product

    settings.DIMSE_STRANGERS = product.DIMSE_STRANGERS
    assert offered(archive, "STRANGER") == {"store"}
    settings.DIMSE_STRANGERS = frozenset()
    assert refused(archive, "STRANGER") == (1, 1, 3)
    event = wait_until(Event.objects.filter(action=Action.ASSOCIATE, outcome=Result.REFUSED).first)
    assert (event.who, event.address) == ("STRANGER", "127.0.0.1")


def test_refusals_by_the_dozen_are_counted(archive: Archive, settings: Any) -> None:
    settings.DIMSE_STRANGERS = frozenset()
    for number in range(12):
        assert refused(archive, f"STRANGER{number}") == (1, 1, 3)
    events = Event.objects.filter(action=Action.ASSOCIATE)
    # a refusal is recorded when its caller has heard it
    wait_until(lambda: events.count() + sum(Refusal.objects.values_list("more", flat=True)) == 12)
    # the minute may end meanwhile
    assert events.count() <= 2


@pytest.mark.parametrize("right", ["store", "find", "get", "move"])
def test_a_node_may_what_its_row_says(archive: Archive, right: str) -> None:
    rights = {f"may_{word}": word == right for word in SERVICES.values()}
    make_node("NODE", **rights)
    assert offered(archive, "NODE") == {right}


def test_the_title_of_a_node_from_another_address(archive: Archive) -> None:
    make_node("NODE", host="192.0.2.1")
    assert refused(archive, "NODE") == (1, 1, 3)
    Node.objects.update(addresses="10.0.0.0/8\n127.0.0.0/8")
    assert offered(archive, "NODE") == {"store", "find", "get", "move"}


def test_the_called_title(archive: Archive, settings: Any) -> None:
    link = AE(ae_title="ANY").associate("127.0.0.1", archive.port, ae_title="SOMEBODY", contexts=_echo())
    assert link.is_established
    link.release()
    settings.DIMSE_CHECK_CALLED = True
    assert refused(archive, "ANY", "SOMEBODY") == (1, 1, 7)
    assert offered(archive, "ANY")


def _echo() -> list[Any]:
    from pynetdicom import build_context

    return [build_context("1.2.840.10008.1.1")]


@pytest.mark.django_db
def test_a_node_with_a_broken_list_of_addresses_is_refused() -> None:
    make_node("NODE", addresses="somewhere")
    assert not isinstance(admit("NODE", TITLE, "127.0.0.1"), Caller)
    Node.objects.update(addresses="")
    assert isinstance(admit("NODE", TITLE, "::ffff:127.0.0.1"), Caller)


def test_too_many_associations(archive: Archive, settings: Any) -> None:
    settings.DIMSE_MOST_ASSOCIATIONS = 2
    with archive.associate(), archive.associate():
        assert refused(archive, "THIRD") == (2, 3, 2)
    wait_until(lambda: _can_open(archive), 10)


def _can_open(archive: Archive) -> bool:
    ae = AE(ae_title="FOURTH")
    link = ae.associate("127.0.0.1", archive.port, contexts=_echo())
    established = link.is_established
    if established:
        link.release()
    return bool(established)


def test_silent_strangers_make_room(archive: Archive, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DIMSE_MOST_ASSOCIATIONS = 3
    make_node("NODE")
    monkeypatch.setattr(server, "_SILENT", 0.3)
    with _associated(archive, "NODE") as node, _associated(archive, "A") as first, _associated(archive, "B") as second:
        wait_until(lambda: _can_open(archive), 10)
        assert first.recv(100) == b""
        for link in (node, second):
            link.settimeout(0.2)
            with pytest.raises(TimeoutError):
                link.recv(100)


def _associated(archive: Archive, ae_title: str) -> socket.socket:
    """Return a connection with an association that says nothing more."""
    link = socket.create_connection(("127.0.0.1", archive.port), timeout=20)
    link.sendall(request_bytes(ae_title, [("1.2.840.10008.1.1", EXPLICIT)]))
    assert link.recv(10_000)[0] == 2
    return link


def test_a_request_that_trickles_is_not_waited_for(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REQUEST_WITHIN", 1.0)
    with socket.create_connection(("127.0.0.1", archive.port), timeout=0.2) as link:
        link.sendall(pack(">BxI", 1, 5000))
        wait_until(lambda: _is_ended_after(link, b"\0"), 10)


def _is_ended_after(link: socket.socket, data: bytes) -> bool:
    """Whether the other side ends the connection while it is sent another byte."""
    try:
        link.sendall(data)
        return not link.recv(100)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_an_idle_association_is_ended(archive: Archive, settings: Any) -> None:
    settings.DIMSE_IDLE = 1
    ae = AE(ae_title="SILENT")
    link = ae.associate("127.0.0.1", archive.port, contexts=_echo())
    assert link.is_established
    wait_until(lambda: link.is_aborted, 10)


def test_a_unit_longer_than_agreed_ends_the_association(archive: Archive, settings: Any) -> None:
    settings.DIMSE_MOST_UNIT = 4096
    with archive.associate((CT, [EXPLICIT])) as link:
        link.acceptor.primitive.maximum_length_received = 65536
        with pytest.raises(AssertionError):
            send(link, make_dataset(PixelData=bytes(20_000), Rows=100, Columns=100))


# ------------------------------------------------------------------ TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and a certificate of it for this machine that both sides use."""
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(certificates: Path, settings: Any) -> Any:
    """Settings by which the port speaks TLS, and wants a certificate of its callers; asked for before it opens."""
    settings.DIMSE_TLS_CERT, settings.DIMSE_TLS_KEY = str(certificates / "own.pem"), str(certificates / "own.key")
    settings.DIMSE_TLS_CA = str(certificates / "ca.pem")
    return settings


def test_tls_with_client_certificates(tls: Any, archive: Archive, certificates: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    context.load_cert_chain(certificates / "own.pem", certificates / "own.key")
    with archive.associate((CT, [EXPLICIT]), tls_args=(context, "localhost")) as link:
        assert send(link, make_dataset()) == 0
    # the other direction: this archive calls itself as another node
    scu.echo(make_node("SELF", archive.port, tls=True, host="localhost"))


def test_tls_without_a_client_certificate(tls: Any, archive: Archive, certificates: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    ae = AE(ae_title="NOBODY")
    link = ae.associate("127.0.0.1", archive.port, contexts=_echo(), tls_args=(context, "localhost"))
    assert not link.is_established
    tls.DIMSE_TLS_CERT = ""
    with pytest.raises(ExchangeError):
        scu.echo(make_node("SELF", archive.port, tls=True, host="localhost"))
    with pytest.raises(ExchangeError):
        scu.echo(make_node("PLAIN", archive.port))
