"""Dates, times and numbers as DICOM writes them (PS3.5 6.2): parsed or None, never guessed, never an exception."""

import math
import re
from datetime import date, time
from functools import lru_cache

_DATE = re.compile(r"\d{8}|\d{4}\.\d\d\.\d\d", re.ASCII)
_PARTIAL_DATE = re.compile(r"(\d{4})(?:[.-]?(\d\d))?", re.ASCII)
_TIME = re.compile(r"(\d\d)(?:(:?)(\d\d)(?:\2(\d\d)(?:\.(\d{1,6}))?)?)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,12}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_PADDING = " \0"


def parse_date(raw: str) -> date | None:
    """Return a DA value, also in the form yyyy.mm.dd of ACR-NEMA (PS3.5 6.2, note); None for anything else."""
    text = raw.strip(_PADDING)
    if not _DATE.fullmatch(text):
        return None
    digits = text if len(text) == 8 else text.replace(".", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def parse_time(raw: str) -> time | None:
    """Return a TM value, also as hh:mm:ss of ACR-NEMA; the leap second 60 becomes 59; None for anything else."""
    found = _TIME.fullmatch(raw.strip(_PADDING))
    if not found:
        return None
    hour, _, minute, second, fraction = found.groups()
    if int(second or 0) > 60:
        return None
    try:
        return time(int(hour), int(minute or 0), min(int(second or 0), 59), int((fraction or "").ljust(6, "0")))
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def parse_integer(raw: str) -> int | None:
    """Return an IS value (32 bits signed) or None."""
    text = raw.strip(_PADDING)
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if -(2**31) <= number < 2**31 else None


def parse_decimal(raw: str) -> float | None:
    """Return one DS value or None; infinity and NaN are no numbers here."""
    text = raw.strip(_PADDING)
    if len(text) > 64 or not _DECIMAL.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


@lru_cache(maxsize=1024)
def parse_decimals(raw: str) -> tuple[float, ...]:
    """Return all values of a DS; nothing when one of them is no number, as half a position is none."""
    if not raw.strip(_PADDING):
        return ()
    numbers = [parse_decimal(part) for part in raw[:4096].split("\\")]
    return tuple(number for number in numbers if number is not None) if None not in numbers else ()


def date_text(raw: str) -> str:
    """Return a date as people read it: 2026-11-22, 1955-03, 1955, "invalid: 00000000", or nothing."""
    text = raw.strip(_PADDING)
    parsed = parse_date(text)
    if parsed:
        return parsed.isoformat()
    partial = _PARTIAL_DATE.fullmatch(text)
    if partial and partial[1] != "0000" and (partial[2] is None or 1 <= int(partial[2]) <= 12):
        return partial[1] + (f"-{partial[2]}" if partial[2] else "")
    return f"invalid: {text}" if text else ""


def time_text(raw: str, seconds: bool = False) -> str:
    """Return a time as people read it, 14:05 or 14:05:09; "invalid: …" for what is none; nothing for nothing."""
    text = raw.strip(_PADDING)
    parsed = parse_time(text)
    if parsed:
        return parsed.strftime("%H:%M:%S" if seconds else "%H:%M")
    return f"invalid: {text}" if text else ""


def sort_date_time(raw_date: str, raw_time: str) -> str:
    """Return YYYYMMDDHHMMSS for sorting, '' when there is no whole date; no or a bad time counts as midnight."""
    day, moment = parse_date(raw_date), parse_time(raw_time)
    if not day:
        return ""
    return f"{day.year:04d}{day.month:02d}{day.day:02d}" + (moment.strftime("%H%M%S") if moment else "000000")
