"""Reading what the archive must know of an object: its indexed values, what is wrong with it, what it refers to."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from pydicom._uid_dict import UID_dictionary

from pacsbrowser.dicom import checks
from pacsbrowser.dicom.attributes import ALL, KEYWORDS, TAGS, tag_text
from pacsbrowser.dicom.charset import CharacterSets, parse_character_sets
from pacsbrowser.dicom.elements import ITEM, PIXEL_DATA, PIXEL_TAGS, UNDEFINED, Broken, Element, Walker
from pacsbrowser.dicom.errors import (
    Damaged,
    DicomError,
    InvalidUID,
    MediaDirectory,
    MissingUID,
    NonPatientObject,
    TooLarge,
)
from pacsbrowser.dicom.findings import HeaderFinding, finding
from pacsbrowser.dicom.modality import is_image_class
from pacsbrowser.dicom.part10 import MEDIA_DIRECTORY_CLASS, UNCOMPRESSED_UIDS, Layout, find_dataset_start, open_data_set
from pacsbrowser.dicom.references import HeaderReference, ReferenceCollector
from pacsbrowser.dicom.uids import is_storable_uid, is_valid_uid, trim_uid

__all__ = ["Header", "HeaderFinding", "HeaderReference", "find_dataset_start", "hash_dataset", "read_header"]

MOST_VALUE_BYTES = 16 * 1024  # of one indexed value; the file keeps the rest
_DIRECTORY_RECORDS = 0x00041220
_IDENTIFIERS = {"StudyInstanceUID": "Study", "SeriesInstanceUID": "Series", "SOPInstanceUID": "SOP"}
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


@dataclass(slots=True)
class _Scan:
    """What one walk over the top level of a data set saw."""

    raw: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    findings: list[HeaderFinding] = field(default_factory=list)
    pixel_length: int | None = None
    broken: Broken | None = None
    last_tag: int = 0
    is_directory: bool = False
    is_cut: bool = False  # the walk stopped at its limit; what follows is not known


def read_header(file: BinaryIO) -> Header:
    """Read the header of a seekable file, in bounded time and memory. Raises DicomError, and nothing else."""
    try:
        return _read(file)
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


def _read(file: BinaryIO) -> Header:
    layout = open_data_set(file)
    collector = ReferenceCollector(layout.window)
    scan = _scan(layout, collector)
    sets = parse_character_sets(_ascii(scan, "SpecificCharacterSet"))
    values, value_findings = _decode_values(layout, scan, sets)
    _require_identity(values, scan)
    findings = [*layout.findings, *scan.findings, *_identity_findings(values, layout), *value_findings]
    if sets.problem:
        findings.append(finding("charset_unknown", "SpecificCharacterSet", sets.problem))
    findings += checks.check_missing(values, {KEYWORDS[tag] for tag in scan.raw})
    whole = _check_end(layout, scan, values, findings)
    own = {values["StudyInstanceUID"], values["SeriesInstanceUID"], values["FrameOfReferenceUID"]}
    return Header(
        values=values,
        transfer_syntax_uid=layout.transfer_syntax_uid,
        dataset_offset=layout.offset,
        whole=whole,
        has_pixel_data=bool(scan.pixel_length) or (scan.is_cut and is_image_class(values["SOPClassUID"])),
        findings=tuple(dict.fromkeys(findings)),
        references=collector.references(own),
    )


def _scan(layout: Layout, collector: ReferenceCollector) -> _Scan:
    """Walk the data set once: keep the bytes of indexed attributes, note what is out of order, feed the collector."""
    scan = _Scan()
    walker = Walker(layout.window, layout.start, layout.encoding)
    try:
        for element in walker:
            if element.depth or element.tag == ITEM:
                collector.take(element)
            elif not _take(element, layout, scan, collector):
                break
    except Broken as broken:
        scan.broken = broken
    except TooLarge as error:
        if any(TAGS[keyword] not in scan.raw for keyword in _IDENTIFIERS):
            raise
        scan.is_cut = True
        scan.findings.append(finding("header_too_large", "", error.reason.rstrip(".")))
    for problem in walker.problems[:20]:
        scan.findings.append(finding(problem.code, "", f"{problem.reason} (byte {problem.offset:,})"))
    return scan


def _take(element: Element, layout: Layout, scan: _Scan, collector: ReferenceCollector) -> bool:
    """Take a top-level element; False where the data set ends and other bytes follow."""
    tag = element.tag
    if tag <= scan.last_tag:
        if scan.last_tag >= PIXEL_DATA or tag == 0:
            left = layout.window.size - element.offset
            scan.findings.append(finding("trailing_data", "", f"{left:,} bytes from byte {element.offset:,}"))
            return False
        _note_order(tag, scan)
    else:
        scan.last_tag = tag
    if tag in KEYWORDS:
        length = min(element.length, MOST_VALUE_BYTES)
        scan.raw[tag] = element.vr, layout.window.read(element.start, length)
    elif element.vr == "SQ" or element.length == UNDEFINED:
        collector.take(element)
        scan.is_directory |= tag == _DIRECTORY_RECORDS
    if tag in PIXEL_TAGS:
        scan.pixel_length = element.length
    elif tag < 0x00080000 and tag & 0xFFFF and not scan.is_directory:
        scan.findings.append(finding("group_not_allowed", tag_text(tag)))
    if element.length & 1 and element.length != UNDEFINED:
        scan.findings.append(finding("odd_length", KEYWORDS.get(tag) or tag_text(tag)))
    return True


def _note_order(tag: int, scan: _Scan) -> None:
    if tag in scan.raw or tag == scan.last_tag:
        scan.findings.append(finding("duplicate_element", KEYWORDS.get(tag) or tag_text(tag)))
    elif not any(noted.code == "out_of_order" for noted in scan.findings):
        scan.findings.append(finding("out_of_order", KEYWORDS.get(tag) or tag_text(tag)))


def _ascii(scan: _Scan, keyword: str) -> str:
    entry = scan.raw.get(TAGS[keyword])
    return entry[1].decode("ascii", "replace") if entry else ""


def _decode_values(layout: Layout, scan: _Scan, sets: CharacterSets) -> tuple[dict[str, str], list[HeaderFinding]]:
    values = dict.fromkeys(ALL, "")
    findings: list[HeaderFinding] = []
    for tag, (vr, raw) in scan.raw.items():
        keyword = KEYWORDS[tag]
        values[keyword] = checks.decode_value(keyword, vr, raw, layout.encoding.little, sets, findings)
    return values, findings


def _require_identity(values: dict[str, str], scan: _Scan) -> None:
    """Raise unless the three UIDs that place an object are there and can be kept as names."""
    if values["SOPClassUID"] == MEDIA_DIRECTORY_CLASS or (scan.is_directory and not values["StudyInstanceUID"]):
        raise MediaDirectory("The file is a DICOMDIR, an index of other files, and holds no object of its own.")
    missing = [keyword for keyword in _IDENTIFIERS if not values[keyword]]
    if missing and scan.broken and scan.broken.code != "pixel_data_broken":
        where = f"{scan.broken.reason} (byte {scan.broken.offset:,})"
        names = ", ".join(_named(keyword) for keyword in missing)
        raise Damaged(f"The file is damaged or truncated: {where}; {names} not reached.", scan.broken.offset)
    class_name = UID_dictionary.get(values["SOPClassUID"], ("",))[0]
    if missing and class_name.startswith(_NON_PATIENT):
        raise NonPatientObject(f"The object is of the class {class_name}, which belongs to no patient or study.")
    if missing:
        state = "empty" if TAGS[missing[0]] in scan.raw else "missing"
        names = " and ".join(_named(keyword) for keyword in missing)
        raise MissingUID(f"{names} {state}; the object cannot be placed.")
    for keyword in _IDENTIFIERS:
        if not is_storable_uid(values[keyword]):
            shown = values[keyword][:80]
            raise InvalidUID(f"{_named(keyword)} is no UID: {shown!r} ({len(values[keyword])} characters).")


def _named(keyword: str) -> str:
    return f"{_IDENTIFIERS[keyword]} Instance UID {tag_text(TAGS[keyword])}"


def _identity_findings(values: dict[str, str], layout: Layout) -> list[HeaderFinding]:
    findings = [
        finding("invalid_uid", keyword, values[keyword])
        for keyword in (*_IDENTIFIERS, "SOPClassUID", "FrameOfReferenceUID")
        if values[keyword] and not is_valid_uid(values[keyword])
    ]
    for tag, keyword in ((0x00020002, "SOPClassUID"), (0x00020003, "SOPInstanceUID")):
        if tag in layout.meta and trim_uid(layout.meta[tag]) != values[keyword]:
            findings.append(finding("meta_sop_differs", keyword, layout.meta[tag] or "empty"))
    uids = [values[keyword] for keyword in _IDENTIFIERS]
    if len(set(uids)) < len(uids):
        levels = [name for keyword, name in _IDENTIFIERS.items() if uids.count(values[keyword]) > 1]
        findings.append(finding("uids_equal", "", " and ".join(levels)))
    sop_class = values["SOPClassUID"]
    entry = UID_dictionary.get(sop_class)
    if not sop_class:
        findings.append(finding("no_sop_class", "SOPClassUID"))
    elif entry and entry[0] and "Storage" not in entry[0]:
        findings.append(finding("sop_class_not_storage", "SOPClassUID", entry[0]))
    return findings


def _check_end(layout: Layout, scan: _Scan, values: dict[str, str], findings: list[HeaderFinding]) -> bool:
    """Add what is wrong with the end of the data set and its pixels; return whether the object is whole."""
    whole = True
    if scan.broken:
        broken = scan.broken
        if broken.tag in PIXEL_TAGS:
            scan.pixel_length = scan.pixel_length or 1
        if scan.last_tag >= PIXEL_DATA and broken.tag not in PIXEL_TAGS:
            left = layout.window.size - broken.offset
            findings.append(finding("trailing_data", "", f"{left:,} bytes from byte {broken.offset:,}"))
        else:
            whole = False
            findings.append(finding(broken.code, "", f"{broken.reason} (byte {broken.offset:,})"))
    encapsulated = scan.pixel_length == UNDEFINED
    uid = layout.transfer_syntax_uid
    if scan.pixel_length is None and whole and not scan.is_cut and is_image_class(values["SOPClassUID"]):
        findings.append(finding("no_pixel_data", "PixelData"))
    is_told = scan.pixel_length is not None and scan.broken is None and uid in UID_dictionary
    if is_told and encapsulated == (uid in UNCOMPRESSED_UIDS):
        form = "encapsulated" if encapsulated else "not encapsulated"
        findings.append(finding("transfer_syntax_contradicted", "TransferSyntaxUID", f"the pixel data is {form}"))
    findings += checks.check_pixels(values, scan.pixel_length if not encapsulated else None)
    return whole
