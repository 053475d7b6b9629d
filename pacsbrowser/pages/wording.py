"""What findings and references are called on pages: titles, sentences, and the icon of a severity."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pacsbrowser.archive.findings import KINDS
from pacsbrowser.archive.models import Finding
from pacsbrowser.dicom.attributes import TAGS, tag_text
from pacsbrowser.dicom.findings import describe

# Short titles of what a header says about itself; `dicom.findings` has the sentences.
TITLES = {
    "no_preamble": "No preamble", "preamble_foreign": "Foreign preamble", "no_file_meta": "No file meta information",
    "meta_group_length": "Wrong length of file meta information", "meta_sop_differs": "File meta information differs",
    "transfer_syntax_missing": "No transfer syntax", "transfer_syntax_unknown": "Unknown transfer syntax",
    "transfer_syntax_contradicted": "Not in its transfer syntax", "truncated": "File cut short",
    "damaged": "Data set breaks", "sequence_broken": "Broken sequence", "delimiter_stray": "Stray delimiter",
    "vr_unknown": "Unknown value representation", "pixel_data_broken": "Broken pixel data",
    "out_of_order": "Elements out of order", "duplicate_element": "Element twice",
    "group_not_allowed": "Element of a forbidden group", "trailing_data": "Bytes after the end",
    "odd_length": "Odd length", "invalid_uid": "Invalid UID", "uids_equal": "One UID for several levels",
    "no_sop_class": "No SOP class", "sop_class_not_storage": "No class of stored objects",
    "no_patient_id": "No Patient ID", "no_patient_name": "No patient name", "no_modality": "No modality",
    "no_study_date": "No study date", "no_pixel_data": "No pixel data", "charset_unknown": "Unknown character set",
    "charset_undeclared": "Undeclared character set", "charset_undecodable": "Unreadable text",
    "charset_suspicious": "Suspicious text", "control_characters": "Control characters",
    "text_too_long": "Text too long",
    "too_many_values": "Too many values", "name_malformed": "Malformed name", "date_invalid": "Impossible date",
    "time_invalid": "Impossible time", "number_invalid": "Not a number", "age_invalid": "Impossible age",
    "code_invalid": "Invalid code", "pixel_description": "Impossible image description",
    "pixel_data_length": "Pixel data of the wrong length",
}  # fmt: skip
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|\d+")
ICONS = {"error": ("error", "bad"), "warning": ("warning", "warn"), "info": ("info", "")}
# What one object is to another that it refers to (dicom.references).
REFERENCES = {
    "evidence": "evidence", "content": "content", "source_image": "source image", "referenced_image": "image",
    "rt_plan": "RT plan", "rt_structure_set": "RT structures", "rt_dose": "RT dose", "presentation": "presentation",
    "referenced_real_world_value": "value map", "predecessor": "predecessor", "identical": "identical document",
    "source_instance": "source", "waveform": "waveform", "stereometric": "stereometric", "referenced_study": "study",
    "referenced_series": "series", "referenced": "object",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FindingLine:
    """A finding as a list shows it."""

    finding: Finding
    title: str
    sentence: str
    icon: str
    css: str


def title(code: str) -> str:
    """Return the short name of a kind of finding."""
    kind = KINDS.get(code)
    return kind.title if kind else TITLES.get(code, code.replace("_", " ").capitalize())


def attribute(keyword: str) -> str:
    """Return a keyword with its tag in parentheses, or what else the finding is about."""
    tag = TAGS.get(keyword)
    return f"{keyword} {tag_text(tag)}" if tag else keyword


def sentence(finding: Finding) -> str:
    """Return what a finding says, in plain words."""
    subject = attribute(finding.keyword)
    if finding.code == "attribute_disagrees":
        return f"{subject} has {len(finding.values) + 1} values."
    kind = KINDS.get(finding.code)
    return kind.meaning if kind else describe(finding.code, subject, finding.detail)


def finding_line(finding: Finding) -> FindingLine:
    """Return a finding with its words and its icon."""
    icon, css = ICONS.get(finding.severity, ICONS["info"])
    return FindingLine(finding, title(finding.code), sentence(finding), icon, css)


def finding_lines(rows: Iterable[Finding]) -> list[FindingLine]:
    """Return findings with their words and icons."""
    return [finding_line(finding) for finding in rows]


def words_of(keyword: str) -> str:
    """Return a keyword of DICOM as words: "PixelSpacing" as "Pixel spacing", "SOPClassUID" as "SOP class UID"."""
    words = _WORDS.findall(keyword)
    first, *rest = words or [keyword]
    return " ".join([first, *(word if word.isupper() and len(word) > 1 else word.lower() for word in rest)])
