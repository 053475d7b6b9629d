"""C-STORE (PS3.4 B): an object goes to the disk as it comes and into the archive, then its sender hears the result."""

import errno
import logging

from django.db import OperationalError

from pacsbrowser.archive import report, storage
from pacsbrowser.archive.ingest import IngestResult, ingest
from pacsbrowser.archive.models import Outcome
from pacsbrowser.archive.receive import Joined, Staged, stage
from pacsbrowser.dicom.file_meta import make_file_meta
from pacsbrowser.dimse.session import Session
from pacsbrowser.exchange.association import Message
from pacsbrowser.exchange.commands import AFFECTED_CLASS, AFFECTED_INSTANCE

logger = logging.getLogger(__name__)

# Statuses of PS3.4 B.2.3, and of PS3.7 C where it has none.
SUCCESS, OUT_OF_RESOURCES, NOT_AS_SAID, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000
PROCESSING_FAILURE, KEPT_FOR_REVIEW, NOT_OF_ITS_CLASS = 0x0110, 0xB000, 0xB007
_FAILURES = {
    "missing_uid": NOT_AS_SAID,
    "invalid_uid": NOT_AS_SAID,
    "no_patient_object": NOT_AS_SAID,
    "dicomdir": NOT_AS_SAID,
    "not_indexed": PROCESSING_FAILURE,
}
# Findings that say of a stored object that it is not what its class promises, as for STOW-RS.
_WARNINGS = frozenset((
    "truncated", "damaged", "sequence_broken", "pixel_data_broken", "header_too_large", "no_sop_class",
    "sop_class_not_storage", "no_pixel_data", "pixel_data_length", "transfer_syntax_contradicted",
))  # fmt: skip
_LONGEST_UID = 64


def store(session: Session, message: Message) -> None:
    """Take one object. Its sender hears success only when file and rows are durable."""
    data = session.association.data()
    try:
        staged = stage(Joined(_head(message), data), message.command.text(AFFECTED_INSTANCE)[:_LONGEST_UID])
        status, comment = _take(session, message, staged)
    except (OSError, OperationalError) as error:
        logger.warning("an object could not be written: %s", error)
        data.drain()
        status, comment = OUT_OF_RESOURCES, _why(error)
    session.answer(message, status, comment)


def _head(message: Message) -> bytes:
    """Return the head of the file: a pure function of command and context, so that equal objects make equal files."""
    command = message.command
    return make_file_meta(
        command.text(AFFECTED_CLASS)[:_LONGEST_UID],
        command.text(AFFECTED_INSTANCE)[:_LONGEST_UID],
        message.context.transfer_syntax,
    )


def _take(session: Session, message: Message, staged: Staged) -> tuple[int, str]:
    said = message.command.text(AFFECTED_INSTANCE)
    try:
        if staged.header and said and staged.header.sop_instance_uid != said:
            return NOT_AS_SAID, "The data set has another SOP Instance UID than the command."
        result = ingest([staged], session.delivery())[0]
    finally:
        if staged.header:
            storage.discard(staged.path)
    if result.is_kept:
        session.stored.note(result.study_instance_uid)
    return _status(session, message, result)


def _status(session: Session, message: Message, result: IngestResult) -> tuple[int, str]:
    if not result.is_kept:
        return _FAILURES.get(result.code, NOT_UNDERSTOOD), result.reason
    outcome = result.outcome
    if outcome == Outcome.CONFLICT and not session.caller.scope.everything:
        # that another object of this UID is here may be more than this caller may know
        outcome = report.as_told([result], session.caller.scope)[0].outcome
    if outcome == Outcome.CONFLICT:
        return KEPT_FOR_REVIEW, "Another object has this UID; kept for review."
    if _WARNINGS.intersection(result.findings):
        return NOT_OF_ITS_CLASS, "Stored; it does not match its SOP class."
    if result.sop_class_uid and result.sop_class_uid != message.command.text(AFFECTED_CLASS):
        return NOT_OF_ITS_CLASS, "Stored; its SOP class is not that of the command."
    return SUCCESS, ""


def _why(error: Exception) -> str:
    is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "The disk is full." if is_full else "The archive cannot write at the moment."
