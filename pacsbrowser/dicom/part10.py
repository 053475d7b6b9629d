"""Finding the data set in a file (PS3.10 7): preamble, File Meta Information, encoding."""

from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from struct import Struct, unpack_from
from typing import BinaryIO

from pydicom._uid_dict import UID_dictionary

from pacsbrowser.dicom.attributes import tag_text
from pacsbrowser.dicom.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, LONG_VRS, VRS, Encoding
from pacsbrowser.dicom.errors import Damaged, MediaDirectory, NotDicom
from pacsbrowser.dicom.findings import HeaderFinding, finding
from pacsbrowser.dicom.uids import is_storable_uid, trim_uid
from pacsbrowser.dicom.window import Window

IMPLICIT_UID = "1.2.840.10008.1.2"
EXPLICIT_UID = "1.2.840.10008.1.2.1"
BIG_ENDIAN_UID = "1.2.840.10008.1.2.2"
DEFLATED_UIDS = frozenset(("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"))
UNCOMPRESSED_UIDS = frozenset(
    (IMPLICIT_UID, EXPLICIT_UID, BIG_ENDIAN_UID, "1.2.840.10008.1.2.1.99", "1.2.840.113619.5.2")
)
MEDIA_DIRECTORY_CLASS = "1.2.840.10008.1.3.10"

_UID_OF = {IMPLICIT_LITTLE: IMPLICIT_UID, EXPLICIT_LITTLE: EXPLICIT_UID, EXPLICIT_BIG: BIG_ENDIAN_UID}
_ENCODING_OF = {uid: encoding for encoding, uid in _UID_OF.items()}
_FOREIGN = (
    (b"MZ", "a Windows program"), (b"\x7fELF", "a Linux program"), (b"\xca\xfe\xba\xbe", "a program"),
    (b"#!", "a script"), (b"%PDF", "a PDF"), (b"PK\3\4", "a zip archive"), (b"<", "a web page"),
    (b"GIF8", "a GIF image"),
)  # fmt: skip
_MOST_META = 16 * 1024 * 1024
_meta_element = Struct("<H2sH").unpack_from


@dataclass(slots=True)
class Layout:
    """Where the data set is and how it is written.

    `offset` counts in the file; `start` in the window, which for a deflated data set is the inflated one.
    """

    window: Window
    offset: int
    start: int
    encoding: Encoding
    transfer_syntax_uid: str
    meta_start: int = 0
    meta: dict[int, str] = field(default_factory=dict)
    findings: list[HeaderFinding] = field(default_factory=list)


def find_dataset_start(first_bytes: bytes) -> tuple[int, str] | None:
    """Return offset and transfer syntax of the data set in a file that begins so; None when it is not DICOM."""
    try:
        layout = _locate(Window(BytesIO(first_bytes)))
    except NotDicom:
        return None
    return (layout.offset, layout.transfer_syntax_uid)


def open_data_set(file: BinaryIO) -> Layout:
    """Find the data set of a file; raises NotDicom, Damaged, MediaDirectory, TooLarge."""
    layout = locate_data_set(file)
    if layout.meta.get(0x00020002) == MEDIA_DIRECTORY_CLASS:
        raise MediaDirectory("The file is a DICOMDIR, an index of other files, and holds no object of its own.")
    return layout


def locate_data_set(file: BinaryIO) -> Layout:
    """Find the data set of any DICOM file, a DICOMDIR too; raises NotDicom, Damaged, TooLarge."""
    layout = _locate(Window(file))
    if layout.transfer_syntax_uid in DEFLATED_UIDS:
        layout.window = Window.inflated(file, layout.offset)
        layout.start = 0
        layout.encoding = EXPLICIT_LITTLE
    return layout


def _locate(window: Window) -> Layout:
    findings: list[HeaderFinding] = []
    data = window.data
    if data[128:132] == b"DICM":
        position = 132
        for magic, name in _FOREIGN:
            if data.startswith(magic):
                findings.append(finding("preamble_foreign", "", name))
    elif data[:4] == b"DICM":
        position = 4
        findings.append(finding("no_preamble"))
    else:
        encoding = _bare_encoding(data, 0, window.size)
        if encoding is None:
            raise NotDicom(_why_not_dicom(window))
        position = 0
        if data[:2] != b"\2\0":
            return _bare_layout(window, 0, encoding, findings)
        findings.append(finding("no_preamble"))
    return _with_meta(window, position, findings)


def _why_not_dicom(window: Window) -> str:
    if window.size == 0:
        return "The file is empty: truncated, or not DICOM."
    if window.size < 132:
        return f"The file has only {window.size} bytes: truncated, or not DICOM."
    return "Not a DICOM file: it has neither the prefix DICM at byte 128 nor a data set at its start."


def _bare_layout(window: Window, offset: int, encoding: Encoding, findings: list[HeaderFinding]) -> Layout:
    uid = _UID_OF[encoding]
    findings.append(finding("no_file_meta", "", UID_dictionary[uid][0]))
    return Layout(window, offset, offset, encoding, uid, offset, {}, findings)


def _with_meta(window: Window, position: int, findings: list[HeaderFinding]) -> Layout:
    meta, start, declared_end = _read_meta(window, position)
    if not meta:
        encoding = _bare_encoding(window.read(start, 65536), 0, window.size - start)
        if encoding is None:
            raise Damaged(
                f"The file ends or breaks at byte {start:,}, before its File Meta Information: truncated.", start
            )
        return _bare_layout(window, start, encoding, findings)
    if declared_end != start:
        findings.append(
            finding("meta_group_length", "FileMetaInformationGroupLength", _group_length_detail(declared_end, start))
        )
    uid = trim_uid(meta.get(0x00020010, ""))
    known = uid if is_storable_uid(uid) else ""
    layout = Layout(window, start, start, EXPLICIT_LITTLE, known, position, meta, findings)
    if uid not in DEFLATED_UIDS:
        _settle_encoding(layout, uid)
    return layout


def _group_length_detail(declared_end: int | None, start: int) -> str:
    return "missing" if declared_end is None else f"off by {declared_end - start:,} bytes"


def _settle_encoding(layout: Layout, uid: str) -> None:
    """Decide how the data set is written: by its transfer syntax, unless its first elements show otherwise."""
    head = layout.window.read(layout.start, 4096)
    expected = _ENCODING_OF.get(uid, EXPLICIT_LITTLE)
    seen = _bare_encoding(head, 0, layout.window.size - layout.start, any_group=True)
    layout.encoding = expected if seen is None else seen
    name = UID_dictionary[_UID_OF[layout.encoding]][0]
    if not uid:
        layout.transfer_syntax_uid = _UID_OF[layout.encoding]
        layout.findings.append(finding("transfer_syntax_missing", "TransferSyntaxUID", name))
        return
    if uid not in UID_dictionary or UID_dictionary[uid][1] != "Transfer Syntax":
        layout.findings.append(finding("transfer_syntax_unknown", "TransferSyntaxUID", uid))
    elif seen is not None and seen != expected:
        layout.findings.append(finding("transfer_syntax_contradicted", "TransferSyntaxUID", f"it is written as {name}"))


class _MetaForms(dict[bytes, tuple[int, int]]):
    """What the first eight bytes of a plain element of group 0002 tell: its tag and size, (0, 0) for any other.

    The same few come again in all files, so each is understood once.
    """

    def __missing__(self, header: bytes) -> tuple[int, int]:
        form = (0, 0)
        if len(header) == 8 and header[:2] == b"\2\0":
            number, vr, length = _meta_element(header, 2)
            if number and length <= _MOST_SHOWN and vr in VRS and VRS[vr] not in LONG_VRS:
                form = (0x00020000 | number, 8 + length)
        if len(self) >= _MOST_FORMS:
            self.clear()
        self[header] = form
        return form


_MOST_FORMS = 1024
_MOST_SHOWN = 128  # bytes of a value
_META_FORMS = _MetaForms()


@lru_cache(maxsize=1024)
def _meta_text(value: bytes) -> str:
    return trim_uid(value.decode("ascii", "replace"))


def _read_meta(window: Window, position: int) -> tuple[dict[int, str], int, int | None]:
    """Read group 0002, always Explicit VR Little Endian (PS3.10 7.1), whatever its group length says.

    Return its values, where it ends, and where its group length says that it ends.
    """
    meta: dict[int, str] = {}
    declared_end: int | None = None
    begin = position
    while position - begin < _MOST_META:
        at, data = position - window.base, window.data
        if not 0 <= at <= len(data) - 12:
            at = window.load(position)
            data = window.data
        plain, size = _META_FORMS[data[at : at + 8]]
        if plain and at + size <= len(data):
            meta[plain] = _meta_text(data[at + 8 : at + size])
            position += size
            continue
        if len(data) - at < 8 or data[at : at + 2] != b"\2\0":
            break
        header = _meta_header(data, at, position)
        if header is None:
            break
        number, start, length = header
        if start + length > window.size:
            tag = tag_text(0x00020000 | number)
            raise Damaged(f"The file is truncated in its File Meta Information, at {tag}, byte {position:,}.", position)
        if number == 0 and length == 4:
            declared_end = start + 4 + int(unpack_from("<I", window.read(start, 4), 0)[0])
        meta[0x00020000 | number] = _meta_text(window.read(start, min(length, _MOST_SHOWN)))
        position = start + length
    return meta, position, declared_end


def _meta_header(data: bytes, at: int, position: int) -> tuple[int, int, int] | None:
    """Return number, start of the value in the file, and length of any element of group 0002; None at the end."""
    number, vr_bytes, length = _meta_element(data, at + 2)
    start = position + 8
    if vr_bytes not in VRS:
        # Some old files write this group without VRs.
        length = unpack_from("<I", data, at + 4)[0]
    elif VRS[vr_bytes] in LONG_VRS:
        if len(data) - at < 12:
            return None
        length, start = unpack_from("<I", data, at + 8)[0], position + 12
    return int(number), int(start), int(length)


def _bare_encoding(data: bytes, at: int, size: int, any_group: bool = False) -> Encoding | None:
    """Recognise a data set by its first two elements: groups that can come first, a VR, lengths that fit."""
    for encoding in (EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE):
        first = _plausible(data, at, size, encoding)
        if first is None:
            continue
        tag, after = first
        if not any_group and tag >> 16 not in (0x0002, 0x0008):
            continue
        if any_group and not 0 < tag >> 16 <= 0x0100:
            continue
        if after == size or after + 8 > len(data):
            return encoding
        second = _plausible(data, after, size, encoding)
        if second is not None and (second[0] > tag or any_group):
            return encoding
    return None


def _plausible(data: bytes, at: int, size: int, encoding: Encoding) -> tuple[int, int] | None:
    """Return tag and end of the element at this place if it can be one in this encoding."""
    if at + 8 > len(data):
        return None
    order = "<" if encoding.little else ">"
    group, number, vr_bytes, length = unpack_from(f"{order}HH2sH", data, at)
    start = at + 8
    if encoding.implicit:
        length = unpack_from(f"{order}I", data, at + 4)[0]
    elif vr_bytes not in VRS:
        return None
    elif VRS[vr_bytes] in LONG_VRS:
        if at + 12 > len(data):
            return None
        length, start = unpack_from(f"{order}I", data, at + 8)[0], at + 12
    if length == 0xFFFFFFFF:
        return (group << 16 | number, size)
    return (group << 16 | number, start + length) if start + length <= size else None
