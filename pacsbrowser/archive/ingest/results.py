"""What ingest says of each object, and the sentences it says it with."""

from dataclasses import dataclass

from pacsbrowser.archive.models import KEPT, Outcome
from pacsbrowser.archive.receive import Staged
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.header import Header

ALREADY_HERE = "The same object is in the archive; nothing was written."
RESTORED = "The object was in the trash and is back."
REPLACED_TRUNCATED = "The object here was cut short; this whole one takes its place and the other is kept beside it."
REPLACED_REMOVED = "Another object of this UID was in the trash; this one takes its place, the other is kept beside it."
CONTAINED = "The same object is in the archive, whole; this one is cut short and nothing was written."
VARIANT = "The same object in another transfer syntax is in the archive; this one is kept beside it."
CONFLICT = "Another object with this SOP Instance UID is in the archive. Both are kept; the first stays the one shown."
NOT_INDEXED = "The object could not be put into the index; it is not in the archive."

_OUTCOME_OF_ERROR = {"not_dicom": Outcome.NOT_DICOM, "dicomdir": Outcome.DICOMDIR}


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of one object. `code` is for programs, `reason` for people ('' when it was simply stored)."""

    outcome: Outcome
    name: str
    size: int
    code: str = ""
    reason: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""
    sop_class_uid: str = ""
    instance_id: int | None = None
    resume_key: str = ""
    findings: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether the archive holds the object now."""
        return self.outcome in KEPT


def refused(staged: Staged, error: DicomError) -> IngestResult:
    """Return the result for a file that could not be read as an object of a study."""
    return IngestResult(
        outcome=_OUTCOME_OF_ERROR.get(error.code, Outcome.REJECTED),
        name=staged.original_name,
        size=staged.size,
        code=error.code,
        reason=error.reason[:1000],
        resume_key=staged.resume_key,
    )


def accepted(
    staged: Staged, header: Header, outcome: Outcome, code: str = "", reason: str = "", instance_id: int | None = None
) -> IngestResult:
    """Return the result for an object that was read, with the key of the row that it led to."""
    return IngestResult(
        outcome=outcome,
        name=staged.original_name,
        size=staged.size,
        code=code,
        reason=reason,
        study_instance_uid=header.study_instance_uid,
        series_instance_uid=header.series_instance_uid,
        sop_instance_uid=header.sop_instance_uid,
        sop_class_uid=header.values["SOPClassUID"],
        instance_id=instance_id,
        resume_key=staged.resume_key,
        findings=tuple(finding.code for finding in header.findings),
    )
