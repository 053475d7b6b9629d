"""One association with one caller: what its services share, and the record of what was done over it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from django.db import transaction

from pacsbrowser.archive.models import Delivery, Study
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.dimse.policy import Caller
from pacsbrowser.dimse.stored import DOOR, Stored
from pacsbrowser.exchange.association import Association, Message
from pacsbrowser.exchange.commands import C_CANCEL, RESPONDED_ID, Command

if TYPE_CHECKING:
    from pacsbrowser.dimse.commit import Pending


class Session:
    """An accepted association. `fuzzy`: SOP classes for which matching of names by their words was agreed."""

    def __init__(self, association: Association, caller: Caller, fuzzy: frozenset[str] = frozenset()) -> None:
        self.association = association
        self.caller = caller
        self.fuzzy = fuzzy
        self.is_cancelled = False
        self.pending: list[Pending] = []
        self.stored = Stored(caller)

    def answer(self, message: Message, status: int, comment: str = "", data: bytes | None = None, **more: Any) -> None:
        """Send the response to a request; `more` are further elements, by their number."""
        response = message.command.answer(status, comment, more.get("elements"))
        self.association.send(message.context, response, None if data is None else (data,))

    def cancel_asked(self, message: Message) -> bool:
        """Look, without waiting, whether the request was cancelled (PS3.7 9.3.2.3)."""
        while not self.is_cancelled and self.association.wait(0):
            self.note_cancel(message, self.association.receive(self.association.patience).command)
        return self.is_cancelled

    def note_cancel(self, message: Message, command: Command) -> None:
        """Take what came while a request is worked on: its cancelling; nothing else may come (PS3.7 D.3.3.3)."""
        if command.field == C_CANCEL and command.number(RESPONDED_ID) == message.command.message_id:
            self.is_cancelled = True

    # ------------------------------------------------------------------ provenance

    def delivery(self) -> Delivery:
        """Return the delivery that what this caller stores belongs to."""
        return self.stored.delivery()

    def record_studies(self, action: Action, rows: Counter[int], **detail: Any) -> None:
        """Write an event for each study (by key) of which objects left."""
        studies = Study.objects.filter(pk__in=rows).select_related("patient")
        with transaction.atomic():
            for study in studies:
                told = {**detail, "instances": rows[study.pk]}
                self.record(action, patient=study.patient.audit_name, study=study.study_instance_uid, detail=told)

    def record(self, action: Action, **event: Any) -> None:
        """Write an event in the caller's name. What cannot be recorded is not to happen: errors are the caller's."""
        record(action, who=self.caller.ae_title, address=self.caller.address, door=DOOR, **event)
