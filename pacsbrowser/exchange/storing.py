"""C-STORE as the one who sends (PS3.4 B.2.2): one object over an open association, in a form that the peer accepts.

An object goes as it was received where its transfer syntax was accepted, else decompressed. Used for sending to a
node, for C-MOVE, and, over the caller's own association, for C-GET.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pacsbrowser.archive.models import Instance
from pacsbrowser.archive.outgoing import (
    DecodingError,
    DicomError,
    explicit_data_set,
    implicit_data_set,
    stored_data_set,
)
from pacsbrowser.dicom.part10 import EXPLICIT_UID, IMPLICIT_UID
from pacsbrowser.exchange.association import Association, Context, Message
from pacsbrowser.exchange.commands import (
    AFFECTED_CLASS,
    AFFECTED_INSTANCE,
    C_STORE,
    COMMENT,
    FIELD,
    MESSAGE_ID,
    ORIGINATOR,
    ORIGINATOR_ID,
    PRIORITY,
    RESPONDED_ID,
    RESPONSE,
    Command,
)
from pacsbrowser.exchange.failures import Lost, ReadingFailed
from pacsbrowser.exchange.scu import await_answer

# Statuses that never went over the wire: why an object was not sent. NOT_SENT: the association or the request ended.
NOT_READ, NO_CONTEXT, NOT_SENT = 0xC001, 0x0122, -1
# Of those who refuse for now (PS3.4 B.2.3): out of resources (A7xxH), processing failure.
_OUT_OF_RESOURCES, PROCESSING_FAILURE = 0xA7, 0x0110
_WARNINGS = (0x0001, 0x0107, 0x0116)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one object: the status of the answer (PS3.4 B.2.3), and a sentence where it is no success.

    `key`: of the instance, where several were sent. `is_suspect`: the node broke off or failed at it.
    """

    sop_instance_uid: str
    status: int
    reason: str = ""
    key: int = 0
    is_suspect: bool = False

    @property
    def is_warning(self) -> bool:
        """Taken, with a remark."""
        return self.status >> 12 == 0xB or self.status in _WARNINGS

    @property
    def is_kept(self) -> bool:
        """Whether the other side has it now."""
        return not self.status or self.is_warning

    @property
    def may_go_later(self) -> bool:
        """Whether the very same may succeed at another time."""
        is_busy = self.status >> 8 == _OUT_OF_RESOURCES or self.status == PROCESSING_FAILURE
        return self.status == NOT_SENT or is_busy


class Storing:
    """Sends objects over one association, one after the other.

    Args:
        on_other: called with what comes in place of an answer, such as the cancelling of a C-GET.
        originator: AE title and message of the C-MOVE that this is done for.
    """

    def __init__(
        self,
        association: Association,
        on_other: Callable[[Message], object] | None = None,
        originator: tuple[str, int] | None = None,
    ) -> None:
        self._association = association
        self._contexts: Mapping[tuple[str, str], Context] = {
            (one.abstract_syntax, one.transfer_syntax): one
            for one in reversed(list(association.contexts.values()))
            if one.peer_stores
        }
        self._on_other = on_other
        self._originator = originator
        self._last = 0

    def send(self, instance: Instance) -> Sent:
        """Send one object and wait for its answer.

        Raises:
            ReadingFailed: the association had to be ended, for its file or its pixels are bad after the first part.
            Lost: the association ended.
        """
        uid = instance.sop_instance_uid
        try:
            found = self._open(instance)
        except (OSError, DicomError, DecodingError) as error:
            return Sent(uid, NOT_READ, _why_not_read(error))
        if found is None:
            return Sent(uid, NO_CONTEXT, "The other side does not accept its SOP class, or no form of it.")
        context, pieces = found
        return self._store(instance, context, pieces)

    def _open(self, instance: Instance) -> tuple[Context, Iterator[bytes]] | None:
        sop_class = instance.sop_class_uid
        if not any(one == sop_class for one, _ in self._contexts):
            return None
        syntax, pieces = stored_data_set(instance)
        if context := self._contexts.get((sop_class, syntax)):
            return context, pieces
        if context := self._contexts.get((sop_class, EXPLICIT_UID)):
            return context, explicit_data_set(instance)
        if context := self._contexts.get((sop_class, IMPLICIT_UID)):
            return context, implicit_data_set(instance)
        return None

    def _store(self, instance: Instance, context: Context, pieces: Iterator[bytes]) -> Sent:
        self._last = self._last % 0xFFFF + 1
        request: dict[int, int | str] = {
            AFFECTED_CLASS: instance.sop_class_uid,
            FIELD: C_STORE,
            MESSAGE_ID: self._last,
            PRIORITY: 0,
            AFFECTED_INSTANCE: instance.sop_instance_uid,
        }
        if self._originator:
            request[ORIGINATOR], request[ORIGINATOR_ID] = self._originator
        try:
            self._association.send(context, Command.of(request), pieces)
        except (OSError, DicomError, DecodingError) as error:
            # half of the object is under way: there is no other end to that than the association's
            self._association.abort()
            raise ReadingFailed(_why_not_read(error)) from error
        command = self._answer()
        comment = command.text(COMMENT) or f"status {command.status:04X}H"
        return Sent(instance.sop_instance_uid, command.status, comment if command.status else "")

    def _answer(self) -> Command:
        while True:
            message = await_answer(self._association)
            command = message.command
            if command.field == C_STORE | RESPONSE and command.number(RESPONDED_ID) == self._last:
                return command
            if self._on_other is None or command.field & RESPONSE:
                self._association.abort()
                raise Lost("The other side answers something that was not asked.")
            self._on_other(message)


def _why_not_read(error: Exception) -> str:
    return str(error) if isinstance(error, DicomError | DecodingError) else "Its file cannot be read."
