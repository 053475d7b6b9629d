"""The one box: what a person typed or pasted, word by word, and how each word was read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum

from pacsbrowser.dicom.matching import fold, fold_variants
from pacsbrowser.dicom.modality import is_known_modality
from pacsbrowser.dicom.uids import trim_uid
from pacsbrowser.dicom.values import parse_date

LONGEST = 20_000
WORDS = 12
# Nothing indexed is longer, and an index of trigrams takes seconds over what is.
LONGEST_WORD = 256
UIDS = 200
SHORTEST_PARTIAL_UID = 6


class Kind(Enum):
    """How a word was read; the value is what the chip says."""

    WORD = "Name, ID or accession"
    NAME = "Name"
    ID = "ID"
    ACCESSION = "Accession"
    BORN = "Birth date"
    DATE = "Study date"
    MODALITY = "Modality"
    UID = "UID"
    UNREADABLE = "Not understood"


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the box.

    `texts` are its forms, of which one must match (Müller: muller, mueller); with `is_pattern` they hold * and ?.
    `first` and `last` are the days of a date as YYYYMMDD, also when the word may be a number as well.
    """

    kind: Kind
    typed: str
    texts: tuple[str, ...] = ()
    is_pattern: bool = False
    first: str = ""
    last: str = ""
    problem: str = ""

    @property
    def reading(self) -> str:
        """What the chip says before the word."""
        return "Study date, ID or accession" if self.kind is Kind.WORD and self.first else self.kind.value

    @property
    def value(self) -> str:
        """What the chip says the word is."""
        if self.kind in (Kind.DATE, Kind.BORN) and self.first:
            first, last = _day_text(self.first), _day_text(self.last)
            return first if first == last else f"{first} to {last}"
        return self.typed.partition(":")[2] if _FIELD.match(self.typed) else self.typed


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked for: words that must all match, or UIDs that lead to their objects."""

    text: str = ""
    terms: tuple[Term, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def uids(self) -> tuple[str, ...]:
        """The UIDs, when nothing but UIDs was asked for."""
        if not self.terms or any(term.kind is not Kind.UID for term in self.terms):
            return ()
        return tuple(term.texts[0] for term in self.terms)

    @property
    def uid_end(self) -> str:
        """The one word asked for, if it can be the last digits of a UID as well; else ''."""
        if len(self.terms) != 1 or self.terms[0].kind is not Kind.WORD:
            return ""
        word = self.terms[0].typed
        return word if _UID_END.fullmatch(word) else ""

    def of(self, *kinds: Kind) -> tuple[Term, ...]:
        """Return the terms of these kinds."""
        return tuple(term for term in self.terms if term.kind in kinds)

    def without(self, dropped: Term) -> str:
        """Return the text of the box without one word."""
        return " ".join(term.typed for term in self.terms if term is not dropped)

    def narrowed(self, dropped: Term) -> "Query":
        """Return the query without one word."""
        kept = tuple(term for term in self.terms if term is not dropped)
        return replace(self, text=self.without(dropped), terms=kept)


_FIELDS = {
    "name": Kind.NAME, "id": Kind.ID, "accession": Kind.ACCESSION, "acc": Kind.ACCESSION, "born": Kind.BORN,
    "date": Kind.DATE, "modality": Kind.MODALITY, "mod": Kind.MODALITY, "uid": Kind.UID,
}  # fmt: skip
_FIELD = re.compile(rf"({'|'.join(_FIELDS)}):(?=\S)", re.IGNORECASE)
_ISO = re.compile(r"\d{4}-\d\d-\d\d|\d{4}\.\d\d\.\d\d", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
_GERMAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_YEAR = re.compile(r"(18|19|20|21)\d\d", re.ASCII)
_COMPACT = re.compile(r"\d{8}", re.ASCII)
_UID = re.compile(r"[0-2](\.\d+){3,}", re.ASCII)
_UID_END = re.compile(rf"\d{{{SHORTEST_PARTIAL_UID},64}}", re.ASCII)
_UID_PART = re.compile(r"[.…*]*(\d+(?:\.\d+)+)\.?\*?", re.ASCII)
# What parts the components and groups of a name (PS3.5 6.2.1) parts words here too: Doe^John, "Doe, John".
_SEPARATORS = str.maketrans("^=,", "   ")
_BETWEEN = re.compile(r"[\s,;|]+")


def parse_query(text: str) -> Query:
    """Read the text of the box: words between spaces; lines and lists of UIDs; `name:`, `id:` and so on to be exact."""
    text = text[:LONGEST].replace("\0", " ").strip()
    parts = [part.strip("\"'()[]<>") for part in _BETWEEN.split(text)]
    uids = [_read_uid(part) for part in parts if part]
    if uids and all(uids):
        found = dict.fromkeys(term for term in uids if term)
        problems: tuple[str, ...] = (f"Only the first {UIDS} UIDs were looked for.",) if len(found) > UIDS else ()
        return Query(text, tuple(found)[:UIDS], problems)
    words = [_read_word(word) for word in text.translate(_SEPARATORS).split()]
    terms = tuple(dict.fromkeys(term for term in words if term))
    problems = tuple(term.problem for term in terms if term.problem)
    if len(terms) > WORDS:
        problems += (f"Only the first {WORDS} words were looked for.",)
    return Query(text, terms[:WORDS], problems)


def _read_uid(part: str) -> Term | None:
    """Read a UID, its beginning, or its end (…8.498.555); a date such as 22.11.2026 is none."""
    if part.lower().startswith("uid:"):
        part = part[4:]
        return Term(Kind.UID, f"uid:{part}", (trim_uid(part)[:64],)) if part else None
    if _ISO.fullmatch(part) or _german_date(part):
        return None
    if _UID.fullmatch(part) and len(part) >= SHORTEST_PARTIAL_UID:
        return Term(Kind.UID, part, (part[:65],))
    partial = _UID_PART.fullmatch(part)
    if partial and len(partial[1]) >= SHORTEST_PARTIAL_UID and partial[1].count(".") >= 2:
        return Term(Kind.UID, part, (partial[1],))
    return None


def _read_word(word: str) -> Term | None:
    named = _FIELD.match(word)
    if named:
        return _read_field(_FIELDS[named[1].lower()], word, word[named.end() :])
    if span := _date_span(word):
        return Term(Kind.DATE, word, first=span[0], last=span[1])
    if word.isupper() and is_known_modality(word):
        return Term(Kind.MODALITY, word, (word,))
    if uid := _read_uid(word):
        return uid
    term = _read_text(Kind.WORD, word, word)
    if term and _COMPACT.fullmatch(word) and parse_date(word):
        return replace(term, first=word, last=word)
    return term


def _read_field(kind: Kind, typed: str, text: str) -> Term | None:
    if kind is Kind.MODALITY:
        return Term(kind, typed, (text.upper(),))
    if kind is Kind.UID:
        return Term(kind, typed, (trim_uid(text)[:64],))
    if kind in (Kind.DATE, Kind.BORN):
        span = _date_span(text) or _compact_span(text)
        if not span:
            return Term(Kind.UNREADABLE, typed, problem=f"{text} is not a date. Write it as 2026-11-22.")
        return Term(kind, typed, first=span[0], last=span[1])
    return _read_text(kind, typed, text)


def _read_text(kind: Kind, typed: str, text: str) -> Term | None:
    if len(text) > LONGEST_WORD:
        return Term(Kind.UNREADABLE, typed[:40], problem=f"{text[:20]}… is longer than anything that is indexed.")
    whole = fold(text)
    if not whole.strip("*"):
        return None
    texts = tuple(dict.fromkeys((whole, *fold_variants(text)))) if " " not in whole else (whole,)
    pattern = any(letter in whole for letter in "*?")
    if pattern and not is_bounded(whole):
        problem = f"{text} is too open: begin with a letter, or give three characters in a row."
        return Term(Kind.UNREADABLE, typed, problem=problem)
    return Term(kind, typed, texts, is_pattern=pattern)


def literal_prefix(pattern: str) -> str:
    """Return what stands before the first wild card."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def longest_literal(pattern: str) -> str:
    """Return the longest run without wild cards."""
    return max(re.split(r"[*?]+", pattern), key=len)


def is_bounded(pattern: str) -> bool:
    """Say whether an index can answer a pattern: it begins with a character, or has three in a row."""
    return bool(literal_prefix(pattern)) or len(longest_literal(pattern)) >= 3


def _date_span(word: str) -> tuple[str, str] | None:
    """Return first and last day of a written date; a bare number is none."""
    if _ISO.fullmatch(word):
        day = parse_date(word.replace("-", "").replace(".", ""))
        return _span([day]) if day else None
    month = _MONTH.fullmatch(word)
    if month and 1 <= int(month[2]) <= 12 and 1850 <= int(month[1]) <= 2200:
        return f"{month[1]}{month[2]}01", f"{month[1]}{month[2]}31"
    day = _german_date(word)
    return _span([day]) if day else None


def _compact_span(text: str) -> tuple[str, str] | None:
    """Return the days of 20261122 or 2026, which are dates only where a date is asked for."""
    if _COMPACT.fullmatch(text) and parse_date(text):
        return text, text
    return (f"{text}0101", f"{text}1231") if _YEAR.fullmatch(text) else None


def _german_date(word: str) -> date | None:
    found = _GERMAN.fullmatch(word)
    return parse_date(f"{found[3]}{int(found[2]):02d}{int(found[1]):02d}") if found else None


def _span(days: Iterable[date]) -> tuple[str, str]:
    texts = [f"{day.year:04d}{day.month:02d}{day.day:02d}" for day in days]
    return texts[0], texts[-1]


def _day_text(digits: str) -> str:
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if digits else ""
