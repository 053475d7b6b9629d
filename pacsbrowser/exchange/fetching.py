"""Fetching a study from another node: C-MOVE to this archive, C-GET (PS3.4 C.4.2, C.4.3), or WADO-RS (PS3.18 10.4)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.conf import settings

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest import IngestResult, ingest
from pacsbrowser.archive.models import Delivery
from pacsbrowser.archive.multipart import MultipartError, MultipartReader, Part, boundary_of
from pacsbrowser.archive.receive import Joined, Staged, stage
from pacsbrowser.dicom.file_meta import make_file_meta
from pacsbrowser.dicom.identifier import encode_identifier
from pacsbrowser.dicom.part10 import EXPLICIT_UID, IMPLICIT_UID
from pacsbrowser.dicom.storage_classes import known_storage_classes
from pacsbrowser.dicom.transfer_syntaxes import DECODABLE, VIDEO
from pacsbrowser.exchange.association import Association, Context, Message
from pacsbrowser.exchange.commands import (
    AFFECTED_CLASS,
    AFFECTED_INSTANCE,
    C_GET,
    C_MOVE,
    C_STORE,
    COMMENT,
    COMPLETED,
    DESTINATION,
    FAILED,
    FIELD,
    MESSAGE_ID,
    PRIORITY,
    REMAINING,
    RESPONSE,
    WARNING,
    Command,
)
from pacsbrowser.exchange.failures import ExchangeError, Lost
from pacsbrowser.exchange.models import FetchBy, Kind, Node
from pacsbrowser.exchange.opening import MOST_CONTEXTS, Proposal, open_association
from pacsbrowser.exchange.remote_query import PENDING, cancel, find_classes
from pacsbrowser.exchange.scu import await_answer
from pacsbrowser.exchange.web import ask

STUDY_MOVE, STUDY_GET = "1.2.840.10008.5.1.4.1.2.2.2", "1.2.840.10008.5.1.4.1.2.2.3"
# Another archive may have to bring a study from a tape before it says anything.
PATIENCE = 300.0
_OUT_OF_RESOURCES, _NOT_UNDERSTOOD = 0xA700, 0xC000
_BATCH = 25
_RELATED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
# A class that was not asked about is proposed in these; one that was, in every form on its own, to come as it is.
_PLAIN = (EXPLICIT_UID, IMPLICIT_UID)
_FORMS = (*_PLAIN, *sorted(DECODABLE), *sorted(VIDEO))


@dataclass(slots=True)
class Fetched:
    """How far the fetching of a study is, in objects; `total` is 0 where the node does not say."""

    total: int = 0
    done: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)

    def fail(self, problem: str) -> None:
        """Note an object that did not come."""
        self.failed += 1
        if len(self.problems) < 3 and problem not in self.problems:
            self.problems.append(problem)


# Called after each object; whatever it raises ends the fetching.
Report = Callable[[Fetched], object]


def fetch_study(node: Node, study_uid: str, delivery: Callable[[], Delivery], report: Report) -> Fetched:
    """Fetch a study by what the node offers.

    Args:
        delivery: returns the delivery that objects belong to which come in answer; those of a C-MOVE come as calls.

    Raises:
        ExchangeError: the node does not do it; the text says why.
    """
    if node.kind == Kind.DICOMWEB:
        return _by_web(node, study_uid, delivery, report)
    if node.fetch_by == FetchBy.GET:
        return _by_get(node, study_uid, delivery, report)
    return _by_move(node, study_uid, report)


# ------------------------------------------------------------------ DIMSE


def _by_move(node: Node, study_uid: str, report: Report) -> Fetched:
    association = open_association(node, [Proposal(STUDY_MOVE, _PLAIN)])
    context = next(iter(association.contexts.values()))
    more: dict[int, int | str] = {DESTINATION: settings.DIMSE_AE_TITLE}
    return _retrieve(association, context, C_MOVE, study_uid, more, report, None)


def _by_get(node: Node, study_uid: str, delivery: Callable[[], Delivery], report: Report) -> Fetched:
    proposals = [Proposal(STUDY_GET, _PLAIN), *_storage(find_classes(node, study_uid))]
    association = open_association(node, proposals[:MOST_CONTEXTS])
    contexts = association.contexts.values()
    context = next((one for one in contexts if one.abstract_syntax == STUDY_GET), None)
    if context is None:
        association.release()
        raise ExchangeError("The node does not offer C-GET. Choose C-MOVE for it.")
    return _retrieve(association, context, C_GET, study_uid, {}, report, delivery)


def _storage(classes: list[str]) -> list[Proposal]:
    """Return contexts in which the node may send: where it told the classes, each in as many forms as there is room."""
    room = MOST_CONTEXTS - 1
    if classes:
        forms = _FORMS[: max(room // len(classes), len(_PLAIN))]
        return [Proposal(one, (form,), peer_calls=True) for one in classes for form in forms]
    return [Proposal(uid, _PLAIN, peer_calls=True) for uid, _ in known_storage_classes()]


def _retrieve(
    association: Association,
    context: Context,
    service: int,
    study_uid: str,
    more: dict[int, int | str],
    report: Report,
    delivery: Callable[[], Delivery] | None,
) -> Fetched:
    association.patience = PATIENCE
    wanted = {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": study_uid}
    elements: dict[int, int | str] = {
        AFFECTED_CLASS: context.abstract_syntax, FIELD: service, MESSAGE_ID: 1, PRIORITY: 0, **more,
    }  # fmt: skip
    fetched = Fetched()
    try:
        association.send(context, Command.of(elements), (encode_identifier(wanted, context.transfer_syntax),))
        while True:
            message = await_answer(association)
            if delivery is not None and message.command.field == C_STORE:
                _take(association, message, delivery(), fetched)
                report(fetched)
                continue
            if message.command.field != service | RESPONSE:
                raise Lost("The other side answers something that was not asked.")
            _count(fetched, message.command)
            if message.command.status not in PENDING:
                break
            report(fetched)
    except BaseException as error:
        if not isinstance(error, Lost):
            cancel(association, context)
        association.abort()
        raise
    association.release()
    return _judged(fetched, message.command)


def _count(fetched: Fetched, command: Command) -> None:
    """Take over the numbers of sub-operations, where the answer has any (PS3.4 C.4.2.1.6)."""
    if COMPLETED not in command.values:
        return
    fetched.done = command.number(COMPLETED) + command.number(WARNING)
    fetched.failed = max(fetched.failed, command.number(FAILED))
    fetched.total = max(fetched.total, fetched.done + command.number(FAILED) + command.number(REMAINING))


def _judged(fetched: Fetched, command: Command) -> Fetched:
    """Hear the last answer: a failure without an object that came is the node's refusal."""
    if command.status and not fetched.done:
        comment = command.text(COMMENT)
        known = _REFUSALS.get(command.status, "")
        raise ExchangeError(f"The node answers with status {command.status:04X}H. {known or comment}".strip())
    return fetched


_REFUSALS = {
    0xA801: "It does not know this archive: its administrator has to add our AE title, address and port.",
    0xA701: "It has no room to look for the study.",
    0xA702: "It could send none of the objects.",
}


def _take(association: Association, message: Message, delivery: Delivery, fetched: Fetched) -> None:
    """Store an object that comes over our own association, and tell the node so when it is durable."""
    command = message.command
    head = make_file_meta(
        command.text(AFFECTED_CLASS)[:64], command.text(AFFECTED_INSTANCE)[:64], message.context.transfer_syntax
    )
    try:
        staged = stage(Joined(head, association.data()), command.text(AFFECTED_INSTANCE)[:64])
        result = _ingest([staged], delivery)[0]
    except OSError as error:
        association.data().drain()
        association.send(message.context, command.answer(_OUT_OF_RESOURCES))
        raise ExchangeError("The objects cannot be written to the disk here.") from error
    if result.is_kept:
        fetched.done += 1
    else:
        fetched.fail(result.reason)
    association.send(message.context, command.answer(0 if result.is_kept else _NOT_UNDERSTOOD))


def _ingest(staged: list[Staged], delivery: Delivery) -> list[IngestResult]:
    try:
        return ingest(staged, delivery)
    finally:
        for one in staged:
            if one.header:
                storage.discard(one.path)


# ------------------------------------------------------------------ DICOMweb


def _by_web(node: Node, study_uid: str, delivery: Callable[[], Delivery], report: Report) -> Fetched:
    fetched = Fetched()
    with ask(node, "GET", f"/studies/{study_uid}", accept=_RELATED, patience=PATIENCE) as answer:
        try:
            reader = MultipartReader(answer, boundary_of(answer.headers.get("Content-Type", "")), max_parts=1_000_000)
            batch: list[Staged] = []
            for part in reader:
                batch.append(_stage(part))
                if len(batch) == _BATCH:
                    _store(batch, delivery(), fetched, report)
            _store(batch, delivery(), fetched, report)
        except MultipartError as error:
            raise Lost(f"The answer is not as it should be: {error}") from error
    return fetched


def _stage(part: Part) -> Staged:
    return stage(part, part.headers.get("content-location", "").rpartition("/")[2][:64])


def _store(batch: list[Staged], delivery: Delivery, fetched: Fetched, report: Report) -> None:
    """Take a batch into the archive, and empty it."""
    waiting, batch[:] = list(batch), []
    for result in _ingest(waiting, delivery) if waiting else []:
        if result.is_kept:
            fetched.done += 1
        else:
            fetched.fail(result.reason)
    report(fetched)
