"""Words that mean a patient: the name, by word and inside words, and the Patient ID.

Each word is turned into two forms that mean the same: a SELECT of patients that walks indexes, and a condition on the
row of a patient (p) for when the rows come from elsewhere.
"""

import re

from pacsbrowser.archive.search import trigram
from pacsbrowser.archive.search.query import Kind, Term, literal_prefix, longest_literal
from pacsbrowser.archive.search.sql import LAST, Sql, any_of, contains, equals, prefix, rows
from pacsbrowser.dicom.matching import Wildcard

_BY_NAME = (Kind.NAME, Kind.WORD)
_BY_ID = (Kind.ID, Kind.WORD)


def person_selects(term: Term) -> list[Sql]:
    """Return SELECTs of patients (id) whose name or ID matches a word."""
    if term.is_pattern:
        return [select for text in term.texts for select in _pattern_selects(term.kind, text)]
    if min(map(len, term.texts)) >= trigram.SHORTEST:
        return [trigram.patient_ids(term.texts, _columns(term.kind))]
    selects = []
    for text in term.texts:
        if term.kind in _BY_NAME:
            selects.append(_words(prefix("word", text)))
        if term.kind in _BY_ID:
            selects.append(_where(_short_id("id_search", term, text)))
    return selects


def on_person(term: Term) -> Sql:
    """Return the same as a condition on p."""
    if term.is_pattern:
        return any_of(part for text in term.texts for part in _on_pattern(term.kind, text))
    if min(map(len, term.texts)) >= trigram.SHORTEST:
        columns = _columns(term.kind).split() or ["name_search", "id_search"]
        return any_of(contains(f"p.{column}", text) for column in columns for text in term.texts)
    parts = []
    for text in term.texts:
        if term.kind in _BY_NAME:
            parts.append(_has_word(_prefix_of_word(text)))
        if term.kind in _BY_ID:
            parts.append(_short_id("p.id_search", term, text))
    return any_of(parts)


def phrase_select(text: str) -> Sql:
    """Return the SELECT of patients whose ID holds several words as they were typed, such as MX 00 417."""
    return trigram.patient_ids((text,), "id_search")


def on_phrase(text: str) -> Sql:
    """Return the same as a condition on p."""
    return contains("p.id_search", text)


def pattern_condition(column: str, pattern: str) -> Sql:
    """Return the condition that a whole column matches * and ?, limited to the range of what stands before them."""
    like = Sql(f"{column} LIKE ? ESCAPE '\\'", (Wildcard(pattern).like(),))
    start = literal_prefix(pattern)
    if not start:
        return like
    return Sql(f"({column} >= ? AND {column} < ? AND {like.text})", (start, start + LAST, *like.params))


def _columns(kind: Kind) -> str:
    return {Kind.NAME: "name_search", Kind.ID: "id_search"}.get(kind, "")


def _short_id(column: str, term: Term, text: str) -> Sql:
    """One or two digits begin an ID; one or two letters would find every patient of a site, so they are a whole ID."""
    return prefix(column, text) if term.kind is Kind.ID or re.search(r"\d", text) else equals(column, text)


def _words(condition: Sql) -> Sql:
    return Sql(f"SELECT patient_id AS id FROM archive_nameword WHERE {condition.text}", condition.params)


def _where(condition: Sql) -> Sql:
    return Sql(f"SELECT id FROM archive_patient WHERE {condition.text}", condition.params)


def _prefix_of_word(text: str) -> Sql:
    """Compare a computed value, so that the few words of the patient are looked up and not all words in the range."""
    return prefix("w.word || ''", text)


def _has_word(condition: Sql) -> Sql:
    return Sql(
        f"EXISTS (SELECT 1 FROM archive_nameword w WHERE w.patient_id = p.id AND {condition.text})", condition.params
    )


def _pattern_selects(kind: Kind, pattern: str) -> list[Sql]:
    """A pattern that begins with a letter walks a range; one that does not is found by its longest literal."""
    bounded = bool(literal_prefix(pattern))
    near = trigram.patient_ids((longest_literal(pattern),), _columns(kind))
    selects = []
    for column, kinds in (("name", _BY_NAME), ("id", _BY_ID)):
        if kind not in kinds:
            continue
        if bounded:
            own = pattern_condition("word" if column == "name" else "id_search", pattern)
            selects.append(_words(own) if column == "name" else _where(own))
        else:
            own = _on_pattern(Kind.NAME if column == "name" else Kind.ID, pattern)[0]
            text = f"SELECT p.id FROM archive_patient p JOIN ({near.text}) near ON near.id = p.id WHERE {own.text}"
            selects.append(Sql(text, near.params + own.params))
    return selects


def _on_pattern(kind: Kind, pattern: str) -> list[Sql]:
    parts = []
    if kind in _BY_NAME:
        parts.append(_has_word(pattern_condition("w.word || ''", pattern)))
    if kind in _BY_ID:
        parts.append(pattern_condition("p.id_search", pattern))
    return parts


def find_words(start: str, limit: int = 2_000) -> list[str]:
    """Return words of patients' names that begin with `start`, jumping from one to the next along the index."""
    text = """WITH RECURSIVE known(word) AS (
            SELECT min(word) FROM archive_nameword WHERE word >= ? AND word < ?
            UNION ALL
            SELECT (SELECT min(w.word) FROM archive_nameword w WHERE w.word > known.word AND w.word < ?)
            FROM known WHERE known.word IS NOT NULL
        ) SELECT word FROM known WHERE word IS NOT NULL"""
    bound = start + LAST
    return [row[0] for row in rows(Sql(f"{text} LIMIT {int(limit)}", (start, bound, bound)))]
