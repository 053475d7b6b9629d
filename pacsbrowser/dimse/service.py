"""The life of one connection: the request for an association, then one message after the other, then its end."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from struct import Struct

from django.conf import settings
from django.db import DatabaseError, connections

from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.audit.refusals import record_refusal
from pacsbrowser.dicom.storage_classes import is_storage_class
from pacsbrowser.dimse import commit, negotiation
from pacsbrowser.dimse.find import find
from pacsbrowser.dimse.policy import NOT_NOW, TOO_MANY, UNREADABLE, Refusal, admit
from pacsbrowser.dimse.retrieve import get, move
from pacsbrowser.dimse.session import Session
from pacsbrowser.dimse.store import store
from pacsbrowser.dimse.stored import DOOR, settle
from pacsbrowser.exchange.association import ABORT, Association, Message, Released
from pacsbrowser.exchange.commands import (
    AFFECTED_CLASS,
    C_CANCEL,
    C_ECHO,
    C_FIND,
    C_GET,
    C_MOVE,
    C_STORE,
    N_ACTION,
    RESPONSE,
)
from pacsbrowser.exchange.failures import Lost
from pacsbrowser.exchange.wire import Wire

logger = logging.getLogger(__name__)
Handler = Callable[[Session, Message], None]

REQUEST_WITHIN = 30.0
_ASSOCIATE_RQ = 1
_LONGEST_REQUEST = 512 * 1024
_HEAD = Struct(">BxI")
# After so long without a message what a thread holds is given back, and what was stored is recorded.
_QUIET = 2.0
# A caller that never pauses is recorded so often.
_RECORD_EVERY = 30.0
# So long a caller may go on after its request for commitment before the report is sent in between.
_REPORT_AFTER = 0.5

PROCESSING_FAILURE, CLASS_NOT_SUPPORTED, UNKNOWN_OPERATION = 0x0110, 0x0122, 0x0211


def _echo(session: Session, message: Message) -> None:
    session.association.read_data()
    session.answer(message, 0)


_HANDLERS: Mapping[int, Handler] = {
    C_ECHO: _echo, C_STORE: store, C_FIND: find, C_MOVE: move, C_GET: get, N_ACTION: commit.act,
}  # fmt: skip
_SERVICES = {C_FIND: negotiation.FIND, C_MOVE: negotiation.MOVE, C_GET: negotiation.GET}


class Connection:
    """One connection, served by the thread that calls `serve`. `has_room`: whether another association is wanted."""

    def __init__(self, wire: Wire, address: str, has_room: bool) -> None:
        self._wire = wire
        self._address = address
        self._has_room = has_room
        self._is_node = False
        self._heard = self._settled = time.monotonic()
        self.is_busy = False
        self._stops = threading.Event()

    def serve(self) -> None:
        """Serve it to its end. Never raises."""
        try:
            session = self._open()
            if session is not None:
                self._run(session)
        except Exception:
            logger.exception("an association ended by an unexpected error")
        finally:
            self._wire.close()
            connections.close_all()

    @property
    def quiet(self) -> float:
        """How many seconds a caller that is no node has asked for nothing; 0 where it is served or ended."""
        is_waiting = not (self._is_node or self.is_busy or self._stops.is_set())
        return time.monotonic() - self._heard if is_waiting else 0.0

    def stop(self) -> None:
        """End it from another thread: at once where nothing is done, else after the message at hand."""
        self._stops.set()
        if not self.is_busy:
            self._wire.cut()

    def cut(self) -> None:
        """End it from another thread, whatever it does."""
        self._wire.cut()

    # ------------------------------------------------------------------ opening

    def _open(self) -> Session | None:
        # the whole of it: a byte now and then would hold a thread for ever
        by = time.monotonic() + REQUEST_WITHIN
        try:
            kind, length = self._wire.read_head(REQUEST_WITHIN, by)
            if kind != _ASSOCIATE_RQ or length > _LONGEST_REQUEST:
                self._wire.write(_HEAD.pack(ABORT, 4) + bytes((0, 0, 2, 2)))
                self._wire.close(linger=True)
                return None
            data = _HEAD.pack(kind, length) + self._wire.read(length, REQUEST_WITHIN, by)
            return self._answer(data)
        except (Lost, TimeoutError):
            return None
        except DatabaseError:
            # a full disk: what cannot be recorded does not happen, and the caller may come again
            logger.exception("an association could not be recorded")
            self._wire.write(negotiation.reject(NOT_NOW))
            self._wire.close(linger=True)
            return None

    def _answer(self, data: bytes) -> Session | None:
        try:
            request = negotiation.parse_request(data)
        except negotiation.Unreadable:
            self._reject(Refusal(UNREADABLE, "the request cannot be read"), "", "")
            return None
        full = None if self._has_room else Refusal(TOO_MANY, "there are too many associations")
        caller = full or admit(request.calling, request.called, self._address)
        if isinstance(caller, Refusal):
            self._reject(caller, request.calling, request.called)
            return None
        self._is_node = caller.node is not None
        answer = negotiation.negotiate(request, caller)
        services = sorted({one.abstract_syntax for one in answer.contexts.values()})
        record(
            Action.ASSOCIATE, who=caller.ae_title, address=self._address, door=DOOR, object=request.called,
            detail={"node": caller.node.name if caller.node else "", "services": len(services)},
        )  # fmt: skip
        most, fuzzy = request.most, negotiation.fuzzy_classes(request, answer)
        self._wire.write(negotiation.accept(request, answer))
        return Session(Association(self._wire, answer.contexts, settings.DIMSE_MOST_UNIT, most), caller, fuzzy)

    def _reject(self, refusal: Refusal, calling: str, called: str) -> None:
        is_news = record_refusal(
            Action.ASSOCIATE, door=DOOR, address=self._address, reason=refusal.why, who=calling, object=called
        )
        if is_news:
            logger.warning("associations from %s are refused: %s", self._address, refusal.why)
        self._wire.write(negotiation.reject(refusal.result))
        self._wire.close(linger=True)

    # ------------------------------------------------------------------ serving

    def _run(self, session: Session) -> None:
        try:
            while not self._stops.is_set():
                message = self._next(session)
                self.is_busy = True
                self._handle(session, message)
                self._heard = time.monotonic()
                self.is_busy = False
            session.association.abort()
        except Released:
            pass
        except TimeoutError:
            session.association.abort()
        except Lost as lost:
            if not self._stops.is_set():
                logger.info("an association with %s was lost: %s", self._address, lost)
        finally:
            self.is_busy = False
            settle(session.stored, is_over=True)
            commit.leave_to_worker(session)

    def _next(self, session: Session) -> Message:
        """Wait for the next message. What is owed is done meanwhile; a caller that stays silent holds nothing here."""
        link = session.association
        if session.pending and not link.wait(_REPORT_AFTER):
            commit.report_pending(session)
        is_quiet = not link.wait(_QUIET)
        if is_quiet or time.monotonic() - self._settled > _RECORD_EVERY:
            settle(session.stored, is_over=False)
            self._settled = time.monotonic()
        if is_quiet:
            connections.close_all()
        return link.receive(settings.DIMSE_IDLE)

    def _handle(self, session: Session, message: Message) -> None:
        field = message.command.field
        if field & RESPONSE:
            session.association.abort()
            raise Lost("An answer came to nothing that was asked.")
        if field == C_CANCEL:
            return  # what was to be cancelled is over
        handler = _HANDLERS.get(field)
        if handler is None:
            session.answer(message, UNKNOWN_OPERATION)
            return
        if not _fits(message):
            session.answer(message, CLASS_NOT_SUPPORTED)
            return
        session.is_cancelled = False
        try:
            handler(session, message)
        except DatabaseError:
            logger.exception("a request could not be answered")
            session.answer(message, PROCESSING_FAILURE, "The archive cannot answer at the moment.")


def _fits(message: Message) -> bool:
    """Say whether a command belongs into its presentation context."""
    syntax, field = message.context.abstract_syntax, message.command.field
    if field in _SERVICES:
        return syntax in negotiation.QUERIES and syntax.endswith(_SERVICES[field])
    if field == C_STORE:
        is_service = syntax in negotiation.QUERIES or syntax in (negotiation.VERIFICATION, negotiation.COMMITMENT)
        return not is_service and message.command.text(AFFECTED_CLASS) in ("", syntax) and is_storage_class(syntax)
    return syntax == {C_ECHO: negotiation.VERIFICATION, N_ACTION: negotiation.COMMITMENT}[field]
