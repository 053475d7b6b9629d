"""From a header's values to the columns of each level, with nothing of the database in it.

The `*_columns` functions take values by keyword (decoded text, '' where absent) and return all columns that come from
them, so that filling in a value later recomputes what is derived from it.
"""

import hashlib
from collections.abc import Mapping
from math import isfinite

from pacsbrowser.archive.models.levels import TEXT_LENGTH, UID_LENGTH, Patient, Series, Study
from pacsbrowser.dicom.attributes import field_name
from pacsbrowser.dicom.matching import fold
from pacsbrowser.dicom.names import PersonName
from pacsbrowser.dicom.uids import trim_uid
from pacsbrowser.dicom.values import parse_date, parse_decimals, parse_integer, sort_date_time

Values = Mapping[str, str]
Columns = dict[str, object]


def by_column(*keywords: str) -> Mapping[str, str]:
    """Return keywords by the columns that hold their values."""
    return {field_name(keyword): keyword for keyword in keywords}


# The attributes whose values are compared between the objects of one patient, study or series, by column. What
# differs between them is a finding. Patient ID, issuer and the UIDs are identity and cannot differ.
PATIENT_ATTRIBUTES = by_column("PatientName", "PatientBirthDate", "PatientSex")
STUDY_ATTRIBUTES = by_column(
    "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "StudyDescription", "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
)  # fmt: skip
# Shown with a study, but attributes of the equipment (PS3.3 C.7.5.1): they may differ from series to series.
STUDY_FROM_EQUIPMENT = by_column("InstitutionName")
SERIES_ATTRIBUTES = by_column(
    "Modality", "SeriesNumber", "SeriesDescription", "SeriesDate", "SeriesTime", "BodyPartExamined", "Laterality",
    "ProtocolName", "Manufacturer", "ManufacturerModelName", "StationName", "InstitutionName",
    "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime",
)  # fmt: skip

_LONGEST_WORDS = 2 * TEXT_LENGTH


def cut(text: str, length: int = TEXT_LENGTH) -> str:
    """Return text as long as an indexed column takes."""
    return text[:length]


def cut_id(text: str) -> str:
    """Return a Patient ID or issuer as its column takes it; two long ones that differ stay different."""
    if len(text) <= TEXT_LENGTH:
        return text
    return f"{text[: TEXT_LENGTH - 17]}…{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"


def identity_key(values: Values) -> str:
    """Return what identifies the patient that an object was received under.

    Patient ID with its issuer (PS3.3 C.7.1.1.1); without a Patient ID, the study: never one patient for all.
    """
    patient_id, issuer = cut_id(values["PatientID"]), cut_id(values["IssuerOfPatientID"])
    if patient_id:
        return f"id\x1f{issuer}\x1f{patient_id}"
    return f"study\x1f{values['StudyInstanceUID']}"


def patient_columns(values: Values) -> Columns:
    """Return the columns of a patient."""
    name = PersonName.parse(values["PatientName"])
    patient_id = cut_id(values["PatientID"])
    return {
        "patient_id": patient_id,
        "issuer_of_patient_id": cut_id(values["IssuerOfPatientID"]),
        "patient_name": cut(values["PatientName"]),
        "name_display": cut(name.display),
        "name_others": cut(" · ".join(name.others)),
        "name_sort": cut(name.sort_key),
        "name_search": cut(" ".join(name.words()), _LONGEST_WORDS),
        "id_search": cut(fold(patient_id)),
        "patient_birth_date": cut(values["PatientBirthDate"]),
        "birth_date": parse_date(values["PatientBirthDate"]),
        "patient_sex": cut(values["PatientSex"]),
    }


def name_words(values: Values) -> set[str]:
    """Return the words that a patient's name is found by."""
    return {cut(word) for word in PersonName.parse(values["PatientName"]).words()[:64]}


def study_columns(values: Values) -> Columns:
    """Return the columns of a study; `name_sort` and `patient_id_sort` are copies of its patient's."""
    attributes = {**STUDY_ATTRIBUTES, **STUDY_FROM_EQUIPMENT}
    return {
        **{column: cut(values[keyword]) for column, keyword in attributes.items()},
        "date_sort": sort_date_time(values["StudyDate"], values["StudyTime"]),
        "description_search": cut(fold(values["StudyDescription"])),
        "accession_search": cut(fold(values["AccessionNumber"])),
        "referring_sort": cut(PersonName.parse(values["ReferringPhysicianName"]).sort_key),
        "institution_sort": cut(fold(values["InstitutionName"])),
    }


def series_columns(values: Values) -> Columns:
    """Return the columns of a series."""
    return {
        **{column: cut(values[keyword]) for column, keyword in SERIES_ATTRIBUTES.items()},
        "series_number_value": parse_integer(values["SeriesNumber"]),
        "frame_of_reference_uid": cut(trim_uid(values["FrameOfReferenceUID"]), UID_LENGTH),
    }


def instance_columns(values: Values) -> Columns:
    """Return the columns of an instance that come from its header."""
    number = values["InstanceNumber"].partition("\\")[0]
    return {
        "sop_instance_uid": values["SOPInstanceUID"],
        "sop_class_uid": cut(trim_uid(values["SOPClassUID"]), UID_LENGTH),
        "instance_number": cut(number),
        "instance_number_value": parse_integer(number),
        "slice_position": slice_position(values),
        "acquired": acquired(values),
        "number_of_frames": max(1, parse_integer(values["NumberOfFrames"]) or 1),
        "rows": _small(values["Rows"]),
        "columns": _small(values["Columns"]),
        "bits_allocated": _small(values["BitsAllocated"]),
    }


def columns_of(row: Patient | Study | Series) -> dict[str, str]:
    """Return the columns of a row that hold values as received, each with its keyword."""
    if isinstance(row, Patient):
        return {**by_column("PatientID", "IssuerOfPatientID"), **PATIENT_ATTRIBUTES}
    if isinstance(row, Study):
        return {**STUDY_ATTRIBUTES, **STUDY_FROM_EQUIPMENT}
    return {**SERIES_ATTRIBUTES, **by_column("FrameOfReferenceUID")}


def derive(row: Patient | Study | Series, values: Values) -> Columns:
    """Return all columns of a row of this level from values by keyword."""
    if isinstance(row, Patient):
        return patient_columns(values)
    if isinstance(row, Study):
        return study_columns(values)
    return series_columns(values)


def _small(text: str) -> int | None:
    number = parse_integer(text)
    return number if number is not None and 0 <= number <= 65535 else None


def slice_position(values: Values) -> float | None:
    """Return the distance (mm) of a slice from the origin along its normal (PS3.3 C.7.6.2.1.1), if it has one."""
    position = parse_decimals(values["ImagePositionPatient"])
    orientation = parse_decimals(values["ImageOrientationPatient"])
    if len(position) != 3 or len(orientation) != 6:
        return None
    (ax, ay, az), (bx, by, bz) = orientation[:3], orientation[3:]
    normal = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    distance = sum(component * along for component, along in zip(position, normal, strict=True))
    return round(distance, 6) if isfinite(distance) else None


def acquired(values: Values) -> str:
    """Return a text that sorts instances by the time of acquisition, else of content; '' when there is none."""
    moment = values["AcquisitionDateTime"] or values["AcquisitionDate"] + values["AcquisitionTime"]
    if not values["AcquisitionDateTime"] and not values["AcquisitionTime"]:
        moment = values["ContentDate"] + values["ContentTime"]
    return cut(moment, 32)
