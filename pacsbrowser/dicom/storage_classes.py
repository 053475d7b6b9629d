"""Which SOP classes are of objects that can be stored (PS3.4 B.5), and which transfer syntaxes are known."""

from functools import lru_cache

from pydicom._uid_dict import UID_dictionary

from pacsbrowser.dicom.uids import is_storable_uid

_DICOM = "1.2.840.10008."
# Where DICOM puts storage classes: one here that is not in the dictionary is newer than the dictionary.
_STORED_OBJECTS = "1.2.840.10008.5.1.4.1.1."
_SERVICES = "1.2.840.10008.5.1.4."
_GE_PRIVATE = "1.2.840.113619.5.2"


@lru_cache(maxsize=4096)
def is_storage_class(uid: str, takes_private: bool = True) -> bool:
    """Say whether a SOP class is of stored objects; with `takes_private` also those of others than DICOM."""
    entry = UID_dictionary.get(uid)
    if entry:
        return entry[1] == "SOP Class" and "Storage" in entry[0] and uid.startswith(_SERVICES)
    if uid.startswith(_DICOM):
        return uid.startswith(_STORED_OBJECTS) and is_storable_uid(uid)
    return takes_private and is_storable_uid(uid)


@lru_cache(maxsize=1024)
def is_transfer_syntax(uid: str, takes_private: bool = True) -> bool:
    """Say whether a UID may be that of a transfer syntax; with `takes_private` also one that nobody knows."""
    entry = UID_dictionary.get(uid)
    if entry:
        return entry[1] == "Transfer Syntax"
    return uid == _GE_PRIVATE or (takes_private and is_storable_uid(uid))


def known_storage_classes() -> list[tuple[str, str]]:
    """Return UID and name of the storage classes of the dictionary, in the order of their names."""
    found = [(uid, entry[0]) for uid, entry in UID_dictionary.items() if is_storage_class(uid, takes_private=False)]
    return sorted(found, key=lambda pair: pair[1])


def known_transfer_syntaxes() -> list[tuple[str, str]]:
    """Return UID and name of the transfer syntaxes of the dictionary."""
    return [(uid, entry[0]) for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"]
