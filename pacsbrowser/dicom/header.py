"""Reading what the archive must know of an object: its indexed values, what is wrong with it, what it refers to."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from pydicom._uid_dict import UID_dictionary

from pacsbrowser.dicom import checks
from pacsbrowser.dicom.attributes import IDENTIFIERS, TAGS, tag_text
from pacsbrowser.dicom.charset import parse_character_sets
from pacsbrowser.dicom.elements import MAX_ELEMENTS, PIXEL_DATA, PIXEL_TAGS, UNDEFINED
from pacsbrowser.dicom.errors import (
    Damaged,
    DicomError,
    InvalidUID,
    MediaDirectory,
    MissingUID,
    NonPatientObject,
)
from pacsbrowser.dicom.findings import HeaderFinding, finding
from pacsbrowser.dicom.modality import is_image_class
from pacsbrowser.dicom.part10 import MEDIA_DIRECTORY_CLASS, UNCOMPRESSED_UIDS, Layout, find_dataset_start, open_data_set
from pacsbrowser.dicom.references import HeaderReference
from pacsbrowser.dicom.scanner import scan_top_level
from pacsbrowser.dicom.top_level import TopLevel, walk_top_level
from pacsbrowser.dicom.uids import is_storable_uid, is_valid_uid, trim_uid

__all__ = ["Header", "HeaderFinding", "HeaderReference", "find_dataset_start", "hash_dataset", "read_header"]

# Objects of the non-patient information model (PS3.4 GG), and classes of no stored object.
_NON_PATIENT = ("Color Palette", "Hanging Protocol", "Implant", "Defined Procedure Protocol", "Inventory")


@dataclass(frozen=True, slots=True)
class Header:
    """What was read of one object. Every indexed keyword is present in `values`, '' when the object lacks it."""

    values: Mapping[str, str]
    transfer_syntax_uid: str
    dataset_offset: int
    whole: bool
    has_pixel_data: bool
    findings: tuple[HeaderFinding, ...]
    references: tuple[HeaderReference, ...]

    @property
    def study_instance_uid(self) -> str:
        """Study Instance UID (0020,000D)."""
        return self.values["StudyInstanceUID"]

    @property
    def series_instance_uid(self) -> str:
        """Series Instance UID (0020,000E)."""
        return self.values["SeriesInstanceUID"]

    @property
    def sop_instance_uid(self) -> str:
        """SOP Instance UID (0008,0018)."""
        return self.values["SOPInstanceUID"]


def read_header(file: BinaryIO, most_elements: int = MAX_ELEMENTS) -> Header:
    """Read the header of a seekable file, in bounded time and memory. Raises DicomError, and nothing else.

    Args:
        most_elements: what stands behind so many is not looked at; a finding says so.
    """
    try:
        return _read(file, most_elements)
    except DicomError:
        raise
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, MemoryError, RecursionError) as error:
        raise Damaged(f"The file cannot be read: {type(error).__name__}.") from error


def hash_dataset(file: BinaryIO, header: Header) -> bytes:
    """Return the SHA-256 of transfer syntax, NUL and data set: equal for one object in different wrapping."""
    digest = hashlib.sha256(header.transfer_syntax_uid.encode("ascii", "replace") + b"\0")
    file.seek(header.dataset_offset)
    while block := file.read(1024 * 1024):
        digest.update(block)
    return digest.digest()


def _read(file: BinaryIO, most_elements: int) -> Header:
    layout = open_data_set(file)
    seen = scan_top_level(layout) or walk_top_level(layout, most_elements)
    sets = parse_character_sets(_ascii(seen, "SpecificCharacterSet"))
    values, value_findings = checks.decode_values(seen.raw, layout.encoding.little, sets)
    _require_identity(values, seen)
    findings = [*layout.findings, *seen.findings, *_identity_findings(values, layout), *value_findings]
    if sets.problem:
        findings.append(finding("charset_unknown", "SpecificCharacterSet", sets.problem))
    findings += checks.check_missing(values, seen.raw)
    whole = _check_end(layout, seen, values, findings)
    own = {values["StudyInstanceUID"], values["SeriesInstanceUID"], values["FrameOfReferenceUID"]}
    return Header(
        values=values,
        transfer_syntax_uid=layout.transfer_syntax_uid,
        dataset_offset=layout.offset,
        whole=whole,
        has_pixel_data=bool(seen.pixel_length) or (seen.is_cut and is_image_class(values["SOPClassUID"])),
        findings=tuple(dict.fromkeys(findings)),
        references=tuple(found for found in seen.references if found.target_uid not in own),
    )


def _ascii(seen: TopLevel, keyword: str) -> str:
    entry = seen.raw.get(TAGS[keyword])
    return entry[1].decode("ascii", "replace") if entry else ""


def _require_identity(values: dict[str, str], seen: TopLevel) -> None:
    """Raise unless the three UIDs that place an object are there and can be kept as names."""
    if values["SOPClassUID"] == MEDIA_DIRECTORY_CLASS or (seen.is_directory and not values["StudyInstanceUID"]):
        raise MediaDirectory("The file is a DICOMDIR, an index of other files, and holds no object of its own.")
    missing = [keyword for keyword in IDENTIFIERS if not values[keyword]]
    if not missing:
        _require_names(values)
        return
    if seen.broken and seen.broken.code != "pixel_data_broken":
        where = f"{seen.broken.reason} (byte {seen.broken.offset:,})"
        names = ", ".join(_named(keyword) for keyword in missing)
        raise Damaged(f"The file is damaged or truncated: {where}; {names} not reached.", seen.broken.offset)
    class_name = UID_dictionary.get(values["SOPClassUID"], ("",))[0]
    if class_name.startswith(_NON_PATIENT):
        raise NonPatientObject(f"The object is of the class {class_name}, which belongs to no patient or study.")
    state = "empty" if TAGS[missing[0]] in seen.raw else "missing"
    names = " and ".join(_named(keyword) for keyword in missing)
    raise MissingUID(f"{names} {state}; the object cannot be placed.")


def _require_names(values: dict[str, str]) -> None:
    for keyword in IDENTIFIERS:
        if not is_storable_uid(values[keyword]):
            shown = values[keyword][:80]
            raise InvalidUID(f"{_named(keyword)} is no UID: {shown!r} ({len(values[keyword])} characters).")


def _named(keyword: str) -> str:
    return f"{IDENTIFIERS[keyword]} Instance UID {tag_text(TAGS[keyword])}"


def _identity_findings(values: dict[str, str], layout: Layout) -> list[HeaderFinding]:
    findings = [
        finding("invalid_uid", keyword, values[keyword])
        for keyword in (*IDENTIFIERS, "SOPClassUID", "FrameOfReferenceUID")
        if values[keyword] and not is_valid_uid(values[keyword])
    ]
    for tag, keyword in ((0x00020002, "SOPClassUID"), (0x00020003, "SOPInstanceUID")):
        if tag in layout.meta and trim_uid(layout.meta[tag]) != values[keyword]:
            findings.append(finding("meta_sop_differs", keyword, layout.meta[tag] or "empty"))
    uids = [values[keyword] for keyword in IDENTIFIERS]
    if len(set(uids)) < len(uids):
        levels = [name for keyword, name in IDENTIFIERS.items() if uids.count(values[keyword]) > 1]
        findings.append(finding("uids_equal", "", " and ".join(levels)))
    sop_class = values["SOPClassUID"]
    entry = UID_dictionary.get(sop_class)
    if not sop_class:
        findings.append(finding("no_sop_class", "SOPClassUID"))
    elif entry and entry[0] and "Storage" not in entry[0]:
        findings.append(finding("sop_class_not_storage", "SOPClassUID", entry[0]))
    return findings


def _check_end(layout: Layout, seen: TopLevel, values: dict[str, str], findings: list[HeaderFinding]) -> bool:
    """Add what is wrong with the end of the data set and its pixels; return whether the object is whole."""
    whole = True
    if seen.broken:
        broken = seen.broken
        if broken.tag in PIXEL_TAGS:
            seen.pixel_length = seen.pixel_length or 1
        if seen.last_tag >= PIXEL_DATA and broken.tag not in PIXEL_TAGS:
            left = layout.window.size - broken.offset
            findings.append(finding("trailing_data", "", f"{left:,} bytes from byte {broken.offset:,}"))
        else:
            whole = False
            findings.append(finding(broken.code, "", f"{broken.reason} (byte {broken.offset:,})"))
    encapsulated = seen.pixel_length == UNDEFINED
    uid = layout.transfer_syntax_uid
    if seen.pixel_length is None and whole and not seen.is_cut and is_image_class(values["SOPClassUID"]):
        findings.append(finding("no_pixel_data", "PixelData"))
    is_told = seen.pixel_length is not None and seen.broken is None and uid in UID_dictionary
    if is_told and encapsulated == (uid in UNCOMPRESSED_UIDS):
        form = "encapsulated" if encapsulated else "not encapsulated"
        findings.append(finding("transfer_syntax_contradicted", "TransferSyntaxUID", f"the pixel data is {form}"))
    findings += checks.check_pixels(values, seen.pixel_length if not encapsulated else None)
    return whole
