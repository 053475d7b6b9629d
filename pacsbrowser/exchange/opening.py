"""Opening an association as the one who asks (PS3.8 7.1): connect, propose contexts, hear what is taken."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any

from django.conf import settings
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import build_context

from pacsbrowser.dicom.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacsbrowser.exchange.addresses import resolve
from pacsbrowser.exchange.association import Association, Context
from pacsbrowser.exchange.failures import Lost, NothingAccepted, Rejected, Unreachable
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.tls import client_context
from pacsbrowser.exchange.wire import Wire

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
# A context has an odd number below 256 (PS3.8 9.3.2.2).
MOST_CONTEXTS = 128
CONNECT_WITHIN = 10.0
ANSWER_WITHIN = 30.0
_HEAD = Struct(">BxI")
_ACCEPT, _REJECT = 2, 3
_LONGEST_ANSWER = 1024 * 1024
# A unit of less would hold next to nothing.
SHORTEST_UNIT = 64


@dataclass(frozen=True, slots=True)
class Proposal:
    """A context to propose. `peer_calls`: the other side is to be the user of the service (PS3.7 D.3.3.4)."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    peer_calls: bool = False


def open_association(node: Node, proposals: Sequence[Proposal]) -> Association:
    """Return an association in which at least one proposal was accepted.

    Args:
        proposals: up to 128.

    Raises:
        Unreachable: there is no connection to the node.
        Rejected: it refuses the association, or all of the proposals.
        Lost: it does not keep to the protocol.
    """
    wire = Wire(_connect(node))
    try:
        return _negotiate(wire, node, proposals)
    except BaseException:
        wire.close()
        raise


def _connect(node: Node) -> socket.socket:
    problem = "nobody answers"
    for address in resolve(node.host, node.port, is_trusted=node.is_trusted):
        try:
            connection = socket.create_connection((address, node.port), timeout=CONNECT_WITHIN)
        except OSError as error:
            problem = (error.strerror or "nobody answers in time").lower()
            continue
        return _secured(connection, node) if node.tls else connection
    raise Unreachable(f"{node.host} does not take a connection at port {node.port}: {problem}.")


def _secured(connection: socket.socket, node: Node) -> socket.socket:
    try:
        context = client_context()
        if settings.DIMSE_TLS_CERT:
            context.load_cert_chain(settings.DIMSE_TLS_CERT, settings.DIMSE_TLS_KEY or None)
        connection.settimeout(ANSWER_WITHIN)
        return context.wrap_socket(connection, server_hostname=node.host)
    except (OSError, ValueError) as error:
        connection.close()
        reason = getattr(error, "verify_message", "") or getattr(error, "reason", "") or error
        raise Unreachable(f"TLS with {node.host} at port {node.port} failed: {reason}.") from None


def _negotiate(wire: Wire, node: Node, proposals: Sequence[Proposal]) -> Association:
    wire.write(A_ASSOCIATE_RQ(_request(node, proposals)).encode())
    try:
        kind, length = wire.read_head(ANSWER_WITHIN)
    except TimeoutError:
        raise Lost("The other side does not answer the request for an association.") from None
    if kind not in (_ACCEPT, _REJECT) or length > _LONGEST_ANSWER:
        raise Lost("The other side answers the request for an association with something else.")
    data = _HEAD.pack(kind, length) + wire.read(length, ANSWER_WITHIN)
    answer: Any = A_ASSOCIATE_AC() if kind == _ACCEPT else A_ASSOCIATE_RJ()
    try:
        answer.decode(data)
        primitive = answer.to_primitive()
        if kind == _REJECT:
            raise Rejected(f"{node.ae_title} refuses the association: {_why(answer)}.")
        return _accepted(wire, node, proposals, primitive)
    except Rejected:
        raise
    except Exception as error:  # whatever the library makes of hostile bytes
        raise Lost("The answer to the request for an association cannot be read.") from error


def _why(answer: Any) -> str:
    try:
        return str(answer.reason_str).rstrip(".").lower()
    except ValueError:
        return "for an unknown reason"


def _request(node: Node, proposals: Sequence[Proposal]) -> A_ASSOCIATE:
    request = A_ASSOCIATE()
    request.application_context_name = APPLICATION_CONTEXT
    request.calling_ae_title = settings.DIMSE_AE_TITLE
    request.called_ae_title = node.ae_title
    contexts = []
    for place, proposal in enumerate(proposals[:MOST_CONTEXTS]):
        context = build_context(proposal.abstract_syntax, list(proposal.transfer_syntaxes))
        context.context_id = 2 * place + 1
        contexts.append(context)
    request.presentation_context_definition_list = contexts
    request.user_information = [*user_information(), *_roles(proposals)]
    return request


def user_information() -> list[Any]:
    """Return what this side says of itself (PS3.8 D.1, PS3.7 D.3.3.2)."""
    most = MaximumLengthNotification()
    most.maximum_length_received = settings.DIMSE_MOST_UNIT
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return [most, implementation, version]


def _roles(proposals: Sequence[Proposal]) -> list[Any]:
    items = []
    for syntax in dict.fromkeys(one.abstract_syntax for one in proposals if one.peer_calls):
        role = SCP_SCU_RoleSelectionNegotiation()
        role.sop_class_uid = syntax
        role.scu_role, role.scp_role = False, True
        items.append(role)
    return items


def _accepted(wire: Wire, node: Node, proposals: Sequence[Proposal], answer: A_ASSOCIATE) -> Association:
    contexts = {}
    for result in answer.presentation_context_definition_results_list:
        place = ((result.context_id or 0) - 1) // 2
        if result.result == 0 and result.transfer_syntax and 0 <= place < len(proposals):
            proposal, syntax = proposals[place], str(result.transfer_syntax[0])
            if syntax in proposal.transfer_syntaxes:
                context_id = 2 * place + 1
                contexts[context_id] = Context(context_id, proposal.abstract_syntax, syntax, not proposal.peer_calls)
    most = answer.maximum_length_received or 0
    if 0 < most < SHORTEST_UNIT:
        raise Lost("The other side takes next to nothing at once.")
    association = Association(wire, contexts, settings.DIMSE_MOST_UNIT, most)
    if not contexts:
        association.release()
        raise NothingAccepted(f"{node.ae_title} accepts none of the services and transfer syntaxes that are needed.")
    return association
