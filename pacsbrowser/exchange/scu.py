"""What this archive asks of other nodes by DIMSE: whether they are there (C-ECHO), and to take objects (C-STORE)."""

from pacsbrowser.dicom.part10 import EXPLICIT_UID, IMPLICIT_UID
from pacsbrowser.exchange.association import Association, Message, Released
from pacsbrowser.exchange.commands import (
    AFFECTED_CLASS,
    C_ECHO,
    DATA_SET_TYPE,
    FIELD,
    MESSAGE_ID,
    NO_DATA_SET,
    Command,
)
from pacsbrowser.exchange.failures import ExchangeError, Lost
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.opening import Proposal, open_association

VERIFICATION = "1.2.840.10008.1.1"


def echo(node: Node) -> None:
    """Verify that a node answers (PS3.4 A).

    Raises:
        ExchangeError: it does not; the text says why.
    """
    association = open_association(node, [Proposal(VERIFICATION, (EXPLICIT_UID, IMPLICIT_UID))])
    context = next(iter(association.contexts.values()))
    request = Command.of({AFFECTED_CLASS: VERIFICATION, FIELD: C_ECHO, MESSAGE_ID: 1, DATA_SET_TYPE: NO_DATA_SET})
    association.send(context, request)
    answer = await_answer(association)
    association.release()
    if answer.command.status:
        raise ExchangeError(f"The node answers with status {answer.command.status:04X}H.")


def await_answer(association: Association) -> Message:
    """Return the next message; raises Lost where none comes."""
    try:
        return association.receive(association.patience)
    except TimeoutError:
        association.abort()
        raise Lost("The other side does not answer in time.") from None
    except Released:
        raise Lost("The other side ended the association without an answer.") from None
