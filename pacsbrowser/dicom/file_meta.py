"""The head of a file of ours (PS3.10 7.1): a pure function of what is in it, so that equal objects make equal files."""

from struct import pack

IMPLEMENTATION_CLASS_UID = "2.25.220367934617018459838420417417436093466"
IMPLEMENTATION_VERSION_NAME = "PACSBROWSER"


def make_file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return preamble, prefix and File Meta Information."""
    elements = b"".join((
        pack("<HH2sHI", 0x0002, 0x0001, b"OB", 0, 2) + b"\0\1",
        _text(0x0002, b"UI", sop_class_uid),
        _text(0x0003, b"UI", sop_instance_uid),
        _text(0x0010, b"UI", transfer_syntax_uid),
        _text(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
        _text(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
    ))  # fmt: skip
    return bytes(128) + b"DICM" + pack("<HH2sHI", 0x0002, 0x0000, b"UL", 4, len(elements)) + elements


def _text(element: int, vr: bytes, text: str) -> bytes:
    value = text.encode("ascii", "replace")
    if len(value) & 1:
        value += b"\0" if vr == b"UI" else b" "
    return pack("<HH2sH", 0x0002, element, vr, len(value)) + value
