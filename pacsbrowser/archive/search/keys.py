"""The search keys of the protocols (QIDO-RS, C-FIND), by level: which attributes may be asked for, and how they match.

A whitelist, declared once (PS3.4 C.6.2.1, PS3.18 10.6.1.2). Tables go by one letter: p patient, s study, e series,
i instance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search.persons import pattern_condition
from pacsbrowser.archive.search.sql import LAST, TRUE, Sql, equals, fill, one_of, prefix
from pacsbrowser.dicom.matching import Exact, Match, Range, UIDList, Universal, fold


@dataclass(frozen=True, slots=True)
class SearchKey:
    """An attribute that can be asked for: its VR, and the column that is compared.

    `folded`: the column holds text without case and accents, as names and descriptions are compared (PS3.4 C.2.2.2.1).
    `words`: a value matches where the column begins with it, so that a family name finds its bearers.
    """

    keyword: str
    vr: str
    column: str
    folded: bool = False
    words: bool = False


_KEYS: Mapping[Level, tuple[SearchKey, ...]] = {
    Level.PATIENT: (
        SearchKey("PatientName", "PN", "p.name_sort", folded=True, words=True),
        SearchKey("PatientID", "LO", "p.patient_id"),
        SearchKey("IssuerOfPatientID", "LO", "p.issuer_of_patient_id"),
        SearchKey("PatientBirthDate", "DA", "p.patient_birth_date"),
        SearchKey("PatientSex", "CS", "p.patient_sex"),
    ),
    Level.STUDY: (
        SearchKey("StudyInstanceUID", "UI", "s.study_instance_uid"),
        SearchKey("StudyDate", "DA", "s.study_date"),
        SearchKey("StudyTime", "TM", "s.study_time"),
        SearchKey("AccessionNumber", "SH", "s.accession_search", folded=True),
        SearchKey("StudyID", "SH", "s.study_id"),
        SearchKey("StudyDescription", "LO", "s.description_search", folded=True),
        SearchKey("ReferringPhysicianName", "PN", "s.referring_sort", folded=True, words=True),
        SearchKey("InstitutionName", "LO", "s.institution_sort", folded=True),
        SearchKey("ModalitiesInStudy", "CS", "m.modality"),
    ),
    Level.SERIES: (
        SearchKey("SeriesInstanceUID", "UI", "e.series_instance_uid"),
        SearchKey("Modality", "CS", "e.modality"),
        SearchKey("SeriesNumber", "IS", "e.series_number"),
        SearchKey("SeriesDescription", "LO", "e.series_description"),
        SearchKey("BodyPartExamined", "CS", "e.body_part_examined"),
        SearchKey("FrameOfReferenceUID", "UI", "e.frame_of_reference_uid"),
        SearchKey("PerformedProcedureStepStartDate", "DA", "e.performed_procedure_step_start_date"),
        SearchKey("PerformedProcedureStepStartTime", "TM", "e.performed_procedure_step_start_time"),
    ),
    Level.INSTANCE: (
        SearchKey("SOPInstanceUID", "UI", "i.sop_instance_uid"),
        SearchKey("SOPClassUID", "UI", "i.sop_class_uid"),
        SearchKey("InstanceNumber", "IS", "i.instance_number"),
    ),
}
KEYS: Mapping[Level, Mapping[str, SearchKey]] = {
    level: {key.keyword: key for key in keys} for level, keys in _KEYS.items()
}
_MODALITY = "EXISTS (SELECT 1 FROM archive_studymodality m WHERE m.study_id = s.id AND {})"


def condition(key: SearchKey, match: Match) -> Sql:
    """Return the condition that an attribute matches (PS3.4 C.2.2.2)."""
    own = _own(key, match)
    if own == TRUE:
        return TRUE
    return fill(_MODALITY, own) if key.column.startswith("m.") else own


def _own(key: SearchKey, match: Match) -> Sql:
    if isinstance(match, Universal):
        return TRUE
    if isinstance(match, Exact):
        text = fold(match.value) if key.folded else match.value
        return prefix(key.column, text) if key.words else equals(key.column, text)
    if isinstance(match, UIDList):
        return one_of(key.column, match.uids)
    if isinstance(match, Range):
        return Sql(f"({key.column} >= ? AND {key.column} < ?)", (match.first or "0", (match.last or "9") + LAST))
    text = fold(match.pattern) if key.folded else match.pattern
    return pattern_condition(key.column, f"{text}*" if key.words and not text.endswith("*") else text)
