"""Storage commitment, push model (PS3.4 J.3): N-ACTION comes in, the report goes out when the caller falls silent.

The report goes over the caller's own association if that stays open, else over one of ours to the node. A job has it
from the beginning, so that it is not forgotten when this process ends.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from pacsbrowser.audit.models import Action
from pacsbrowser.dicom.identifier import BadIdentifier, Identifier, parse_identifier
from pacsbrowser.dicom.uids import is_storable_uid
from pacsbrowser.dimse.session import Session
from pacsbrowser.exchange.association import Context, Message
from pacsbrowser.exchange.commands import ACTION_TYPE, REQUESTED_INSTANCE
from pacsbrowser.exchange.commitment import JOB, WELL_KNOWN, Reference, judge, parameters, report
from pacsbrowser.jobs.models import Job, State
from pacsbrowser.jobs.work import cancel, enqueue

# PS3.7 C.5.
SUCCESS, NO_SUCH_INSTANCE, NO_SUCH_ACTION, MISSING, NOT_UNDERSTOOD = 0x0000, 0x0112, 0x0123, 0x0120, 0x0110
_REQUEST = 1
# The worker leaves the report to this association for so long.
_GRACE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Pending:
    """A report that is owed, and the job that sends it if this association does not."""

    context: Context
    transaction: str
    references: list[Reference]
    job: Job | None


def act(session: Session, message: Message) -> None:
    """Take a request for commitment."""
    data = session.association.read_data()
    command = message.command
    if command.text(REQUESTED_INSTANCE) != WELL_KNOWN:
        session.answer(message, NO_SUCH_INSTANCE)
        return
    if command.number(ACTION_TYPE) != _REQUEST:
        session.answer(message, NO_SUCH_ACTION)
        return
    try:
        identifier = parse_identifier(data, message.context.transfer_syntax)
    except BadIdentifier:
        session.answer(message, NOT_UNDERSTOOD, "The data set cannot be read.")
        return
    references = _references(identifier)
    uid = identifier.values.get("TransactionUID", "")
    if not references or not is_storable_uid(uid):
        session.answer(message, MISSING, "A Transaction UID and references are needed.")
        return
    session.record(Action.COMMIT, object=uid, detail={"instances": len(references)})
    session.pending.append(Pending(message.context, uid, references, _job(session, uid, references)))
    session.answer(message, SUCCESS)


def _references(identifier: Identifier) -> list[Reference]:
    items = identifier.items.get("ReferencedSOPSequence", [])
    found = [(one.get("ReferencedSOPClassUID", ""), one.get("ReferencedSOPInstanceUID", "")) for one in items]
    return [one for one in found if is_storable_uid(one[1])]


def _job(session: Session, uid: str, references: list[Reference]) -> Job | None:
    node = session.caller.node
    if node is None:
        return None
    with transaction.atomic():
        title = f"Storage commitment for {node.name}"
        job = enqueue(JOB, None, title, **parameters(node, uid, references))
        Job.objects.filter(pk=job.pk).update(not_before=timezone.now() + _GRACE)
    return job


def report_pending(session: Session) -> None:
    """Send what is owed, over the caller's association."""
    while session.pending:
        owed = session.pending[0]
        judgement = judge(owed.references, session.caller.scope, session.caller.ae_title)
        taken = report(session.association, owed.context, owed.transaction, judgement)
        session.pending.pop(0)
        if owed.job and taken:
            cancel(owed.job)
        elif owed.job:
            _hurry(owed.job)


def leave_to_worker(session: Session) -> None:
    """Let the worker report at once: the association is over."""
    for owed in session.pending:
        if owed.job:
            _hurry(owed.job)
    session.pending.clear()


def _hurry(job: Job) -> None:
    Job.objects.filter(pk=job.pk, state=State.QUEUED).update(not_before=timezone.now())
