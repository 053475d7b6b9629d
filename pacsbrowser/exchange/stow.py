"""STOW-RS as the one who sends (PS3.18 10.5): objects as they are stored, some in a request, a result for each."""

import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from pacsbrowser.archive.models import Instance
from pacsbrowser.archive.outgoing import DicomError, Outgoing, stored_object
from pacsbrowser.exchange import web
from pacsbrowser.exchange.failures import ExchangeError, Lost, NotTaken, Unreachable
from pacsbrowser.exchange.models import Node
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

    A node that is not reached, or fails at each object of a request, is not tried again: all that is left did not go
    either.
    """
    unreached = ""
    for start in range(0, len(keys), MOST_OBJECTS):
        some = keys[start : start + MOST_OBJECTS]
        found = Instance.objects.live().select_related("blob").in_bulk(some)
        for batch in _batches([found[key] for key in some if key in found]):
            if should_stop():
                return
            unreached = yield from _store(node, batch, unreached)


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


def _store(node: Node, instances: Sequence[Instance], unreached: str) -> Generator[Sent, None, str]:
    """Send some objects, unless the node was given up before; return why it was, if so."""
    results: dict[str, Sent] = {}
    left = replace(_UNSAID, status=NOT_SENT, reason=unreached) if unreached else _UNSAID
    try:
        results = results if unreached else _send(node, instances)
        if results and all(one.is_suspect for one in results.values()):
            unreached = results[instances[0].sop_instance_uid].reason
    except ExchangeError as error:
        left = replace(_UNSAID, status=NOT_SENT, reason=str(error))
        unreached = str(error) if isinstance(error, Unreachable) else ""
    for instance in instances:
        uid = instance.sop_instance_uid
        yield replace(results.get(uid) or replace(left, sop_instance_uid=uid), key=instance.pk)
    return unreached


def _send(node: Node, instances: Sequence[Instance]) -> dict[str, Sent]:
    """Send some objects in one request; where it is refused for what it may carry, in several of half the number."""
    results: dict[str, Sent] = {}
    objects: dict[str, Outgoing] = {}
    for instance in instances:
        uid = instance.sop_instance_uid
        try:
            objects[uid] = stored_object(instance)
        except (OSError, DicomError):
            results[uid] = Sent(uid, NOT_READ, "Its file cannot be read.")
    if not objects:
        return results
    try:
        return results | _request(node, list(objects.values()))
    except NotTaken as error:
        if len(objects) == 1:
            status, is_suspect = _REFUSED_ALONE.get(error.status, _REFUSED), error.status == 500
            return results | {uid: Sent(uid, status, str(error), is_suspect=is_suspect) for uid in objects}
    middle = len(instances) // 2
    return _send(node, instances[:middle]) | _send(node, instances[middle:])


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
