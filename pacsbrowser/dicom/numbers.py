"""Binary numbers of the VRs that hold them (PS3.5 6.2), as text."""

from struct import unpack

_FORMS = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d",
    "OW": "H", "OL": "I", "OV": "Q", "OF": "f", "OD": "d", "AT": "H",
}  # fmt: skip
UNIT_SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8,
              "OW": 2, "OL": 4, "OV": 8, "OF": 4, "OD": 8, "AT": 2}  # fmt: skip


def unpack_numbers(vr: str, raw: bytes, little: bool = True) -> tuple[int | float, ...]:
    """Return the whole numbers that the bytes hold; odd bytes at the end are left out."""
    size = UNIT_SIZES[vr]
    count = len(raw) // size
    return unpack(f"{'<' if little else '>'}{count}{_FORMS[vr]}", raw[: count * size])


def number_text(vr: str, raw: bytes, little: bool = True) -> str:
    """Return numbers as text, several separated by a backslash; attribute tags as (gggg,eeee)."""
    numbers = unpack_numbers(vr, raw, little)
    if vr == "AT":
        pairs = zip(numbers[::2], numbers[1::2], strict=False)
        return "\\".join(f"({int(group):04X},{int(element):04X})" for group, element in pairs)
    if vr == "FL":
        return "\\".join(f"{number:.7g}" for number in numbers)
    return "\\".join(str(number) for number in numbers)
