"""DICOMweb as the one who asks: where a request may go, refusals in words, objects to a real server and back."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pacsbrowser.archive.models import Instance
from pacsbrowser.exchange import addresses, stow, web
from pacsbrowser.exchange.failures import ExchangeError, Lost, Rejected, Unreachable
from pacsbrowser.exchange.models import Kind, Login, Node
from pacsbrowser.exchange.sealing import seal
from pacsbrowser.exchange.storing import Sent
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.live import LiveApp, free_port

pytestmark = pytest.mark.django_db


def web_node(url: str, **fields: Any) -> Node:
    return Node(name="web", kind=Kind.DICOMWEB, url=url, **{"is_trusted": True, **fields})


@contextmanager
def answering(
    answer: Callable[[BaseHTTPRequestHandler], None], certificates: Path | None = None
) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Run a server that answers everything in one way, over TLS where it has certificates; keep what it was sent."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.body = b""
            if self.headers.get("Transfer-Encoding") == "chunked":
                while length := int(self.rfile.readline(), 16):
                    self.body += self.rfile.read(length + 2)[:-2]
                self.rfile.readline()
            asked.append({"path": self.path, **{key.lower(): value for key, value in self.headers.items()}})
            answer(self)

        do_POST = do_GET

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificates:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates / "own.pem", certificates / "own.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http{'s' if certificates else ''}://127.0.0.1:{server.server_address[1]}/dicom-web/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(status: int, body: bytes = b"", **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "does not accept the login"), (404, "no such DICOMweb service"), (500, "status 500. Out of tapes")],
)
def test_a_refusal_is_said_in_words(status: int, words: str) -> None:
    with answering(says(status, b"<p>Out of</p>\ntapes")) as (url, _), pytest.raises(Rejected, match=words):
        web.ping(web_node(url))


def test_a_redirect_is_not_followed() -> None:
    with answering(says(200, b"[]")) as (inside, reached), answering(says(302, Location=inside)) as (url, _):
        with pytest.raises(Rejected, match="redirects to http://127"):
            web.ping(web_node(url))
        assert reached == []


def test_a_name_is_resolved_once_and_must_not_lead_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(says(200, b"[]")) as (url, asked):
        port = int(url.split(":")[2].split("/")[0])
        answers = iter(["127.0.0.1", "127.0.0.2"])

        def name_server(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
            assert host == "archive.example"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

        monkeypatch.setattr(addresses.socket, "getaddrinfo", name_server)
        node = web_node(f"http://archive.example:{port}/dicom-web", is_trusted=False)
        with pytest.raises(Unreachable, match="this machine itself"):
            web.ping(node)
        answers = iter(["127.0.0.1"])
        node.is_trusted = True
        # the connection asks for a name no more: a literal address is left, for which no name server is needed
        real = socket.create_connection
        went: list[str] = []

        def connect(address: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:
            went.append(address[0])
            monkeypatch.undo()
            return real(address, *rest, **more)

        monkeypatch.setattr(web.socket, "create_connection", connect)
        web.ping(node)
        assert went == ["127.0.0.1"]
        assert asked[0]["host"] == f"archive.example:{port}"


def test_logins_go_where_they_belong() -> None:
    with answering(says(204)) as (url, asked):
        web.ping(web_node(url, login=Login.BEARER, secret=seal("token one")))
        web.ping(web_node(url, login=Login.BASIC, username="anna", secret=seal("pass")))
        web.ping(web_node(url, secret=seal("unused")))
    assert [one.get("authorization") for one in asked] == ["Bearer token one", "Basic YW5uYTpwYXNz", None]
    assert asked[0]["path"] == "/dicom-web/studies?limit=1"


def test_nobody_there_and_nonsense() -> None:
    with pytest.raises(Unreachable, match="refused"):
        web.ping(web_node(f"http://127.0.0.1:{free_port()}"))
    for body in (b"<html>", b'"text"', b"[1]", b"[" * 100_000):
        with answering(says(200, body)) as (url, _), pytest.raises(Lost, match="no DICOM JSON"):
            web.ping(web_node(url))


def test_a_node_with_a_secret_of_another_installation_says_so() -> None:
    with pytest.raises(ExchangeError, match="Enter it again"):
        web.ping(web_node("http://127.0.0.1:1", login=Login.BEARER, secret="???"))


def test_each_object_gets_what_the_answer_says_of_it() -> None:
    ingest_datasets(*make_series(4))
    uids = [f"{ROOT}.1.1.{number}" for number in (1, 2, 3, 4)]
    answer = {
        "00081199": {"vr": "SQ", "Value": [_item(uids[0]), _item(uids[1], "00081196", 0xB000)]},
        "00081198": {"vr": "SQ", "Value": [_item(uids[2], "00081197", 0xA900), "odd"]},
    }
    with answering(says(202, json.dumps(answer).encode())) as (url, asked):
        keys = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
        sent = list(stow.store_instances(web_node(url), keys, lambda: False))
    assert [one.sop_instance_uid for one in sent] == uids
    assert [one.status for one in sent] == [0, 0xB000, 0xA900, stow.NOT_MENTIONED]
    assert [(one.is_kept, one.is_warning) for one in sent] == [
        (True, False),
        (True, True),
        (False, False),
        (False, False),
    ]
    assert len(asked) == 1 and asked[0]["transfer-encoding"] == "chunked"


def test_what_is_too_much_at_once_goes_in_parts() -> None:
    ingest_datasets(*make_series(4), make_dataset(SOPInstanceUID=f"{ROOT}.9", PixelData=bytes(200_000)))
    uids = [f"{ROOT}.1.1.1", f"{ROOT}.1.1.2", f"{ROOT}.1.1.3", f"{ROOT}.1.1.4", f"{ROOT}.9"]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body: bytes = handler.body  # type: ignore[attr-defined]
        parts = body.split(b"Content-Type: application/dicom")[1:]
        if len(parts) > 2 or len(body) > 100_000:
            says(413)(handler)
            return
        stored = [_item(uid) for uid in uids if any(uid.encode() in part for part in parts)]
        says(200, json.dumps({"00081199": {"vr": "SQ", "Value": stored}}).encode())(handler)

    keys = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
    with answering(answer) as (url, asked):
        sent = {one.sop_instance_uid: one for one in stow.store_instances(web_node(url), keys, lambda: False)}
    assert [sent[uid].is_kept for uid in uids] == [True] * 4 + [False]
    assert "too much at once" in sent[uids[4]].reason and not sent[uids[4]].may_go_later
    assert len(asked) < 9


SEVEN = [f"{ROOT}.1.1.{number}" for number in range(1, 8)]


def sent_to_a_node_that_takes_all_but(
    bad: str, refuse: Callable[[BaseHTTPRequestHandler], None]
) -> tuple[dict[str, Sent], int]:
    """Send SEVEN to a node that takes all requests without one object; return what became of each, and how many."""
    ingest_datasets(*make_series(len(SEVEN)))

    def answer(handler: BaseHTTPRequestHandler) -> None:
        body: bytes = handler.body  # type: ignore[attr-defined]
        came = [uid for uid in SEVEN if uid.encode() in body]
        if bad in came:
            refuse(handler)
            return
        says(200, json.dumps({"00081199": {"vr": "SQ", "Value": [_item(uid) for uid in came]}}).encode())(handler)

    keys = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
    with answering(answer) as (url, asked):
        sent = {one.sop_instance_uid: one for one in stow.store_instances(web_node(url), keys, lambda: False)}
    return sent, len(asked)


@pytest.mark.parametrize(("status", "may_go_later"), [(400, False), (415, False), (500, True)])
def test_an_object_for_which_a_request_is_refused_keeps_no_other_back(status: int, may_go_later: bool) -> None:
    sent, asked = sent_to_a_node_that_takes_all_but(SEVEN[4], says(status, b"Bad object"))
    assert [sent[uid].is_kept for uid in SEVEN] == [True] * 4 + [False] + [True] * 2
    refused = sent[SEVEN[4]]
    assert f"status {status}" in refused.reason and refused.status != stow.NOT_SENT
    assert (refused.may_go_later, asked) == (may_go_later, 7)


def cuts(handler: BaseHTTPRequestHandler) -> None:
    """End the connection without an answer."""
    handler.close_connection = True


def test_an_object_at_which_the_node_breaks_off_keeps_no_other_back() -> None:
    sent, asked = sent_to_a_node_that_takes_all_but(SEVEN[4], cuts)
    assert [sent[uid].is_kept for uid in SEVEN] == [True] * 4 + [False] + [True] * 2
    assert [sent[uid].is_suspect for uid in SEVEN] == [False] * 4 + [True] + [False] * 2
    assert (sent[SEVEN[4]].status, asked) == (stow.NOT_SENT, 7) and "broke off" in sent[SEVEN[4]].reason


def test_a_node_that_breaks_off_at_everything_is_given_up() -> None:
    ingest_datasets(*make_series(20))
    keys = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
    with answering(cuts) as (url, asked):
        sent = list(stow.store_instances(web_node(url), keys, lambda: False))
    # 20, 10, 5, 2, and two alone
    assert len(asked) == 6
    assert [one.is_suspect for one in sent] == [True] * 2 + [False] * 18
    assert {one.status for one in sent} == {stow.NOT_SENT} and all("broke off" in one.reason for one in sent)


def test_halving_ends_when_it_is_to_stop() -> None:
    ingest_datasets(*make_series(8))
    keys = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
    with answering(cuts) as (url, asked):
        sent = list(stow.store_instances(web_node(url), keys, lambda: len(asked) > 1))
    assert len(asked) == 2 and {one.status for one in sent} == {stow.NOT_SENT}


@pytest.mark.parametrize(("status", "most"), [(403, 2), (500, 3), (503, 2)])
def test_a_node_that_fails_at_everything_is_not_asked_for_each_object(
    status: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stow, "MOST_OBJECTS", 2)
    ingest_datasets(*make_series(4))
    keys = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
    with answering(says(status)) as (url, asked):
        sent = list(stow.store_instances(web_node(url), keys, lambda: False))
    assert len(asked) == most and {one.is_kept for one in sent} == {False}
    assert all(one.may_go_later for one in sent)


def test_a_node_that_is_not_reached_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ingest_datasets(*make_series(5))
    monkeypatch.setattr(stow, "MOST_OBJECTS", 2)
    tries: list[Any] = []
    real = socket.create_connection
    monkeypatch.setattr(web.socket, "create_connection", lambda *how, **more: tries.append(how) or real(*how, **more))
    keys = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
    sent = list(stow.store_instances(web_node(f"http://127.0.0.1:{free_port()}"), keys, lambda: False))
    assert [one.status for one in sent] == [stow.NOT_SENT] * 5 and len(tries) == 1
    assert {one.reason for one in sent} == {sent[0].reason} and "does not take a connection" in sent[0].reason


def _item(uid: str, tag: str = "", value: int = 0) -> dict[str, Any]:
    item: dict[str, Any] = {"00081155": {"vr": "UI", "Value": [uid]}}
    return {**item, tag: {"vr": "US", "Value": [value]}} if tag else item


@pytest.fixture(scope="module")
def token(live_app: LiveApp) -> str:
    """A token of the other archive. Made before a test has a database of its own, which would be the only one."""
    user = live_app.user("uploader")
    return live_app.manage("create_token", user.username, "--scope", "read,store").stdout.split()[-1]


def test_objects_reach_another_archive(live_app: LiveApp, token: str) -> None:
    ingest_datasets(*make_series(60, study=661))
    node = web_node(f"{live_app.url}/dicom-web", login=Login.BEARER, secret=seal(token))
    web.ping(node)
    keys = list(Instance.objects.order_by("pk").values_list("pk", flat=True))
    sent = list(stow.store_instances(node, keys, lambda: False))
    assert len(sent) == 60 and all(one.is_kept and not one.is_warning for one in sent), sent[0]
    found = web.ask_json(node, f"/studies/{ROOT}.661/instances?limit=100")
    assert len(found) == 60
    node.secret = seal("pb_wrong")
    refused = list(stow.store_instances(node, keys[:2], lambda: False))
    assert [one.status for one in refused] == [stow.NOT_SENT] * 2 and "does not accept the login" in refused[0].reason
