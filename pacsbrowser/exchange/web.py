"""Asking a DICOMweb node (PS3.18): one request over a connection to an address that was checked.

The name is resolved once and the connection goes to an address of that answer, so that a name server cannot give
another one afterwards. Redirects are not followed and proxies not asked: where a request goes is what was checked.
"""

import base64
import http.client
import json
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from pacsbrowser.exchange.addresses import resolve
from pacsbrowser.exchange.failures import ExchangeError, Lost, NotTaken, Rejected, Unreachable
from pacsbrowser.exchange.models import Login, Node
from pacsbrowser.exchange.sealing import Unreadable, unseal
from pacsbrowser.exchange.tls import client_context

DICOM_JSON = "application/dicom+json"
CONNECT_WITHIN = 10.0
ANSWER_WITHIN = 60.0
# Of a query's answer; objects are streamed.
MOST_ANSWER = 64 * 1024 * 1024
_MOST_SAID = 2_000
_WORDS = re.compile(r"<[^>]*>|[\x00-\x1f\x7f]+")
# Refusals of the caller, the address or the moment, which another body would not change.
_NOT_FOR_CONTENT = (401, 403, 404, 405, 407, 408, 429)
_REASONS = {
    401: "It does not accept the login.",
    403: "It refuses: this login may not do that.",
    404: "There is no such DICOMweb service or object at this URL.",
    406: "It cannot answer in the form that is needed.",
    413: "It says that this is too much at once.",
    415: "It does not take objects in this form.",
    429: "It asks for fewer requests.",
    503: "It is busy.",
    507: "It has no room left.",
}


@contextmanager
def ask(
    node: Node,
    method: str,
    path: str,
    *,
    accept: str = DICOM_JSON,
    body: Iterable[bytes] | None = None,
    content_type: str = "",
    patience: float = ANSWER_WITHIN,
) -> Iterator[http.client.HTTPResponse]:
    """Ask a node, and yield its answer, of any status below 300 and 409, from which the body is then read.

    Args:
        path: below the URL of the service, beginning with a slash; with its query.
        body: pieces, sent as they come.
        patience: seconds that the node may be silent.

    Raises:
        Unreachable: no connection.
        Rejected: a status that is a refusal, in words; NotTaken where it may be for what the request carries.
        Lost: the connection ended, or there was no answer in time.
    """
    parts = urlsplit(node.url)
    headers = {"Accept": accept, "User-Agent": "PACS browser", **_login(node)}
    if body is not None:
        headers |= {"Content-Type": content_type, "Transfer-Encoding": "chunked"}
    connection = _open(node, patience)
    try:
        # who refuses may do so, and close, before everything was sent
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, parts.path.rstrip("/") + path, body, headers, encode_chunked=body is not None)
        answer = connection.getresponse()
        if answer.status >= 300 and answer.status != 409:
            raise _refusal(answer)
        yield answer
    except TimeoutError:
        raise Lost("The other side does not answer in time.") from None
    except (OSError, http.client.HTTPException) as error:
        raise Lost(f"The connection to {parts.hostname} broke off ({type(error).__name__}).") from error
    finally:
        connection.close()


def ask_json(node: Node, path: str, patience: float = ANSWER_WITHIN) -> list[dict[str, Any]]:
    """Return the data sets that a query finds (PS3.18 10.6), none for 204; raises ExchangeError."""
    with ask(node, "GET", path, patience=patience) as answer:
        data = answer.read(MOST_ANSWER + 1)
        if answer.status == 204 or not data:
            return []
    if len(data) > MOST_ANSWER:
        raise Lost("The answer is too long.")
    return parse_data_sets(data)


def parse_data_sets(data: bytes) -> list[dict[str, Any]]:
    """Read an answer in the DICOM JSON model; raises Lost for anything else."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise Lost("The answer is no DICOM JSON.") from None
    found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Lost("The answer is no DICOM JSON.")
    return found


def ping(node: Node) -> None:
    """Verify that a node answers queries (QIDO-RS); raises ExchangeError."""
    ask_json(node, "/studies?limit=1", CONNECT_WITHIN)


class _Pinned(http.client.HTTPConnection):
    """A connection to one of some addresses, whatever the name means by now."""

    def __init__(self, node: Node, addresses: list[str], patience: float) -> None:
        parts = urlsplit(node.url)
        self._tls = client_context() if parts.scheme == "https" else None
        super().__init__(parts.hostname or "", parts.port or port_of(node.url), timeout=patience)
        self._addresses = addresses

    def connect(self) -> None:
        problem = "nobody answers"
        for address in self._addresses:
            try:
                sock = socket.create_connection((address, self.port), timeout=CONNECT_WITHIN)
            except OSError as error:
                problem = (error.strerror or "nobody answers in time").lower()
                continue
            sock.settimeout(self.timeout)
            self.sock = self._tls.wrap_socket(sock, server_hostname=self.host) if self._tls else sock
            return
        raise _NotReached(f"{self.host} does not take a connection at port {self.port}: {problem}.")


class _NotReached(Exception):
    pass


def _open(node: Node, patience: float) -> _Pinned:
    parts = urlsplit(node.url)
    addresses = resolve(parts.hostname or "", port_of(node.url), is_trusted=node.is_trusted)
    connection = _Pinned(node, addresses, patience)
    try:
        connection.connect()
    except _NotReached as error:
        raise Unreachable(str(error)) from None
    except (OSError, ValueError) as error:
        connection.close()
        reason = getattr(error, "verify_message", "") or getattr(error, "reason", "") or type(error).__name__
        raise Unreachable(f"TLS with {parts.hostname} failed: {reason}.") from None
    return connection


def host_of(url: str) -> str:
    """Return the name or address in a URL."""
    return urlsplit(url).hostname or ""


def port_of(url: str) -> int:
    """Return the port of a URL."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _login(node: Node) -> Mapping[str, str]:
    try:
        secret = unseal(node.secret)
    except Unreadable as error:
        raise ExchangeError(str(error)) from None
    if node.login == Login.BEARER:
        return {"Authorization": f"Bearer {secret}"}
    if node.login == Login.BASIC:
        return {"Authorization": "Basic " + base64.b64encode(f"{node.username}:{secret}".encode()).decode()}
    return {}


def _refusal(answer: http.client.HTTPResponse) -> Rejected:
    status, why = answer.status, _why(answer)
    if status == 500 or (400 <= status < 500 and status not in _NOT_FOR_CONTENT):
        return NotTaken(why, status)
    return Rejected(why)


def _why(answer: http.client.HTTPResponse) -> str:
    """Return what a refusal means."""
    if 300 <= answer.status < 400:
        target = urlsplit(answer.headers.get("Location", ""))
        to = f" to {target.scheme}://{target.netloc}{target.path}"[:200] if target.netloc else ""
        return f"It redirects{to}, which is not followed. Enter the address that it leads to."
    known = _REASONS.get(answer.status, "")
    said = " ".join(_WORDS.sub(" ", answer.read(_MOST_SAID).decode("utf-8", "replace")).split())[:200]
    return f"It answers with status {answer.status}. {known or said}".strip()
