"""Answering the request for an association (PS3.8 7.1): which presentation contexts are accepted, in which form.

pynetdicom reads the request and writes the answer. An object is taken in the transfer syntax that its sender names
first; whoever fetches objects (C-GET) gets Explicit VR Little Endian where a context leaves the choice, because every
object can be had in it, and the stored form where a context names that alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    SCP_SCU_RoleSelectionNegotiation,
    SOPClassExtendedNegotiation,
)
from pynetdicom.presentation import PresentationContext

from pacsbrowser.dicom.part10 import BIG_ENDIAN_UID, EXPLICIT_UID, IMPLICIT_UID
from pacsbrowser.dicom.storage_classes import is_storage_class, is_transfer_syntax
from pacsbrowser.dimse.policy import Caller
from pacsbrowser.exchange.association import Context
from pacsbrowser.exchange.opening import APPLICATION_CONTEXT, MOST_CONTEXTS, SHORTEST_UNIT, user_information

VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"
PATIENT_ROOT, STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.1", "1.2.840.10008.5.1.4.1.2.2"
FIND, MOVE, GET = ".1", ".2", ".3"
QUERIES = {root + service: root for root in (PATIENT_ROOT, STUDY_ROOT) for service in (FIND, MOVE, GET)}
_RIGHTS = {FIND: "find", MOVE: "move", GET: "get"}
_PREFERRED = (EXPLICIT_UID, IMPLICIT_UID, BIG_ENDIAN_UID)
# Queries and answers are small: only what their parser reads.
_MESSAGES = (EXPLICIT_UID, IMPLICIT_UID)

# Result of a presentation context (PS3.8 Table 9-18).
ACCEPTED, REFUSED, NO_ABSTRACT_SYNTAX, NO_TRANSFER_SYNTAX = 0, 1, 3, 4


class Unreadable(ValueError):
    """The request for an association cannot be read, or asks for what cannot be."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A presentation context that is proposed."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(slots=True)
class Request:
    """The request for an association, as far as it matters here. Roles: (peer uses, peer provides) by SOP class."""

    calling: str
    called: str
    most: int
    offers: list[Offer]
    roles: dict[str, tuple[bool, bool]]
    extended: dict[str, bytes]
    primitive: A_ASSOCIATE


@dataclass(slots=True)
class Answer:
    """What is accepted: contexts by their ID, and for each that was proposed the result."""

    contexts: dict[int, Context] = field(default_factory=dict)
    results: list[tuple[Offer, int, str]] = field(default_factory=list)
    roles: dict[str, tuple[bool, bool]] = field(default_factory=dict)


def parse_request(data: bytes) -> Request:
    """Read an A-ASSOCIATE-RQ; raises Unreadable, whatever the bytes are."""
    try:
        unit = A_ASSOCIATE_RQ()
        unit.decode(data)
        return _request(unit.to_primitive())
    except Exception as error:  # whatever the library makes of hostile bytes
        raise Unreadable("The request for an association cannot be read.") from error


def _request(primitive: A_ASSOCIATE) -> Request:
    items: list[Any] = primitive.user_information
    roles = {
        str(item.sop_class_uid): (bool(item.scu_role), bool(item.scp_role))
        for item in items
        if isinstance(item, SCP_SCU_RoleSelectionNegotiation)
    }
    extended = {
        str(item.sop_class_uid): item.service_class_application_information or b""
        for item in items
        if isinstance(item, SOPClassExtendedNegotiation)
    }
    offers = [
        Offer(one.context_id or 0, str(one.abstract_syntax), tuple(map(str, one.transfer_syntax)))
        for one in primitive.presentation_context_definition_list
    ]
    most = primitive.maximum_length_received or 0
    ids = {one.context_id for one in offers}
    if len(ids) < len(offers) or len(offers) > MOST_CONTEXTS or 0 < most < SHORTEST_UNIT:
        raise Unreadable
    calling, called = primitive.calling_ae_title.strip(), primitive.called_ae_title.strip()
    return Request(calling, called, most, offers, roles, extended, primitive)


def negotiate(request: Request, caller: Caller) -> Answer:
    """Decide on each context that is proposed."""
    answer = Answer()
    for offer in request.offers:
        result, syntax = _decide(offer, request.roles, caller)
        answer.results.append((offer, result, syntax or (offer.transfer_syntaxes or (IMPLICIT_UID,))[0]))
        if result != ACCEPTED:
            continue
        peer_stores = False
        if role := request.roles.get(offer.abstract_syntax):
            granted = _granted(offer.abstract_syntax, role, caller)
            answer.roles[offer.abstract_syntax] = granted
            peer_stores = granted[1]
        answer.contexts[offer.context_id] = Context(offer.context_id, offer.abstract_syntax, syntax, peer_stores)
    return answer


def _decide(offer: Offer, roles: Mapping[str, tuple[bool, bool]], caller: Caller) -> tuple[int, str]:
    uid = offer.abstract_syntax
    if uid in QUERIES:
        return _of_service(offer, _RIGHTS[uid[-2:]] in caller.rights)
    if uid == VERIFICATION:
        return _of_service(offer, True)
    if uid == COMMITMENT:
        return _of_service(offer, "store" in caller.rights)
    if not is_storage_class(uid, settings.DIMSE_TAKES_PRIVATE):
        return NO_ABSTRACT_SYNTAX, ""
    stores, fetches = _granted(uid, roles.get(uid, (True, False)), caller)
    if not stores and not fetches:
        return REFUSED, ""
    return _choose_form(offer, fetches and not stores)


def _of_service(offer: Offer, is_allowed: bool) -> tuple[int, str]:
    if not is_allowed:
        return REFUSED, ""
    syntax = next((one for one in _MESSAGES if one in offer.transfer_syntaxes), "")
    return (ACCEPTED, syntax) if syntax else (NO_TRANSFER_SYNTAX, "")


def _granted(uid: str, role: tuple[bool, bool], caller: Caller) -> tuple[bool, bool]:
    """Return which roles of those asked for the other side gets: to send objects of this class, and to be sent them."""
    if not is_storage_class(uid, settings.DIMSE_TAKES_PRIVATE):
        return role[0], False
    return role[0] and "store" in caller.rights, role[1] and "get" in caller.rights


def _choose_form(offer: Offer, is_fetching: bool) -> tuple[int, str]:
    known = [one for one in offer.transfer_syntaxes if is_transfer_syntax(one, settings.DIMSE_TAKES_PRIVATE)]
    if is_fetching:
        known = [one for one in _PREFERRED[:2] if one in known] + known
    return (ACCEPTED, known[0]) if known else (NO_TRANSFER_SYNTAX, "")


# ------------------------------------------------------------------ the answers


def accept(request: Request, answer: Answer) -> bytes:
    """Return the A-ASSOCIATE-AC."""
    response = request.primitive
    response.application_context_name = APPLICATION_CONTEXT
    response.presentation_context_definition_results_list = [_result(*one) for one in answer.results]
    response.result = 0
    response.user_information = [*user_information(), *_role_items(answer), *_extended_items(request, answer)]
    encoded: bytes = A_ASSOCIATE_AC(response).encode()
    return encoded


def _result(offer: Offer, result: int, syntax: str) -> PresentationContext:
    context = PresentationContext()
    context.context_id = offer.context_id
    context.abstract_syntax = offer.abstract_syntax
    context.transfer_syntax = [syntax]
    context.result = result
    return context


def _role_items(answer: Answer) -> Iterator[SCP_SCU_RoleSelectionNegotiation]:
    for uid, (uses, provides) in answer.roles.items():
        item = SCP_SCU_RoleSelectionNegotiation()
        item.sop_class_uid, item.scu_role, item.scp_role = uid, uses, provides
        yield item


def _extended_items(request: Request, answer: Answer) -> Iterator[SOPClassExtendedNegotiation]:
    """Yield what is offered beyond the baseline (PS3.4 C.5.1.1, C.5.2.1): relational queries, names by words."""
    accepted = {one.abstract_syntax for one in answer.contexts.values()}
    for uid, asked in request.extended.items():
        if uid in QUERIES and uid in accepted and asked:
            item = SOPClassExtendedNegotiation()
            item.sop_class_uid = uid
            item.service_class_application_information = extended_answer(uid, asked)
            yield item


def fuzzy_classes(request: Request, answer: Answer) -> frozenset[str]:
    """Return the services for which matching of names by their words is agreed."""
    accepted = {one.abstract_syntax for one in answer.contexts.values()}
    asked = request.extended.items()
    return frozenset(uid for uid, wish in asked if uid in accepted and extended_answer(uid, wish)[2:3] == b"\1")


def extended_answer(uid: str, asked: bytes) -> bytes:
    """Return what of the extended behaviour that is asked for is given, byte by byte."""
    offered = (1, 0, 1) if uid.endswith(FIND) else (1,)
    return bytes(wish & (offered[place] if place < len(offered) else 0) & 1 for place, wish in enumerate(asked[:8]))


def reject(result: tuple[int, int, int]) -> bytes:
    """Return the A-ASSOCIATE-RJ."""
    unit = A_ASSOCIATE_RJ()
    unit.result, unit.source, unit.reason_diagnostic = result
    encoded: bytes = unit.encode()
    return encoded
