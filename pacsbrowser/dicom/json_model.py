"""The DICOM JSON Model (PS3.18 F.2) of values that are known as text: an index's rows, the answers of a service."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from pacsbrowser.dicom.values import parse_decimal, parse_integer

# A data set: elements by tag, eight hexadecimal digits in capitals.
JsonModel = dict[str, Any]

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
# One value each, in which a backslash is text (PS3.5 6.2).
_SINGLE = frozenset(("LT", "ST", "UT", "UR"))
_WHOLE = frozenset(("IS", "US", "UL", "SS", "SL", "UV", "SV"))
_REAL = frozenset(("DS", "FL", "FD"))
_CONVERTED = _WHOLE | _REAL | {"PN"}


@cache
def tag_and_vr(keyword: str) -> tuple[str, str]:
    """Return the tag as this model writes it and the VR of a keyword of the dictionary.

    Raises:
        KeyError: there is no such keyword.
    """
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return f"{tag:08X}", dictionary_VR(tag).partition(" ")[0]


def keyword_of(tag: int) -> str:
    """Return the keyword of a tag, '' for one that the dictionary does not know."""
    return keyword_for_tag(tag)


def json_of_text(values: Iterable[tuple[str, str]]) -> JsonModel:
    """Return the data set of (keyword, text), in the order of tags; what has no value is left out."""
    found: JsonModel = {}
    for keyword, text in values:
        if text:
            tag, vr = tag_and_vr(keyword)
            found[tag] = {"vr": vr, "Value": json_values(vr, text)}
    return dict(sorted(found.items()))


def json_values(vr: str, text: str) -> list[Any]:
    """Return the values of one attribute (PS3.18 F.2.3); an empty one among others is null (F.2.5)."""
    parts = [text] if vr in _SINGLE else text.split("\\")
    if vr not in _CONVERTED:
        return [part or None for part in parts]
    return [_value(vr, part) if part else None for part in parts]


def _value(vr: str, text: str) -> Any:
    if vr == "PN":
        groups = zip(_GROUPS, text.split("="), strict=False)
        return {name: group for name, group in groups if group}
    if vr in _WHOLE:
        number = parse_integer(text)
        return text if number is None else number
    if vr in _REAL:
        decimal = parse_decimal(text)
        return text if decimal is None else decimal
    return text


def element(keyword: str, *values: Any) -> tuple[str, dict[str, Any]]:
    """Return one element of a data set from values of this model: for a sequence its items."""
    tag, vr = tag_and_vr(keyword)
    return tag, {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def data_set(elements: Iterable[tuple[str, Mapping[str, Any]]]) -> JsonModel:
    """Return elements as a data set, in the order of tags."""
    return {tag: dict(value) for tag, value in sorted(elements)}
