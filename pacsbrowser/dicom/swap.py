"""The bytes of a value from one byte order to the other (PS3.5 7.3)."""

from array import array

from pacsbrowser.dicom.numbers import UNIT_SIZES

_CODES = {2: "H", 4: "I", 8: "Q"}


def swapped(raw: bytes, vr: str) -> bytes:
    """Return the value of a VR of numbers with the bytes of each turned round; text and bytes stay as they are."""
    size = UNIT_SIZES.get(vr, 1)
    if size == 1:
        return raw
    whole = len(raw) - len(raw) % size
    numbers = array(_CODES[size], raw[:whole])
    numbers.byteswap()
    return numbers.tobytes() + raw[whole:]
