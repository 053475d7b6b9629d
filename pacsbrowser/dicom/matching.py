"""Folding text for search, and the matching values of a query (PS3.4 C.2.2.2)."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from pacsbrowser.dicom.values import parse_date, parse_time

_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i"})
_SEPARATORS = str.maketrans("^=,", "   ")
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


@lru_cache(maxsize=4096)
def _carries_accents(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(("LATIN", "GREEK"))


def _strip_accents(text: str) -> str:
    """Drop marks that stand on Latin and Greek letters; on others (й, が) they make another letter."""
    kept: list[str] = []
    bare = False
    for letter in unicodedata.normalize("NFD", text):
        if unicodedata.combining(letter) or unicodedata.category(letter) == "Mn":
            if not bare:
                kept.append(letter)
            continue
        bare = _carries_accents(letter)
        kept.append(letter)
    return unicodedata.normalize("NFC", "".join(kept))


def _fold_once(text: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = _strip_accents(text).translate(_LETTERS).translate(_SEPARATORS)
    visible = (" " if unicodedata.category(letter) == "Cc" else letter for letter in text)
    return " ".join("".join(letter for letter in visible if unicodedata.category(letter) != "Cf").split())


def fold(text: str) -> str:
    """Return the form in which text is compared: no case, no accents on Latin and Greek, no name separators.

    Folding twice changes nothing: some letters need a second round to reach their final form.
    """
    if text.isascii():
        return " ".join("".join(c if c.isprintable() else " " for c in text.translate(_SEPARATORS).lower()).split())
    for _ in range(5):
        folded = _fold_once(text)
        if folded == text:
            break
        text = folded
    return text


def fold_words(text: str) -> tuple[str, ...]:
    """Return the distinct folded words of a text in their order."""
    return tuple(dict.fromkeys(fold(text).split()))


def fold_variants(text: str) -> tuple[str, ...]:
    """Return the folded words of a text, and for ä, ö, ü also the spelling ae, oe, ue (Müller: muller, mueller)."""
    words = fold_words(text)
    if text.isascii():
        return words
    german = fold_words(unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold()).translate(_GERMAN))
    return tuple(dict.fromkeys(words + german))


@dataclass(frozen=True, slots=True)
class Universal:
    """No constraint: an empty value, or only asterisks (PS3.4 C.2.2.2.3)."""


@dataclass(frozen=True, slots=True)
class Exact:
    """Single value matching (PS3.4 C.2.2.2.1)."""

    value: str


@dataclass(frozen=True, slots=True)
class UIDList:
    """List of UID matching (PS3.4 C.2.2.2.2); also any list of values, as QIDO-RS allows."""

    uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Wild card matching (PS3.4 C.2.2.2.4): * stands for any run, ? for one character; all else is literal."""

    pattern: str

    def like(self, escape: str = "\\") -> str:
        """Return the pattern for SQL's LIKE … ESCAPE, with SQL's own wild cards made literal."""
        text = self.pattern.replace(escape, escape * 2).replace("%", f"{escape}%").replace("_", f"{escape}_")
        return re.sub(r"\*+", "*", text).replace("*", "%").replace("?", "_")

    def matches(self, text: str) -> bool:
        """Say whether the whole text matches, in time linear in its length for each part of the pattern."""
        return _matches_wildcard(re.sub(r"\*+", "*", self.pattern), text)


@dataclass(frozen=True, slots=True)
class Range:
    """Range matching (PS3.4 C.2.2.2.5), both ends included, '' for an open end; as digits, YYYYMMDD or HHMMSS."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Edges:
    """The times of combined date and time matching (PS3.4 C.2.2.2.5.4): they bound the first and the last day alone.

    The dates are those of the range that the date of the pair has to be in; '' for an open end, as with `Range`.
    """

    first_date: str
    first: str
    last_date: str
    last: str


@dataclass(frozen=True, slots=True)
class Empty:
    """Empty value matching (PS3.4 C.2.2.2.7): only what has no value."""


Match = Universal | Exact | UIDList | Wildcard | Range | Edges | Empty


def combine(dates: Match, times: Match) -> Match:
    """Return what the time of a pair has to match if date and time are one range, else `times` as they are.

    They are where both have the same ends: "20240701-20240703" with "10-18" is one span of two days and eight hours.
    """
    if not isinstance(dates, Range) or not isinstance(times, Range):
        return times
    if (bool(dates.first), bool(dates.last)) != (bool(times.first), bool(times.last)):
        return times
    return Edges(dates.first, times.first, dates.last, times.last)


def _matches_wildcard(pattern: str, text: str) -> bool:
    """Match greedily with one point to come back to: never exponential, whatever the pattern."""
    at = here = 0
    star = mark = -1
    while at < len(text):
        if here < len(pattern) and pattern[here] == "*":
            star, mark = here, at
            here += 1
        elif here < len(pattern) and pattern[here] in ("?", text[at]):
            here += 1
            at += 1
        elif star >= 0:
            mark += 1
            here, at = star + 1, mark
        else:
            return False
    return pattern[here:].strip("*") == ""


def parse_match(vr: str, raw: str) -> Match | None:
    """Return the matching value of a query key of this VR; None when it can match nothing (a bad date, say)."""
    text = raw.strip(" \0")
    if not text.strip("*"):
        return Universal()
    if vr == "UI":
        uids = tuple(part.strip(" \0") for part in re.split(r"[\\,]", text) if part.strip(" \0"))
        return Exact(uids[0]) if len(uids) == 1 else UIDList(uids)
    if vr in ("DA", "TM"):
        return _parse_range(vr, text)
    if ("*" in text or "?" in text) and vr not in ("DT", "IS", "DS", "US", "UL", "SS", "SL", "FL", "FD", "AT", "AS"):
        return Wildcard(text)
    return Exact(text)


def _parse_range(vr: str, text: str) -> Match | None:
    if "-" not in text:
        digits = _digits(vr, text)
        return Exact(digits) if digits else None
    first, _, last = text.partition("-")
    low, high = _end(vr, first), _end(vr, last, last=True)
    if low is None or high is None or not (low or high):
        return None
    if vr == "DA" and low and high and low > high:
        return None  # of times this makes sense together with dates: from one evening to another morning
    return Range(low, high)


def _end(vr: str, text: str, last: bool = False) -> str | None:
    """Return the digits of one end of a range. Many a program lets every month end on its 31st day."""
    digits = _digits(vr, text, last)
    if digits is None and vr == "DA" and _LONG_MONTH.fullmatch(text.strip()):
        return text.strip()
    return digits


_LONG_MONTH = re.compile(r"\d{4}(0[1-9]|1[0-2])(29|30|31)", re.ASCII)


def _digits(vr: str, text: str, last: bool = False) -> str | None:
    """Return the digits of one end of a range; '' for an open end, None for what is neither date nor time."""
    text = text.strip()
    if not text:
        return ""
    if vr == "DA":
        day = parse_date(text)
        return f"{day.year:04d}{day.month:02d}{day.day:02d}" if day else None
    moment = parse_time(text)
    if moment is None:
        return None
    given = text.replace(":", "").partition(".")[0]
    # A time without seconds means the whole minute, so the end of a range reaches to its last second.
    return given.ljust(6, "0") if not last else given + "235959"[len(given) :]
