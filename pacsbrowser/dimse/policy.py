"""Who may call, and what for: by AE title and address from the table of nodes, else what strangers may."""

from dataclasses import dataclass

from django.conf import settings

from pacsbrowser.access.scope import EVERYTHING, Scope
from pacsbrowser.exchange.addresses import comes_from
from pacsbrowser.exchange.models import Kind, Node

# Result, source and reason of a rejection (PS3.8 Table 9-21).
UNKNOWN_CALLER, UNKNOWN_CALLED, TOO_MANY, UNREADABLE = (1, 1, 3), (1, 1, 7), (2, 3, 2), (1, 2, 2)
NOT_NOW = (2, 3, 1)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is on the other side, as it says (`ae_title`) and as it is seen (`address`), and what it may do."""

    ae_title: str
    address: str
    called: str
    node: Node | None
    scope: Scope
    rights: frozenset[str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an association is not accepted: for the other side, and in words for the audit log."""

    result: tuple[int, int, int]
    why: str


def admit(calling: str, called: str, address: str) -> Caller | Refusal:
    """Decide on a call.

    An AE title of a node is believed only from the node's own addresses; from elsewhere it is refused, so that nobody
    gets a node's rights by its name alone.
    """
    if settings.DIMSE_CHECK_CALLED and called != settings.DIMSE_AE_TITLE:
        return Refusal(UNKNOWN_CALLED, "another AE title was called")
    node = Node.objects.filter(kind=Kind.DIMSE, ae_title=calling).first()
    if node is None:
        if not settings.DIMSE_STRANGERS:
            return Refusal(UNKNOWN_CALLER, "the AE title is no node's")
        return Caller(calling, address, called, None, EVERYTHING, settings.DIMSE_STRANGERS)
    if not comes_from(address, node.host, node.port, node.addresses):
        return Refusal(UNKNOWN_CALLER, "the AE title is a node's, the address is not")
    return Caller(calling, address, called, node, node.scope, node.rights)
