"""Decoding the indexed values, and saying what is wrong with each (PS3.5 6.2)."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from operator import itemgetter
from struct import unpack

from pydicom.datadict import dictionary_VM

from pacsbrowser.dicom.attributes import ALL, KEYWORDS, TAGS, VRS
from pacsbrowser.dicom.charset import CharacterSets, clean, decode
from pacsbrowser.dicom.findings import HeaderFinding, finding
from pacsbrowser.dicom.uids import trim_uid
from pacsbrowser.dicom.values import parse_date, parse_decimal, parse_integer, parse_time

_SHORT = 128  # bytes
MOST_TEXT = 1024  # characters of one value in the index; the file keeps the rest

_BINARY = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_SIZES = {"H": 2, "h": 2, "I": 4, "i": 4, "f": 4, "d": 8, "Q": 8, "q": 8}
_LONGEST = {"AE": 16, "AS": 4, "CS": 16, "DS": 16, "IS": 12, "LO": 64, "SH": 16, "PN": 64, "ST": 1024, "LT": 10240}
_ONE_TEXT = frozenset(("ST", "LT", "UT"))
_ONE_LINE = frozenset(_LONGEST) - _ONE_TEXT | {"UI", "DA", "TM", "DT", "UC"}
_SINGLE_VALUED = frozenset(keyword for keyword, tag in TAGS.items() if dictionary_VM(tag) == "1")
_AGE = re.compile(r"\d{3}[DWMY]", re.ASCII)
_DATE_TIME = re.compile(r"\d{4,14}(\.\d{1,6})?([+-]\d{4})?", re.ASCII)
_INVISIBLE = re.compile("[\ufeff\u200b\u202a-\u202e\u2066-\u2069]")


def decode_values(
    raw: Mapping[int, tuple[str, bytes]], little: bool, sets: CharacterSets
) -> tuple[dict[str, str], list[HeaderFinding]]:
    """Return the values of all indexed attributes as text without padding, '' for those not there, and what is wrong.

    Args:
        raw: VR and bytes by tag.
        little: whether binary numbers have their low byte first.
    """
    values = dict.fromkeys(ALL, "")
    findings: list[HeaderFinding] = []
    for tag, (vr, data) in raw.items():
        keyword = KEYWORDS[tag]
        if len(data) > _SHORT:
            values[keyword] = _decode(keyword, vr, data, little, sets, findings)
        elif data:
            values[keyword], found = _decode_short(keyword, vr, data, little, sets)
            if found:
                findings += found
    return values, findings


@lru_cache(maxsize=4096)
def _decode_short(
    keyword: str, vr: str, raw: bytes, little: bool, sets: CharacterSets
) -> tuple[str, tuple[HeaderFinding, ...]]:
    """Decode a short value; remembered, as most are the same in all objects of a series."""
    findings: list[HeaderFinding] = []
    value = _decode(keyword, vr, raw, little, sets, findings)
    return value, tuple(findings)


def _decode(keyword: str, vr: str, raw: bytes, little: bool, sets: CharacterSets, findings: list[HeaderFinding]) -> str:
    if vr == "UN" or (vr in ("OB", "OW", "SQ", "AT")):
        vr = VRS[keyword]
    if vr in _BINARY:
        return _decode_numbers(keyword, _BINARY[vr], raw, little, findings)
    if vr == "UI":
        return clean(trim_uid(raw.decode("ascii", "replace")))[:600]
    text = decode(raw, sets, is_name=vr == "PN")
    if text.problem:
        findings.append(finding(f"charset_{text.problem}", keyword, text.detail))
    value = text.value.rstrip(" \0") if vr in _ONE_TEXT else text.value.strip(" \0")
    return _checked(keyword, vr, value, findings)


def _decode_numbers(keyword: str, form: str, raw: bytes, little: bool, findings: list[HeaderFinding]) -> str:
    size = _SIZES[form]
    if len(raw) % size:
        findings.append(finding("number_invalid", keyword, f"{len(raw)} bytes"))
        return ""
    if len(raw) > size and keyword in _SINGLE_VALUED:
        findings.append(finding("too_many_values", keyword, str(len(raw) // size)))
    numbers = unpack(f"{'<' if little else '>'}{len(raw) // size}{form}", raw)
    return "\\".join(str(number) for number in numbers[:16])


def _checked(keyword: str, vr: str, value: str, findings: list[HeaderFinding]) -> str:
    cleaned = value
    if not (value.isascii() and value.isprintable()):
        cleaned = clean(value)
        if cleaned != value or _has_breaks(vr, cleaned) or (not cleaned.isascii() and _INVISIBLE.search(cleaned)):
            findings.append(finding("control_characters", keyword))
    if "\\" in cleaned and vr not in _ONE_TEXT:
        values = cleaned.split("\\")
        cleaned = "\\".join([part.strip() for part in values])
        if keyword in _SINGLE_VALUED:
            findings.append(finding("too_many_values", keyword, str(len(values))))
    else:
        values = [cleaned]
    for part in values[:100]:
        problem = _problem(vr, part.strip())
        if problem:
            findings.append(finding(problem, keyword, _detail(problem, part)))
            break
    return cleaned[:MOST_TEXT]


def _has_breaks(vr: str, text: str) -> bool:
    return vr in _ONE_LINE and not text.isprintable() and any(character in text for character in "\t\n\f\r")


def _detail(problem: str, text: str) -> str:
    return f"{len(text):,} characters" if problem == "text_too_long" else text


def _problem(vr: str, text: str) -> str:
    """Return the code of what is wrong with one value, '' when nothing is."""
    if not text:
        return ""
    if vr == "PN":
        return _name_problem(text)
    if vr == "DA":
        return "" if parse_date(text) else "date_invalid"
    if vr == "TM":
        return "" if parse_time(text) else "time_invalid"
    if vr == "DT":
        return "" if _DATE_TIME.fullmatch(text) else "date_invalid"
    if vr == "IS" and parse_integer(text) is None:
        return "number_invalid"
    if vr == "DS" and parse_decimal(text) is None:
        return "number_invalid"
    if len(text) > _LONGEST.get(vr, 1 << 30):
        return "text_too_long"
    if vr == "AS" and not _AGE.fullmatch(text):
        return "age_invalid"
    return "code_invalid" if vr == "CS" and not text.isascii() else ""


def _name_problem(text: str) -> str:
    groups = text.split("=")
    if any(len(group) > 64 for group in groups):
        return "text_too_long"
    if len(groups) > 3 or any(group.count("^") > 4 for group in groups):
        return "name_malformed"
    return ""


_EXPECTED = (("PatientID", "no_patient_id"), ("Modality", "no_modality"))
_EXPECTED_PRESENT = (("PatientName", "no_patient_name"), ("StudyDate", "no_study_date"))


def check_missing(values: dict[str, str], present: Collection[int]) -> list[HeaderFinding]:
    """Return findings for attributes that are needed and empty, or that must at least be there."""
    found = [finding(code, keyword) for keyword, code in _EXPECTED if not values[keyword]]
    return found + [finding(code, keyword) for keyword, code in _EXPECTED_PRESENT if TAGS[keyword] not in present]


_PIXEL_NUMBERS = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "NumberOfFrames")
_pixel_description = itemgetter(*_PIXEL_NUMBERS, "PhotometricInterpretation")


def check_pixels(values: dict[str, str], length: int | None) -> tuple[HeaderFinding, ...]:
    """Return what contradicts itself in the description of the pixels; `length` is that of native Pixel Data."""
    return _check_description(_pixel_description(values), length)


@lru_cache(maxsize=512)
def _check_description(description: tuple[str, ...], length: int | None) -> tuple[HeaderFinding, ...]:
    """Check a description, in the order of _pixel_description; remembered, as all of a series have the same."""
    numbers = [parse_integer(text) for text in description[:-1]]
    found = tuple(
        finding("pixel_description", keyword, text)
        for keyword, text, number in zip(_PIXEL_NUMBERS, description, numbers, strict=False)
        if text and number is not None and number < 1
    )
    rows, columns, samples, bits, frames = numbers
    if not description[4]:
        frames = 1
    if found or not (length and rows and columns and samples and bits and frames):
        return found
    expected = (rows * columns * samples * bits * frames + 7) // 8
    if description[-1] == "YBR_FULL_422":
        expected = expected * 2 // 3
    if length < expected:
        return (finding("pixel_data_length", "PixelData", f"shorter ({length:,} of {expected:,} bytes)"),)
    if length > expected + 8192:
        return (finding("pixel_data_length", "PixelData", f"longer ({length:,} instead of {expected:,} bytes)"),)
    return ()
