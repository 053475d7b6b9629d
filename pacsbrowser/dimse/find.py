"""C-FIND (PS3.4 C.4.1) in the Patient Root and Study Root models, through the search keys that QIDO-RS uses as well."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.conf import settings

from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search import KEYS, ObjectRow, Search, SearchKey, Wanted, columns_of, find_keys, read_objects
from pacsbrowser.audit.models import Action
from pacsbrowser.dicom.identifier import BadIdentifier, Identifier, encode_identifier, parse_identifier
from pacsbrowser.dicom.matching import Match, UIDList, parse_match
from pacsbrowser.dimse.negotiation import PATIENT_ROOT, QUERIES
from pacsbrowser.dimse.session import Session
from pacsbrowser.exchange.association import Message

SUCCESS, CANCELLED, PENDING, PENDING_UNSUPPORTED = 0x0000, 0xFE00, 0xFF00, 0xFF01
OUT_OF_RESOURCES, NOT_OF_CLASS, UNABLE = 0xA700, 0xA900, 0xC000
# No question gets more answers than this.
MOST_ANSWERS = 100_000
_BATCH = 200
_LONGEST_LIST = 10_000
LEVELS = {"PATIENT": Level.PATIENT, "STUDY": Level.STUDY, "SERIES": Level.SERIES, "IMAGE": Level.INSTANCE}
_ALL_KEYS: Mapping[str, SearchKey] = {name: key for keys in KEYS.values() for name, key in keys.items()}
# Of every object, or of the question itself: nothing to match.
_CONSTANT = frozenset((
    "QueryRetrieveLevel", "SpecificCharacterSet", "RetrieveAETitle", "InstanceAvailability", "TimezoneOffsetFromUTC",
))  # fmt: skip
# In these a backslash is text (PS3.5 6.2).
_NO_LISTS = frozenset(("LT", "ST", "UT"))


class Refused(Exception):
    """A question that cannot be answered: the status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(slots=True)
class Question:
    """A parsed identifier: the search, which attributes to return, and whether some keys were not understood."""

    search: Search
    fields: list[str] = field(default_factory=list)
    has_unsupported: bool = False
    character_set: str = ""
    criteria: dict[str, str] = field(default_factory=dict)


def find(session: Session, message: Message) -> None:
    """Answer a question, an answer a match; stop when it is cancelled."""
    context = message.context
    data = session.association.read_data()
    try:
        identifier = parse_identifier(data, context.transfer_syntax)
        question = parse_question(identifier, context.abstract_syntax, context.abstract_syntax in session.fuzzy)
    except BadIdentifier:
        session.answer(message, UNABLE, "The identifier cannot be read.")
        return
    except Refused as refused:
        session.answer(message, refused.status, str(refused))
        return
    keys = find_keys(session.caller.scope, question.search, MOST_ANSWERS + 1)
    detail = {"list": question.search.level.value, **question.criteria, "found": len(keys)}
    session.record(Action.QUERY, detail=detail)
    status = PENDING_UNSUPPORTED if question.has_unsupported else PENDING
    for answer in _answers(session, message, question, keys[:MOST_ANSWERS]):
        session.answer(message, status, data=answer)
        if session.cancel_asked(message):
            session.answer(message, CANCELLED)
            return
    if len(keys) > MOST_ANSWERS:
        session.answer(message, OUT_OF_RESOURCES, f"There are more than {MOST_ANSWERS} matches.")
        return
    session.answer(message, SUCCESS)


def parse_question(identifier: Identifier, sop_class: str, fuzzy: bool = False) -> Question:
    """Understand an identifier.

    Raises:
        Refused: it has no level of this model, or a value that nothing can be compared with.
    """
    level = level_of(identifier, sop_class)
    question = Question(Search(level, (), fuzzy), character_set=identifier.character_set)
    wanted = []
    returned = columns_of(level)
    for keyword, text in identifier.values.items():
        if keyword in returned:
            question.fields.append(keyword)
        key = _ALL_KEYS.get(keyword)
        if key is None:
            question.has_unsupported |= keyword not in returned and keyword not in _CONSTANT
        elif text.strip(" *"):
            wanted.append(Wanted(key, parse_value(key, text)))
            question.criteria[keyword] = text[:200]
    question.has_unsupported |= bool(identifier.unknown or identifier.items)
    question.search = Search(level, tuple(wanted), fuzzy)
    return question


def level_of(identifier: Identifier, sop_class: str) -> Level:
    """Return the level of a question; raises Refused for one that its information model does not have."""
    level = LEVELS.get(identifier.values.get("QueryRetrieveLevel", "").upper())
    if level is None or (level is Level.PATIENT and QUERIES[sop_class] != PATIENT_ROOT):
        raise Refused(NOT_OF_CLASS, "Query/Retrieve Level is not of this information model.")
    return level


def parse_value(key: SearchKey, text: str) -> Match:
    """Return what a value demands (PS3.4 C.2.2.2); several separated by a backslash: any of them."""
    parts = [text] if key.vr in _NO_LISTS else [part for part in text.split("\\") if part.strip()]
    if len(parts) > _LONGEST_LIST:
        raise Refused(OUT_OF_RESOURCES, f"{key.keyword} has too many values.")
    if len(parts) > 1:
        return UIDList(tuple(part.strip() for part in parts))
    match = parse_match(key.vr, parts[0] if parts else "")
    if match is None:
        raise Refused(NOT_OF_CLASS, f"{key.keyword} has no value of {key.vr}.")
    return match


def _answers(session: Session, message: Message, question: Question, keys: list[int]) -> Iterator[bytes]:
    word = next(word for word, level in LEVELS.items() if level is question.search.level)
    for start in range(0, len(keys), _BATCH):
        for row in read_objects(session.caller.scope, question.search.level, keys[start : start + _BATCH]):
            values = _values(row, question, word)
            yield encode_identifier(values, message.context.transfer_syntax, question.character_set)


def _values(row: ObjectRow, question: Question, level: str) -> dict[str, str]:
    values = {keyword: row.values[keyword] for keyword in question.fields}
    return {
        **values,
        "QueryRetrieveLevel": level,
        "RetrieveAETitle": settings.DIMSE_AE_TITLE,
        "InstanceAvailability": "ONLINE",
    }
