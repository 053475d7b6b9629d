"""C-MOVE and C-GET (PS3.4 C.4.2, C.4.3): which objects are meant, and sending them with an account of how it goes."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import QuerySet

from pacsbrowser.archive.models import Instance, Level
from pacsbrowser.audit.models import Action
from pacsbrowser.dicom.identifier import BadIdentifier, Identifier, encode_identifier, parse_identifier
from pacsbrowser.dimse.find import Refused, level_of
from pacsbrowser.dimse.session import Session
from pacsbrowser.exchange.association import Message
from pacsbrowser.exchange.commands import COMPLETED, DESTINATION, FAILED, REMAINING, WARNING
from pacsbrowser.exchange.models import Kind, Node
from pacsbrowser.exchange.sending import BATCH, send_instances
from pacsbrowser.exchange.storing import Sent, Storing

SUCCESS, CANCELLED, PENDING, SOME_FAILED = 0x0000, 0xFE00, 0xFF00, 0xB000
NONE_SENT, UNKNOWN_DESTINATION, NOT_OF_CLASS, UNABLE = 0xA702, 0xA801, 0xA900, 0xC000
_LONGEST_LIST = 10_000
# A list of UIDs is one value, whose length Explicit VR limits to 65,534 bytes.
_MOST_FAILED = 1_000
_MOST_COUNTED = 0xFFFF
_UNIQUE = {
    Level.PATIENT: ("PatientID", "series__study__patient__patient_id"),
    Level.STUDY: ("StudyInstanceUID", "series__study__study_instance_uid"),
    Level.SERIES: ("SeriesInstanceUID", "series__series_instance_uid"),
    Level.INSTANCE: ("SOPInstanceUID", "sop_instance_uid"),
}


@dataclass(slots=True)
class _Account:
    """How far the sub-operations are (PS3.4 C.4.2.1.6)."""

    remaining: int
    completed: int = 0
    warned: int = 0
    failed: list[str] = field(default_factory=list)

    def take(self, sent: Sent) -> None:
        """Count one that is over."""
        self.remaining = max(0, self.remaining - 1)
        if sent.is_warning:
            self.warned += 1
        elif sent.is_kept:
            self.completed += 1
        else:
            self.failed.append(sent.sop_instance_uid)

    def elements(self, is_over: bool) -> dict[int, int | str]:
        """Return the numbers, which have two bytes each; what remains is told until the end."""
        counts = {COMPLETED: self.completed, FAILED: len(self.failed), WARNING: self.warned}
        if not is_over:
            counts[REMAINING] = self.remaining
        return {element: min(count, _MOST_COUNTED) for element, count in counts.items()}

    @property
    def status(self) -> int:
        """The status of the last response."""
        if not self.failed:
            return SOME_FAILED if self.warned else SUCCESS
        return SOME_FAILED if self.completed or self.warned else NONE_SENT


def move(session: Session, message: Message) -> None:
    """Send what is meant to a known node, each object with a pending response."""
    destination = message.command.text(DESTINATION)
    node = Node.objects.filter(kind=Kind.DIMSE, ae_title=destination).first()
    keys = _keys(session, message)
    if keys is None:
        return
    if node is None:
        session.answer(message, UNKNOWN_DESTINATION, "The destination is no known node.")
        return
    _record(session, Action.SEND, keys, to=node.name)
    sent = send_instances(
        node,
        keys,
        should_stop=lambda: session.cancel_asked(message),
        originator=(session.caller.ae_title, message.command.message_id),
    )
    _report(session, message, len(keys), sent)


def get(session: Session, message: Message) -> None:
    """Send what is meant over the caller's own association."""
    keys = _keys(session, message)
    if keys is None:
        return
    _record(session, Action.DOWNLOAD, keys, what="C-GET")
    storing = Storing(session.association, on_other=lambda other: session.note_cancel(message, other.command))
    _report(session, message, len(keys), _send_here(keys, storing, lambda: session.cancel_asked(message)))


def _send_here(keys: Sequence[int], storing: Storing, should_stop: Callable[[], bool]) -> Iterator[Sent]:
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        found = Instance.objects.live().select_related("blob").in_bulk(some)
        for instance in (found[key] for key in some if key in found):
            if should_stop():
                return
            yield storing.send(instance)


def _report(session: Session, message: Message, total: int, sent: Iterator[Sent]) -> None:
    account = _Account(total)
    for one in sent:
        account.take(one)
        if account.remaining:
            session.answer(message, PENDING, elements=account.elements(is_over=False))
    status = CANCELLED if session.is_cancelled and account.remaining else account.status
    elements = account.elements(is_over=status != CANCELLED)
    failed = {"FailedSOPInstanceUIDList": "\\".join(account.failed[:_MOST_FAILED])} if account.failed else None
    data = encode_identifier(failed, message.context.transfer_syntax) if failed else None
    session.answer(message, status, data=data, elements=elements)


# ------------------------------------------------------------------ what is meant


def _keys(session: Session, message: Message) -> list[int] | None:
    """Return the keys of what is meant, of all holders in scope; None where the caller was told that it cannot be."""
    data = session.association.read_data()
    try:
        identifier = parse_identifier(data, message.context.transfer_syntax)
        level = level_of(identifier, message.context.abstract_syntax)
        rows = _meant(Instance.objects.visible_to(session.caller.scope), identifier, level)
    except BadIdentifier:
        session.answer(message, UNABLE, "The identifier cannot be read.")
        return None
    except Refused as refused:
        session.answer(message, refused.status, str(refused))
        return None
    return list(rows.order_by("series__study_id", "series_id", "position", "pk").values_list("pk", flat=True))


def _meant(rows: QuerySet[Instance], identifier: Identifier, level: Level) -> QuerySet[Instance]:
    """Limit to the unique keys that are given; that of the level has to be (PS3.4 C.4.2.2.1)."""
    values = identifier.values
    if not values.get(_UNIQUE[level][0], "").strip(" *?"):
        raise Refused(NOT_OF_CLASS, f"{_UNIQUE[level][0]} is needed at this level.")
    for keyword, path in _UNIQUE.values():
        wanted = [part.strip() for part in values.get(keyword, "").split("\\") if part.strip()]
        if len(wanted) > _LONGEST_LIST:
            raise Refused(NOT_OF_CLASS, f"{keyword} has too many values.")
        if wanted:
            rows = rows.filter(**{f"{path}__in": wanted})
    if issuer := values.get("IssuerOfPatientID", ""):
        rows = rows.filter(series__study__patient__issuer_of_patient_id=issuer)
    return rows


def _record(session: Session, action: Action, keys: Sequence[int], **detail: str) -> None:
    """Record what is about to leave, study by study: a sending that is not recorded does not happen."""
    counts: Counter[int] = Counter()
    for start in range(0, len(keys), 10_000):
        counts.update(
            Instance.objects.filter(pk__in=keys[start : start + 10_000]).values_list("series__study_id", flat=True)
        )
    session.record_studies(action, counts, **detail)
