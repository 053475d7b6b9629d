"""What can be wrong with an object that is kept all the same: one table of codes, severities and sentences."""

from typing import NamedTuple

WARNING = "warning"
INFO = "info"


class HeaderFinding(NamedTuple):
    """Something a person should know about one object; `subject` is a keyword or a tag, '' for the whole file."""

    code: str
    severity: str
    subject: str
    detail: str

    @property
    def sentence(self) -> str:
        """The finding in plain words."""
        return describe(self.code, self.subject, self.detail)


# code: (severity, sentence); the sentence may name {subject} and {detail}.
FINDINGS: dict[str, tuple[str, str]] = {
    # The file around the data set (PS3.10 7)
    "no_preamble": (WARNING, "The file lacks the preamble and prefix of PS3.10."),
    "preamble_foreign": (INFO, "The preamble looks like another kind of file: {detail}."),
    "no_file_meta": (WARNING, "The file has no File Meta Information; the encoding was recognised as {detail}."),
    "meta_group_length": (WARNING, "The length of the File Meta Information is missing or wrong ({detail})."),
    "meta_sop_differs": (WARNING, "{subject} in the File Meta Information is {detail}; the data set's value counts."),
    "transfer_syntax_missing": (WARNING, "No transfer syntax is given; the encoding was recognised as {detail}."),
    "transfer_syntax_unknown": (WARNING, "The transfer syntax {detail} is unknown, so pixels cannot be decoded."),
    "transfer_syntax_contradicted": (WARNING, "The data set is not written as its transfer syntax says: {detail}."),
    # The structure of the data set (PS3.5 7)
    "truncated": (WARNING, "The file is cut short: {detail}."),
    "damaged": (WARNING, "The data set breaks before its end: {detail}."),
    "sequence_broken": (WARNING, "A sequence is broken and was read only in part: {detail}."),
    "delimiter_stray": (WARNING, "A delimiter is out of place: {detail}."),
    "vr_unknown": (WARNING, "{detail}; it was read by the form that fits."),
    "pixel_data_broken": (WARNING, "The encapsulated pixel data is broken: {detail}."),
    "out_of_order": (WARNING, "Elements are not in ascending order, first at {subject}."),
    "duplicate_element": (WARNING, "{subject} occurs more than once; the last value counts."),
    "group_not_allowed": (WARNING, "{subject} does not belong into a data set and was ignored."),
    "trailing_data": (WARNING, "Bytes follow the end of the data set: {detail}."),
    "header_too_large": (WARNING, "The header was read only in part: {detail}."),
    "odd_length": (INFO, "{subject} has an odd length."),
    # Identity
    "invalid_uid": (WARNING, "{subject} {detail} breaks the rules for UIDs (PS3.5 9.1)."),
    "uids_equal": (WARNING, "The same UID names {detail}."),
    "no_sop_class": (WARNING, "The SOP Class UID (0008,0016) is missing, so the kind of object is unknown."),
    "sop_class_not_storage": (WARNING, "{detail} is not a class of stored objects."),
    "no_patient_id": (WARNING, "The Patient ID (0010,0020) is missing."),
    "no_patient_name": (INFO, "The Patient's Name (0010,0010) is missing."),
    "no_modality": (WARNING, "The Modality (0008,0060) is missing."),
    "no_study_date": (INFO, "The Study Date (0008,0020) is missing."),
    "no_pixel_data": (WARNING, "The object is an image by its class but has no Pixel Data (7FE0,0010)."),
    # Text (PS3.5 6.1, 6.2)
    "charset_unknown": (WARNING, "The character set {detail} is unknown or misspelt."),
    "charset_undeclared": (WARNING, "{subject} has characters of a set that is not declared; read as {detail}."),
    "charset_undecodable": (WARNING, "{subject} has bytes that do not fit the character set {detail}."),
    "charset_suspicious": (WARNING, "{subject} was read as declared, but its bytes look like {detail}."),
    "control_characters": (WARNING, "{subject} has control or invisible characters."),
    "text_too_long": (WARNING, "{subject} is longer than its VR allows ({detail})."),
    "too_many_values": (WARNING, "{subject} has {detail} values where one is allowed."),
    "name_malformed": (WARNING, "{subject} is no person name of at most three groups and five components ({detail})."),
    "date_invalid": (WARNING, "{subject} is no date: {detail}."),
    "time_invalid": (WARNING, "{subject} is no time: {detail}."),
    "number_invalid": (WARNING, "{subject} is no number of its kind: {detail}."),
    "age_invalid": (WARNING, "{subject} is no age: {detail}."),
    "code_invalid": (WARNING, "{subject} has characters that codes must not have: {detail}."),
    "pixel_description": (WARNING, "{subject} cannot describe an image: {detail}."),
    "pixel_data_length": (WARNING, "The Pixel Data is {detail} than the image description says."),
}


def finding(code: str, subject: str = "", detail: str = "") -> HeaderFinding:
    """Make a finding of the table; the detail is cut to what a page shows."""
    return HeaderFinding(code, FINDINGS[code][0], subject, detail[:200])


def describe(code: str, subject: str = "", detail: str = "") -> str:
    """Return the sentence of a finding for people."""
    known = FINDINGS.get(code)
    if known is None:
        return f"{code}: {subject} {detail}".strip()
    return known[1].format(subject=subject or "A value", detail=detail)
