"""Pieces of SQL with their parameters: what a search is put together from.

Text from outside is only ever a parameter; what is joined here are constants of this package. Tables go by one letter:
p patient, s study, e series.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection

# Greater than every other character in binary order, so that [prefix, prefix + LAST) holds all texts with the prefix.
LAST = "\U0010ffff"


class Sql(NamedTuple):
    """A piece of SQL and the parameters of its placeholders."""

    text: str
    params: tuple[object, ...] = ()


TRUE = Sql("1 = 1")
FALSE = Sql("1 = 0")


def all_of(parts: Iterable[Sql]) -> Sql:
    """Return the conjunction of conditions; true when there is none."""
    return _joined(" AND ", [part for part in parts if part != TRUE]) or TRUE


def any_of(parts: Iterable[Sql]) -> Sql:
    """Return the disjunction of conditions; false when there is none."""
    return _joined(" OR ", list(parts)) or FALSE


def _joined(word: str, parts: Sequence[Sql]) -> Sql | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return Sql("(" + word.join(part.text for part in parts) + ")", _params(parts))


def union(parts: Sequence[Sql]) -> Sql:
    """Return the SELECTs' rows together, as they come: whoever reads them drops repeats, and may stop early."""
    return Sql(" UNION ALL ".join(part.text for part in parts), _params(parts))


def intersect(parts: Sequence[Sql]) -> Sql:
    """Return the rows that all SELECTs of keys have; the first should have fewest. Twice as fast as INTERSECT."""
    if len(parts) < 2:
        return parts[0]
    few, *others = parts
    text = " AND ".join(["id IN ({})"] * len(others))
    return fill(f"SELECT id FROM ({{}}) WHERE {text}", others[0], few, *others[1:])


def fill(template: str, *parts: Sql) -> Sql:
    """Return a template whose {} are filled with pieces, in order."""
    return Sql(template.format(*(part.text for part in parts)), _params(parts))


def _params(parts: Iterable[Sql]) -> tuple[object, ...]:
    return tuple(param for part in parts for param in part.params)


def prefix(column: str, text: str) -> Sql:
    """Return the condition that a column begins with a text, as a range that an index can walk."""
    return Sql(f"({column} >= ? AND {column} < ?)", (text, text + LAST))


def contains(column: str, text: str) -> Sql:
    """Return the condition that a column holds a text somewhere; nothing in the text is special."""
    return Sql(f"instr({column}, ?) > 0", (text,))


def equals(column: str, value: object) -> Sql:
    """Return the condition that a column has a value."""
    return Sql(f"{column} = ?", (value,))


def one_of(column: str, values: Iterable[object]) -> Sql:
    """Return the condition that a column has one of some values."""
    found = tuple(values)
    return Sql(f"{column} IN ({', '.join('?' * len(found))})", found) if found else FALSE


def rows(query: Sql) -> list[Any]:
    """Run a SELECT and return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(query.text.replace("%", "%%").replace("?", "%s"), list[Any](query.params))
        found: list[Any] = cursor.fetchall()
        return found


def value(query: Sql) -> Any:
    """Run a SELECT and return the first column of its first row."""
    found = rows(query)
    return found[0][0] if found else None
