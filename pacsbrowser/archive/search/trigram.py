"""Infix search of three characters and more: SQLite's FTS5 with trigrams, over what patients and studies are found by.

The tables (migration 0002) hold no text of their own and are kept right by triggers.
"""

from collections.abc import Iterable
from typing import Literal

from pacsbrowser.archive.search.sql import Sql

SHORTEST = 3


def patient_ids(texts: Iterable[str], columns: str = "") -> Sql:
    """Return the SELECT of patients that hold one of the texts, in `columns` (name_search, id_search) or any."""
    return Sql("SELECT rowid AS id FROM archive_patienttrigram WHERE archive_patienttrigram MATCH ?",
               (_expression(texts, columns),))  # fmt: skip


def study_ids(texts: Iterable[str], column: str, word: Literal["OR", "AND"] = "OR") -> Sql:
    """Return the SELECT of studies that hold one or all of the texts in `column` (description_search, ...)."""
    return Sql("SELECT rowid AS id FROM archive_studytrigram WHERE archive_studytrigram MATCH ?",
               (_expression(texts, column, word),))  # fmt: skip


def _expression(texts: Iterable[str], column: str, word: str = "OR") -> str:
    """Return FTS5's query: each text is a string in double quotes, in which only the double quote is special."""
    joined = f" {word} ".join('"' + text.replace('"', '""') + '"' for text in texts)
    return f"{{{column}}} : ({joined})" if column else joined
