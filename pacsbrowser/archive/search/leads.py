"""Where a search by the protocols' keys can start: SELECTs of studies and patients that an index answers."""

from pacsbrowser.archive.search import trigram
from pacsbrowser.archive.search.keys import SearchKey, condition, fuzzy_words, name_words, on_column
from pacsbrowser.archive.search.query import literal_prefix, longest_literal
from pacsbrowser.archive.search.sql import Sql, fill, prefix
from pacsbrowser.dicom.matching import Exact, Match, Wildcard, fold

_FROM_PATIENT = "SELECT s.id AS id FROM archive_patient p JOIN archive_study s ON s.patient_id = p.id WHERE {}"
_NEAR_PATIENT = """SELECT s.id AS id FROM ({}) near JOIN archive_patient p ON p.id = near.id
    JOIN archive_study s ON s.patient_id = p.id WHERE {}"""
_NEAR_STUDY = "SELECT s.id AS id FROM ({}) near JOIN archive_study s ON s.id = near.id WHERE {}"


def study_select(key: SearchKey, match: Match, fuzzy: bool) -> Sql | None:
    """Return the SELECT of the studies (id) that match; None where only a scan would find them."""
    if not key.leads:
        return None
    on = condition(key, match, fuzzy)
    letter = key.column[0]
    near = near_rows(key, match, fuzzy)
    if letter == "p":
        return fill(_NEAR_PATIENT, near, on) if near else _bounded(_FROM_PATIENT, match, on)
    if letter == "m":
        return fill("SELECT m.study_id AS id FROM archive_studymodality m WHERE {}", on_column(key, match))
    return (
        fill(_NEAR_STUDY, near, on) if near else _bounded("SELECT s.id AS id FROM archive_study s WHERE {}", match, on)
    )


def near_rows(key: SearchKey, match: Match, fuzzy: bool) -> Sql | None:
    """Return the SELECT of rows (id) of the key's own table among which the matches are: by a word, or inside words."""
    if key.vr == "PN":
        return _near_name(key, match, fuzzy) if key.others else None
    if not isinstance(match, Wildcard) or key.grams is None:
        return None
    return _grams(*key.grams, longest_literal(fold(match.pattern)))


def _near_name(key: SearchKey, match: Match, fuzzy: bool) -> Sql | None:
    if not isinstance(match, Exact | Wildcard):
        return None
    if fuzzy:
        words = [prefix("word", word) for word in fuzzy_words(match)]
        folded = ""
    else:
        folded = fold(match.value if isinstance(match, Exact) else match.pattern)
        words = name_words(folded)
    if words:
        # A whole word leaves fewer than a beginning, a long one fewer than a short one.
        best = min(words, key=lambda word: (len(word.params), -len(str(word.params[0]))))
        return Sql(f"SELECT patient_id AS id FROM archive_nameword WHERE {best.text}", best.params)
    pieces = [longest_literal(token) for token in folded.split()]
    return _grams("patient", "name_search", max(pieces, key=len, default=""))


def _grams(table: str, column: str, literal: str) -> Sql | None:
    if len(literal) < trigram.SHORTEST:
        return None
    return trigram.patient_ids((literal,), column) if table == "patient" else trigram.study_ids((literal,), column)


def _bounded(template: str, match: Match, on: Sql) -> Sql | None:
    """A pattern without a beginning finds nothing in an index."""
    if isinstance(match, Wildcard) and not literal_prefix(match.pattern):
        return None
    return fill(template, on)
