"""STOW-RS as the one who sends (PS3.18 10.5): objects as they are stored, some in a request, a result for each."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from pacsbrowser.archive.models import Instance
from pacsbrowser.archive.outgoing import DicomError, Outgoing, stored_object
from pacsbrowser.exchange import web
from pacsbrowser.exchange.failures import ExchangeError, Lost, NotTaken, Unreachable
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.sending import MOST_LOSSES
from pacsbrowser.exchange.storing import NOT_READ, NOT_SENT, PROCESSING_FAILURE, Sent

# What one request holds at most: a failure costs no more than that.
MOST_OBJECTS = 50
MOST_BYTES = 64_000_000
# Of objects of which the answer says nothing, and of those that are refused alone: for ever, or perhaps for now.
NOT_MENTIONED = 0xA700
_REFUSED_ALONE = {413: 0x0124, 500: PROCESSING_FAILURE}
_REFUSED = 0xC000
# An archive may take a while to write down what it was sent.
PATIENCE = 300.0
_UNSAID = Sent("", NOT_MENTIONED, "The answer does not say what became of it.")
_FAILED, _STORED = "00081198", "00081199"
_INSTANCE, _REASON, _WARNING = "00081155", "00081197", "00081196"


def store_instances(node: Node, keys: Sequence[int], should_stop: Callable[[], bool]) -> Iterator[Sent]:
    """Send objects by their keys and yield what became of each; those that were deleted meanwhile are passed over.

    An object at which the node refuses a request or breaks off keeps no other back. A node that is not reached, fails
    at each object of a request, or breaks off at two in a row is not tried again: what is left did not go either.
    """
    requests = _Requests(node, should_stop)
    for start in range(0, len(keys), MOST_OBJECTS):
        some = keys[start : start + MOST_OBJECTS]
        found = Instance.objects.live().select_related("blob").in_bulk(some)
        for batch in _batches([found[key] for key in some if key in found]):
            if should_stop():
                return
            results = requests.send(batch)
            for instance in batch:
                uid = instance.sop_instance_uid
                yield replace(results.get(uid) or replace(_UNSAID, sop_instance_uid=uid), key=instance.pk)


def _batches(instances: Sequence[Instance]) -> Iterator[list[Instance]]:
    """Yield what goes in one request: never two objects of one UID, for the answer names them by it."""
    batch: list[Instance] = []
    size, uids = 0, set[str]()
    for instance in instances:
        if batch and (size + instance.blob.size > MOST_BYTES or instance.sop_instance_uid in uids):
            yield batch
            batch, size, uids = [], 0, set()
        batch.append(instance)
        uids.add(instance.sop_instance_uid)
        size += instance.blob.size
    if batch:
        yield batch


class _Requests:
    """Sends objects to a node until it is given up."""

    def __init__(self, node: Node, should_stop: Callable[[], bool]) -> None:
        self._node = node
        self._should_stop = should_stop
        self._given_up = ""
        self._losses = 0

    def send(self, instances: Sequence[Instance]) -> dict[str, Sent]:
        """Send some objects and return what is known of them."""
        results = self._send(instances)
        if results and not self._given_up and all(one.is_suspect for one in results.values()):
            self._given_up = results[instances[0].sop_instance_uid].reason
        return results

    def _send(self, instances: Sequence[Instance]) -> dict[str, Sent]:
        """Send some objects in one request; where it is refused or breaks off, in several of half the number."""
        results, objects = _read(instances)
        if not objects:
            return results
        if self._given_up or self._should_stop():
            return results | _none_went(objects, self._given_up)
        try:
            return results | self._request(list(objects.values()))
        except (NotTaken, Lost) as error:
            if len(objects) == 1:
                return results | {uid: self._alone(uid, error) for uid in objects}
        except ExchangeError as error:
            self._given_up = str(error) if isinstance(error, Unreachable) else ""
            return results | _none_went(objects, str(error))
        middle = len(instances) // 2
        return self._send(instances[:middle]) | self._send(instances[middle:])

    def _request(self, objects: Sequence[Outgoing]) -> dict[str, Sent]:
        try:
            results = _request(self._node, objects)
        except NotTaken:
            self._losses = 0
            raise
        self._losses = 0
        return results

    def _alone(self, uid: str, error: NotTaken | Lost) -> Sent:
        """Return what became of an object that went alone."""
        if isinstance(error, NotTaken):
            status = _REFUSED_ALONE.get(error.status, _REFUSED)
            return Sent(uid, status, str(error), is_suspect=error.status == 500)
        self._losses += 1
        if self._losses == MOST_LOSSES:
            self._given_up = str(error)
        return Sent(uid, NOT_SENT, str(error), is_suspect=True)


def _read(instances: Sequence[Instance]) -> tuple[dict[str, Sent], dict[str, Outgoing]]:
    """Return what became of those that cannot be read, and what is to be sent of the others, by their UIDs."""
    results: dict[str, Sent] = {}
    objects: dict[str, Outgoing] = {}
    for instance in instances:
        uid = instance.sop_instance_uid
        try:
            objects[uid] = stored_object(instance)
        except (OSError, DicomError):
            results[uid] = Sent(uid, NOT_READ, "Its file cannot be read.")
    return results, objects


def _none_went(uids: Iterable[str], reason: str) -> dict[str, Sent]:
    return {uid: Sent(uid, NOT_SENT, reason) for uid in uids}


def _request(node: Node, objects: Sequence[Outgoing]) -> dict[str, Sent]:
    boundary = secrets.token_hex(16)
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    body = _body(objects, boundary.encode())
    with web.ask(node, "POST", "/studies", body=body, content_type=kind, patience=PATIENCE) as answer:
        found = web.parse_data_sets(answer.read(web.MOST_ANSWER))
    if len(found) != 1:
        raise Lost("The answer does not say what became of the objects.")
    return dict(_results(found[0]))


def _body(objects: Sequence[Outgoing], boundary: bytes) -> Iterator[bytes]:
    for outgoing in objects:
        syntax = outgoing.transfer_syntax_uid.encode("ascii", "replace")
        yield b"--" + boundary + b"\r\nContent-Type: application/dicom; transfer-syntax=" + syntax + b"\r\n\r\n"
        # a piece without bytes would end a body that is sent in chunks
        yield from filter(None, outgoing.pieces)
        yield b"\r\n"
    yield b"--" + boundary + b"--\r\n"


def _results(answer: dict[str, Any]) -> Iterator[tuple[str, Sent]]:
    """Read the Store Instances Response (PS3.18 Table I.2.1-1)."""
    for item in _items(answer, _STORED):
        uid, warning = str(_value(item, _INSTANCE, "")), _number(item, _WARNING)
        yield uid, Sent(uid, warning, f"Stored, with warning {warning:04X}H." if warning else "")
    for item in _items(answer, _FAILED):
        uid, reason = str(_value(item, _INSTANCE, "")), _number(item, _REASON) or NOT_MENTIONED
        yield uid, Sent(uid, reason, f"Refused, with reason {reason:04X}H.")


def _items(data_set: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    element = data_set.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _value(item: dict[str, Any], tag: str, otherwise: Any) -> Any:
    element = item.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return found[0] if isinstance(found, list) and found else otherwise


def _number(item: dict[str, Any], tag: str) -> int:
    found = _value(item, tag, 0)
    return found & 0xFFFF if isinstance(found, int) else 0
