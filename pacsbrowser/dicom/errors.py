"""What can keep an object from being read, as exceptions that say why in plain words."""


class DicomError(Exception):
    """The object cannot be taken; `reason` is a sentence for people that names the attribute, its tag and the place."""

    code = "unreadable"

    def __init__(self, reason: str, offset: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.offset = offset


class NotDicom(DicomError):
    """Neither a DICOM Part 10 file nor a bare data set."""

    code = "not_dicom"


class MediaDirectory(DicomError):
    """A DICOMDIR (PS3.3 F, PS3.10 8): an index of other files, not an instance of a study."""

    code = "dicomdir"


class Damaged(DicomError):
    """DICOM, but its encoding breaks before what identifies the object could be read."""

    code = "damaged"


class MissingUID(DicomError):
    """The Study, Series or SOP Instance UID is absent or empty."""

    code = "missing_uid"


class InvalidUID(DicomError):
    """A Study, Series or SOP Instance UID that cannot be kept as a name."""

    code = "invalid_uid"


class NonPatientObject(DicomError):
    """An object that by its SOP class belongs to no patient or study (PS3.4 GG), or to no storage class at all."""

    code = "no_patient_object"


class TooDeep(DicomError):
    """Sequences are nested deeper than any real object needs."""

    code = "too_deep"


class TooLarge(DicomError):
    """The header holds more than will be read."""

    code = "too_large"
