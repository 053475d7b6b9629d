"""Searching other nodes for studies: C-FIND in the Study Root model (PS3.4 C.4.1), or QIDO-RS (PS3.18 10.6)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pacsbrowser.dicom.identifier import BadIdentifier, encode_identifier, parse_identifier
from pacsbrowser.dicom.json_model import tag_and_vr
from pacsbrowser.dicom.part10 import EXPLICIT_UID, IMPLICIT_UID
from pacsbrowser.dicom.uids import is_storable_uid
from pacsbrowser.exchange.association import Association, Context
from pacsbrowser.exchange.commands import (
    AFFECTED_CLASS,
    C_CANCEL,
    C_FIND,
    COMMENT,
    DATA_SET_TYPE,
    FIELD,
    MESSAGE_ID,
    NO_DATA_SET,
    PRIORITY,
    RESPONDED_ID,
    RESPONSE,
    Command,
)
from pacsbrowser.exchange.failures import ExchangeError, Lost
from pacsbrowser.exchange.models import Kind, Node
from pacsbrowser.exchange.opening import Proposal, open_association
from pacsbrowser.exchange.scu import await_answer
from pacsbrowser.exchange.web import ask_json

STUDY_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PENDING = (0xFF00, 0xFF01)
MOST_STUDIES = 200
MOST_SERIES = 100
PATIENCE = 30.0
NODES_AT_ONCE = 8
RETURNED = (
    "StudyInstanceUID", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "StudyDate",
    "StudyTime", "AccessionNumber", "StudyDescription", "ModalitiesInStudy", "ReferringPhysicianName",
    "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances",
)  # fmt: skip
_MOST_TEXT = 256


@dataclass(frozen=True, slots=True)
class RemoteStudy:
    """A study that a node has, as it says: texts by keyword."""

    node: Node
    values: Mapping[str, str]

    @property
    def uid(self) -> str:
        """Its Study Instance UID."""
        return self.values["StudyInstanceUID"]

    @property
    def instance_count(self) -> int | None:
        """How many instances it has there; None where the node does not say."""
        return number(self.values["NumberOfStudyRelatedInstances"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What one node answered: studies, that it had more, or why there are none."""

    node: Node
    studies: Sequence[RemoteStudy] = ()
    is_cut: bool = False
    problem: str = ""


def number(text: str) -> int | None:
    """Return a count as a number, None where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def search(nodes: Sequence[Node], questions: Sequence[Mapping[str, str]], most: int = MOST_STUDIES) -> list[Answer]:
    """Ask several nodes at the same time; a node that fails has its problem in its answer.

    Args:
        questions: what is demanded, by keyword; a study is found that meets one of them.
        most: studies that one node may answer with.
    """
    if not nodes:
        return []
    with ThreadPoolExecutor(min(len(nodes), NODES_AT_ONCE)) as pool:
        return list(pool.map(lambda node: _search(node, questions, most), nodes))


def _search(node: Node, questions: Sequence[Mapping[str, str]], most: int) -> Answer:
    found: dict[str, RemoteStudy] = {}
    try:
        for question in questions:
            for study in find_studies(node, question, most + 1):
                found.setdefault(study.uid, study)
    except ExchangeError as error:
        return Answer(node, problem=str(error))
    studies = list(found.values())
    return Answer(node, studies[:most], is_cut=len(studies) > most)


def find_studies(node: Node, question: Mapping[str, str], most: int) -> Iterator[RemoteStudy]:
    """Yield up to `most` studies of a node that meet a question; raises ExchangeError."""
    found = _by_web(node, question, most) if node.kind == Kind.DICOMWEB else _by_dimse(node, question, most)
    for values in found:
        study = {keyword: values.get(keyword, "")[:_MOST_TEXT] for keyword in RETURNED}
        if is_storable_uid(study["StudyInstanceUID"]):
            yield RemoteStudy(node, study)


def find_classes(node: Node, study_uid: str) -> list[str]:
    """Return the SOP classes of a study as far as a DIMSE node tells them: of the first object of each series."""
    found: dict[str, None] = {}
    with _asking(node) as (association, context):
        study = {"StudyInstanceUID": study_uid}
        wanted = {**study, "QueryRetrieveLevel": "SERIES", "SeriesInstanceUID": ""}
        for series in list(_ask(association, context, wanted, MOST_SERIES)):
            uid = series.get("SeriesInstanceUID", "")
            wanted = {
                **study,
                "QueryRetrieveLevel": "IMAGE",
                "SeriesInstanceUID": uid,
                "SOPInstanceUID": "",
                "SOPClassUID": "",
            }
            found.update(dict.fromkeys(one.get("SOPClassUID", "") for one in _ask(association, context, wanted, 1)))
    return [uid for uid in found if uid]


def _by_dimse(node: Node, question: Mapping[str, str], most: int) -> Iterator[Mapping[str, str]]:
    wanted = {**dict.fromkeys(RETURNED, ""), **question, "QueryRetrieveLevel": "STUDY"}
    with _asking(node) as (association, context):
        yield from _ask(association, context, wanted, most)


@contextmanager
def _asking(node: Node) -> Iterator[tuple[Association, Context]]:
    """Open an association for questions, and end it: in good order, or at once where something went wrong."""
    association = open_association(node, [Proposal(STUDY_FIND, (EXPLICIT_UID, IMPLICIT_UID))])
    association.patience = PATIENCE
    try:
        yield association, next(iter(association.contexts.values()))
    except BaseException:
        association.abort()
        raise
    association.release()


def _ask(
    association: Association, context: Context, wanted: Mapping[str, str], most: int
) -> Iterator[Mapping[str, str]]:
    """Ask a question and yield up to `most` answers; the node is told when that is enough."""
    identifier = encode_identifier(wanted, context.transfer_syntax)
    request = Command.of({AFFECTED_CLASS: STUDY_FIND, FIELD: C_FIND, MESSAGE_ID: 1, PRIORITY: 0})
    association.send(context, request, (identifier,))
    yield from _answers(association, context, most)


def _answers(association: Association, context: Context, most: int) -> Iterator[Mapping[str, str]]:
    count = 0
    while True:
        command = await_answer(association).command
        if command.field != C_FIND | RESPONSE:
            raise Lost("The other side answers something that was not asked.")
        if command.status not in PENDING:
            if command.status and count < most:
                comment = command.text(COMMENT)
                raise ExchangeError(f"The node answers with status {command.status:04X}H. {comment}".strip())
            return
        try:
            found = parse_identifier(association.read_data(), context.transfer_syntax)
        except BadIdentifier:
            raise Lost("An answer of the other side cannot be read.") from None
        count += 1
        if count <= most:
            yield found.values
        if count == most:
            cancel(association, context)


def cancel(association: Association, context: Context) -> None:
    """Ask the other side to stop answering (PS3.7 9.3.2.3)."""
    association.send(context, Command.of({FIELD: C_CANCEL, RESPONDED_ID: 1, DATA_SET_TYPE: NO_DATA_SET}))


def _by_web(node: Node, question: Mapping[str, str], most: int) -> Iterator[Mapping[str, str]]:
    parameters = [(keyword, value) for keyword, value in question.items() if value]
    parameters += [("includefield", "StudyDescription"), ("limit", str(most))]
    for data_set in ask_json(node, f"/studies?{urlencode(parameters)}", PATIENCE)[:most]:
        yield {keyword: text_of(data_set, keyword) for keyword in RETURNED}


def text_of(data_set: Mapping[str, Any], keyword: str) -> str:
    """Return the text of an element of the DICOM JSON model (PS3.18 F.2), its values separated by a backslash."""
    element = data_set.get(tag_and_vr(keyword)[0].upper())
    values = element.get("Value") if isinstance(element, dict) else None
    return "\\".join(_texts(values)) if isinstance(values, list) else ""


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, dict):
            groups = [str(value.get(group, "")) for group in ("Alphabetic", "Ideographic", "Phonetic")]
            yield "=".join(groups).rstrip("=")
        elif isinstance(value, str | int | float):
            yield str(value)
