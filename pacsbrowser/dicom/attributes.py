"""Which attributes the archive keeps in its index, per level, and how they are named as fields."""

import re
from functools import cache

from pydicom.datadict import dictionary_VR, tag_for_keyword

PATIENT = (
    "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex",
    "OtherPatientIDs", "OtherPatientNames", "PatientComments", "PatientSpeciesDescription",
)  # fmt: skip
STUDY = (
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "StudyDescription",
    "ReferringPhysicianName", "NameOfPhysiciansReadingStudy", "PatientAge", "PatientSize", "PatientWeight",
    "AdmissionID", "TimezoneOffsetFromUTC",
)  # fmt: skip
SERIES = (
    "SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription", "SeriesDate", "SeriesTime",
    "BodyPartExamined", "Laterality", "PatientPosition", "ProtocolName", "InstitutionName",
    "InstitutionalDepartmentName", "StationName", "Manufacturer", "ManufacturerModelName",
    "DeviceSerialNumber", "SoftwareVersions",
    "PerformingPhysicianName", "OperatorsName", "FrameOfReferenceUID",
    "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime",
)  # fmt: skip
INSTANCE = (
    "SOPInstanceUID", "SOPClassUID", "SpecificCharacterSet", "InstanceNumber", "ImageType",
    "InstanceCreationDate", "InstanceCreationTime", "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime",
    "ContentDate", "ContentTime", "AcquisitionNumber", "ImagePositionPatient", "ImageOrientationPatient",
    "SliceLocation", "NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored",
    "ImageComments", "ContentLabel", "ContentDescription", "ContentCreatorName", "DocumentTitle",
    "CompletionFlag", "VerificationFlag", "PresentationIntentType", "BurnedInAnnotation", "LossyImageCompression",
)  # fmt: skip

ALL = PATIENT + STUDY + SERIES + INSTANCE
IDENTIFIERS = {"StudyInstanceUID": "Study", "SeriesInstanceUID": "Series", "SOPInstanceUID": "SOP"}  # of what


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


TAGS: dict[str, int] = {keyword: _tag(keyword) for keyword in ALL}
KEYWORDS: dict[int, str] = {tag: keyword for keyword, tag in TAGS.items()}
VRS: dict[str, str] = {keyword: dictionary_VR(tag) for keyword, tag in TAGS.items()}

_FIRST_OF_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UID_PLURAL = re.compile(r"(UID|ID)s")


@cache
def field_name(keyword: str) -> str:
    """Return the snake-cased keyword: StudyInstanceUID → study_instance_uid."""
    return _FIRST_OF_WORD.sub("_", _UID_PLURAL.sub(lambda found: found[1].capitalize() + "s", keyword)).lower()


def tag_text(tag: int) -> str:
    """Return a tag as the standard writes it: (0010,0020)."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
