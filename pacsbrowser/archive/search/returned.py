"""Which attributes the index can return to the protocols, by level, and from which columns."""

from collections.abc import Mapping
from functools import cache

from pacsbrowser.archive.models import Level

_PATIENT = {
    "PatientName": "p.patient_name",
    "PatientID": "p.patient_id",
    "IssuerOfPatientID": "p.issuer_of_patient_id",
    "PatientBirthDate": "p.patient_birth_date",
    "PatientSex": "p.patient_sex",
    "NumberOfPatientRelatedStudies": "p.study_count",
    "NumberOfPatientRelatedSeries": "p.series_count",
    "NumberOfPatientRelatedInstances": "p.instance_count",
}
# What a patient's own row counts over all studies, as it is counted over those of a limited scope.
OF_VISIBLE = {
    "NumberOfPatientRelatedStudies": "count(*)",
    "NumberOfPatientRelatedSeries": "sum(s.series_count)",
    "NumberOfPatientRelatedInstances": "sum(s.instance_count)",
}
_STUDY = {
    "StudyInstanceUID": "s.study_instance_uid",
    "StudyDate": "s.study_date",
    "StudyTime": "s.study_time",
    "AccessionNumber": "s.accession_number",
    "StudyID": "s.study_id",
    "StudyDescription": "s.study_description",
    "ReferringPhysicianName": "s.referring_physician_name",
    "TimezoneOffsetFromUTC": "s.timezone_offset_from_utc",
    "ModalitiesInStudy": "s.modalities",
    "NumberOfStudyRelatedSeries": "s.series_count",
    "NumberOfStudyRelatedInstances": "s.instance_count",
}
_SERIES = {
    "SeriesInstanceUID": "e.series_instance_uid",
    "Modality": "e.modality",
    "SeriesNumber": "e.series_number",
    "SeriesDescription": "e.series_description",
    "SeriesDate": "e.series_date",
    "SeriesTime": "e.series_time",
    "BodyPartExamined": "e.body_part_examined",
    "Laterality": "e.laterality",
    "ProtocolName": "e.protocol_name",
    "Manufacturer": "e.manufacturer",
    "ManufacturerModelName": "e.manufacturer_model_name",
    "StationName": "e.station_name",
    "InstitutionName": "e.institution_name",
    "FrameOfReferenceUID": "e.frame_of_reference_uid",
    "PerformedProcedureStepStartDate": "e.performed_procedure_step_start_date",
    "PerformedProcedureStepStartTime": "e.performed_procedure_step_start_time",
    "NumberOfSeriesRelatedInstances": "e.instance_count",
}
_INSTANCE = {
    "SOPInstanceUID": "i.sop_instance_uid",
    "SOPClassUID": "i.sop_class_uid",
    "InstanceNumber": "i.instance_number",
    # A single frame is seldom declared; the index keeps 1 for that as well.
    "NumberOfFrames": "CASE WHEN i.number_of_frames > 1 THEN i.number_of_frames END",
    "Rows": "i.rows",
    "Columns": "i.columns",
    "BitsAllocated": "i.bits_allocated",
    "AvailableTransferSyntaxUID": "i.transfer_syntax_uid",
}
RETURNED: Mapping[Level, Mapping[str, str]] = {
    Level.PATIENT: _PATIENT,
    Level.STUDY: _STUDY,
    Level.SERIES: _SERIES,
    Level.INSTANCE: _INSTANCE,
}
ABOVE = {
    Level.PATIENT: (Level.PATIENT,),
    Level.STUDY: (Level.PATIENT, Level.STUDY),
    Level.SERIES: (Level.PATIENT, Level.STUDY, Level.SERIES),
    Level.INSTANCE: (Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE),
}


@cache
def columns_of(level: Level) -> dict[str, str]:
    """Return the columns of a level and of those above it, by keyword."""
    return {keyword: column for one in ABOVE[level] for keyword, column in RETURNED[one].items()}
