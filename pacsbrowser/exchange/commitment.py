"""Storage commitment (PS3.4 J): which objects are safe here, and telling so to whoever asked (N-EVENT-REPORT)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Copy, Instance
from pacsbrowser.dicom.identifier import encode_identifier, encode_sequence
from pacsbrowser.dicom.part10 import EXPLICIT_UID, IMPLICIT_UID
from pacsbrowser.exchange.association import Association, Context
from pacsbrowser.exchange.commands import (
    AFFECTED_CLASS,
    AFFECTED_INSTANCE,
    EVENT_TYPE,
    FIELD,
    MESSAGE_ID,
    N_EVENT_REPORT,
    RESPONSE,
    Command,
)
from pacsbrowser.exchange.failures import ExchangeError
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.opening import Proposal, open_association
from pacsbrowser.exchange.scu import await_answer

COMMITMENT = "1.2.840.10008.1.20.1"
# The one instance of the class (PS3.4 J.3.2.2).
WELL_KNOWN = "1.2.840.10008.1.20.1.1"
JOB = "report_commitment"
# Event Type ID (PS3.4 Table J.3-3).
ALL_SAFE, SOME_NOT = 1, 2
# Failure Reason (0008,1197): PS3.4 J.3.3.1.2.
NOT_PROCESSED, NO_SUCH_OBJECT, OTHER_CLASS = "272", "274", "281"
_BATCH = 1000

# SOP Class UID and SOP Instance UID.
Reference = tuple[str, str]


@dataclass(slots=True)
class Judgement:
    """Which objects are safe, and which are not, each with its reason."""

    safe: list[Reference] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)


def judge(references: Sequence[Reference], scope: Scope, sender: str) -> Judgement:
    """Say which objects are safe: listed, live, in scope, and with their file.

    Of an object whose sender had another one of the same UID kept for review, the sender's is not the one that is
    listed, so nothing is promised for it.
    """
    judgement = Judgement()
    for start in range(0, len(references), _BATCH):
        some = references[start : start + _BATCH]
        uids = [uid for _, uid in some]
        held: dict[str, list[Instance]] = {}
        rows = Instance.objects.visible_to(scope).filter(sop_instance_uid__in=uids).select_related("blob")
        for instance in rows:
            held.setdefault(instance.sop_instance_uid, []).append(instance)
        conflicts = Copy.objects.filter(instance__in=[one.pk for many in held.values() for one in many])
        of_sender = conflicts.filter(kind=Copy.Kind.CONFLICT, delivery__who=sender)
        doubtful = set(of_sender.values_list("instance__sop_instance_uid", flat=True))
        for sop_class, uid in some:
            reason = NOT_PROCESSED if uid in doubtful else _why_not(sop_class, held.get(uid, []))
            if reason:
                judgement.failed.append((sop_class, uid, reason))
            else:
                judgement.safe.append((sop_class, uid))
    return judgement


def _why_not(sop_class: str, held: Sequence[Instance]) -> str:
    if not held:
        return NO_SUCH_OBJECT
    of_class = [one for one in held if one.sop_class_uid == sop_class]
    if not of_class:
        return OTHER_CLASS
    return "" if any(storage.blob_path(one.blob).is_file() for one in of_class) else NOT_PROCESSED


def report(association: Association, context: Context, transaction: str, judgement: Judgement) -> bool:
    """Send the N-EVENT-REPORT and say whether it was taken; raises Lost where the association ends."""
    command = Command.of({
        AFFECTED_CLASS: COMMITMENT,
        FIELD: N_EVENT_REPORT,
        MESSAGE_ID: 1,
        AFFECTED_INSTANCE: WELL_KNOWN,
        EVENT_TYPE: SOME_NOT if judgement.failed else ALL_SAFE,
    })  # fmt: skip
    association.send(context, command, (_data_set(context, transaction, judgement),))
    answer = await_answer(association).command
    return answer.field == N_EVENT_REPORT | RESPONSE and not answer.status


def _data_set(context: Context, transaction: str, judgement: Judgement) -> bytes:
    """Return the report of PS3.4 Table J.3-4, its elements in order."""
    syntax = context.transfer_syntax
    keywords = ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID", "FailureReason")
    safe: list[Mapping[str, str]] = [dict(zip(keywords, one, strict=False)) for one in judgement.safe]
    failed: list[Mapping[str, str]] = [dict(zip(keywords, one, strict=True)) for one in judgement.failed]
    head = encode_identifier({"RetrieveAETitle": settings.DIMSE_AE_TITLE}, syntax)
    middle = encode_identifier({"TransactionUID": transaction}, syntax)
    parts = [head, middle]
    if failed:
        parts.append(encode_sequence("FailedSOPSequence", failed, syntax))
    if safe:
        parts.append(encode_sequence("ReferencedSOPSequence", safe, syntax))
    return b"".join(parts)


def report_to(node: Node, transaction: str, references: Sequence[Reference]) -> None:
    """Report over an association of our own, in which the node is the user of the service.

    Raises:
        ExchangeError: the report did not get there.
    """
    judgement = judge(references, node.scope, node.ae_title)
    association = open_association(node, [Proposal(COMMITMENT, (EXPLICIT_UID, IMPLICIT_UID), peer_calls=True)])
    context = next(iter(association.contexts.values()))
    taken = report(association, context, transaction, judgement)
    association.release()
    if not taken:
        raise ExchangeError("The node does not take the report.")


def parameters(node: Node, transaction: str, references: Sequence[Reference]) -> dict[str, Any]:
    """Return the parameters of the job that reports later."""
    return {"node": node.pk, "transaction": transaction, "references": [list(one) for one in references]}
