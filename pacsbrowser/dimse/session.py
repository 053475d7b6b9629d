"""One association with one caller: what its services share, and the record of what was done over it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from django.db import transaction

from pacsbrowser.archive.ingest import resume_delivery
from pacsbrowser.archive.models import Delivery, DeliveryStudy, Door, Study
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.dimse.policy import Caller
from pacsbrowser.exchange.association import Association, Message
from pacsbrowser.exchange.commands import C_CANCEL, RESPONDED_ID, Command

if TYPE_CHECKING:
    from pacsbrowser.dimse.commit import Pending

DOOR = "dimse"


class Session:
    """An accepted association. `fuzzy`: SOP classes for which matching of names by their words was agreed."""

    def __init__(self, association: Association, caller: Caller, fuzzy: frozenset[str] = frozenset()) -> None:
        self.association = association
        self.caller = caller
        self.fuzzy = fuzzy
        self.is_cancelled = False
        self.pending: list[Pending] = []
        self._delivery: Delivery | None = None
        self._stored: Counter[str] = Counter()

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
        if self._delivery is None:
            caller = self.caller
            self._delivery = resume_delivery(
                Door.DIMSE, None, who=caller.ae_title, address=caller.address, label=caller.called
            )
        return self._delivery

    def note_stored(self, study: str) -> None:
        """Count an object of a study for the audit log."""
        self._stored[study] += 1

    def record_stored(self) -> None:
        """Write what was stored since the last time: one event a study."""
        stored, self._stored = self._stored, Counter()
        for study, count in stored.items():
            rows = DeliveryStudy.objects.filter(delivery=self._delivery, study__study_instance_uid=study)
            holder = rows.select_related("study__patient").first()
            self.record(
                Action.UPLOAD,
                patient=holder.study.patient.audit_name if holder else "",
                study=study,
                object=str(self._delivery),
                detail={"instances": count},
            )

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
