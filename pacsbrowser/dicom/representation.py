"""Which VR an element has where its encoding leaves it open: Implicit VR, attributes of several VRs (PS3.6 6)."""

from functools import lru_cache

from pydicom._dicom_dict import DicomDictionary

from pacsbrowser.dicom.elements import Element, dictionary_vr

PIXEL_REPRESENTATION = 0x00280103


@lru_cache(maxsize=8192)
def _entry(tag: int) -> str:
    """Return the VR as the dictionary writes it: "US or SS", "US or OW", …"""
    found = DicomDictionary.get(tag)
    return str(found[0]) if found else dictionary_vr(tag)


def implicit_vr(tag: int, length: int, is_signed: bool) -> str:
    """Return the VR of an element that was written without one.

    "US or SS" follows Pixel Representation (0028,0103); LUT Data of "US or OW" is OW where it is longer than one
    value, as its bytes are the same in both (PS3.3 C.11.1.1).
    """
    entry = _entry(tag)
    if " or " not in entry:
        return entry
    if entry.startswith("OB"):
        return "OW"
    if "OW" in entry and length > 2:
        return "OW"
    return "SS" if is_signed and "SS" in entry else "US"


def known_vr(element: Element, is_signed: bool) -> str:
    """Return the VR to read a value with: the one that is written, unless it is open or UN though well known."""
    if element.encoding.implicit:
        return implicit_vr(element.tag, element.length, is_signed)
    if element.vr == "UN":
        known = implicit_vr(element.tag, element.length, is_signed)
        return "UN" if known == "SQ" else known
    return element.vr
