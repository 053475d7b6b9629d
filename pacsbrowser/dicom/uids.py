"""UIDs: which may be kept, which obey PS3.5 9.1, and what the well-known ones are called."""

import re
from functools import lru_cache

from pydicom._uid_dict import UID_dictionary

_STORABLE = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
_VALID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+", re.ASCII)

_KINDS = {
    "SOP Class": "sop_class",
    "Meta SOP Class": "sop_class",
    "Transfer Syntax": "transfer_syntax",
    "Well-known frame of reference": "frame_of_reference",
    "Synchronization Frame of Reference": "frame_of_reference",
}

# Storage classes that are newer than the dictionary (PS3.6 A.1).
_NEWER = {
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
}


def trim_uid(raw: str) -> str:
    """Return a UID without its padding: NUL by PS3.5 6.2, but spaces are a common fault."""
    return raw.strip(" \0\t\r\n")


@lru_cache(maxsize=4096)
def is_storable_uid(uid: str) -> bool:
    """Say whether a UID may name a stored object: 1 to 64 characters that are harmless in paths and links."""
    return _STORABLE.fullmatch(uid) is not None and uid.strip(".") != ""


@lru_cache(maxsize=4096)
def is_valid_uid(uid: str) -> bool:
    """Say whether a UID obeys PS3.5 9.1: at most 64 characters, numbers without leading zeros between dots."""
    return len(uid) <= 64 and _VALID.fullmatch(uid) is not None


def uid_name(uid: str) -> str | None:
    """Return the registered name (PS3.6 A) of a well-known UID, or None."""
    entry = UID_dictionary.get(uid)
    return entry[0] if entry else _NEWER.get(uid)


def uid_kind(uid: str) -> str | None:
    """Return what a well-known UID identifies: sop_class, transfer_syntax, frame_of_reference; None for all others."""
    entry = UID_dictionary.get(uid)
    if entry is None:
        return "sop_class" if uid in _NEWER else None
    return _KINDS.get(entry[1])


def sop_class_name(uid: str) -> str:
    """Return the name of a SOP class, without the word Storage that nearly all share; the UID itself when unknown."""
    name = uid_name(uid)
    return name.removesuffix(" Storage") if name else uid


def transfer_syntax_name(uid: str) -> str:
    """Return the name of a transfer syntax, or the UID itself when unknown."""
    return uid_name(uid) or uid
