"""Patients, studies, series and instances as the protocols ask for them: by matching keys, with limit and offset.

Rows come in an order that stays the same from page to page: studies by date, the newest first; series and instances
as they stand in their study and series. A deep offset walks an index and reads no rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search.keys import SearchKey, condition
from pacsbrowser.archive.search.leads import near_rows, study_select
from pacsbrowser.archive.search.levels import below, level_of
from pacsbrowser.archive.search.plan import STUDIES, Demand, Order, Plan
from pacsbrowser.archive.search.returned import ABOVE, OF_VISIBLE, columns_of
from pacsbrowser.archive.search.same_study import LIVE, visible
from pacsbrowser.archive.search.sql import Sql, all_of, fill, one_of, rows, value
from pacsbrowser.dicom.matching import Exact, Match, Universal

# A protocol gets this many at once; more come page by page.
MOST_RESULTS = 5_000
_SOURCES = {
    Level.PATIENT: "archive_patient p",
    Level.STUDY: "archive_study s",
    Level.SERIES: "archive_series e JOIN archive_study s ON s.id = e.study_id",
    Level.INSTANCE: """archive_instance i JOIN archive_series e ON e.id = i.series_id
        JOIN archive_study s ON s.id = e.study_id""",
}
_PATIENT = " JOIN archive_patient p ON p.id = s.patient_id"
_LETTERS = {Level.PATIENT: "p", Level.STUDY: "s", Level.SERIES: "e", Level.INSTANCE: "i"}
_LIVE = {
    Level.PATIENT: Sql("p.instance_count > 0"),
    Level.SERIES: Sql("e.instance_count > 0"),
    Level.INSTANCE: Sql("i.removal_id IS NULL"),
}
# Everything, along an index: the table, its order, and what is not live, which is little and has an index of its own
# (migrations 0001 to 0003).
_WALKS = {
    Level.STUDY: ("archive_study", ("date_sort DESC", "id DESC"), "instance_count = 0"),
    Level.SERIES: ("archive_series", ("study_id ASC", "id ASC"), "instance_count = 0"),
    Level.INSTANCE: ("archive_instance", ("series_id ASC", "position ASC", "id ASC"), "removal_id IS NOT NULL"),
}
_TURNED = {"ASC": "DESC", "DESC": "ASC"}
_ORDERS = {Level.PATIENT: "p.id", Level.SERIES: "e.study_id, e.id", Level.INSTANCE: "i.series_id, i.position, i.id"}
_ORDER_IN_STUDY = "e.series_number_value IS NULL, e.series_number_value, e.id"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is demanded of one attribute."""

    key: SearchKey
    match: Match


@dataclass(frozen=True, slots=True)
class Search:
    """A question: which level, what is demanded, and whether names match by their words (fuzzy matching)."""

    level: Level
    wanted: tuple[Wanted, ...] = ()
    fuzzy: bool = False

    @property
    def narrowing(self) -> list[Wanted]:
        """What really demands something."""
        return [one for one in self.wanted if not isinstance(one.match, Universal)]

    @property
    def own(self) -> list[Wanted]:
        """What demands something of the level itself and those above it."""
        return [one for one in self.narrowing if level_of(one.key) in ABOVE[self.level]]


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """A row that was found: its key, and its values by keyword, '' where it has none."""

    id: int
    values: dict[str, str]


def find_objects(scope: Scope, search: Search, limit: int, offset: int = 0) -> list[ObjectRow]:
    """Return up to `limit` live objects in scope after the first `offset`."""
    return read_objects(scope, search.level, find_keys(scope, search, limit, offset))


def count_objects(scope: Scope, search: Search, limit: int) -> int:
    """Return how many objects match, up to `limit`."""
    if search.level is Level.STUDY and (search.narrowing or not scope.everything):
        return _plan(scope, search).count(limit).count
    if _is_open(scope, search):
        live, _ = _live_and_hidden(search.level)
        return min(limit, live)
    return int(value(fill("SELECT count(*) FROM ({})", _select(scope, search, limit, 0))))


def find_keys(scope: Scope, search: Search, limit: int, offset: int = 0) -> list[int]:
    """Return the keys of up to `limit` live objects in scope after the first `offset`; `read_objects` reads them."""
    if _is_open(scope, search):
        return _page(search.level, limit, offset)
    if search.level is Level.STUDY:
        plan = _plan(scope, search)
        return plan.find(Order("date_sort", True, offset=offset), limit)[0]
    return [row[0] for row in rows(_select(scope, search, limit, offset))]


def _is_open(scope: Scope, search: Search) -> bool:
    return scope.everything and not search.narrowing and search.level is not Level.PATIENT


def _live_and_hidden(level: Level) -> tuple[int, int]:
    table, _, is_hidden = _WALKS[level]
    text = f"SELECT (SELECT count(*) FROM {table}), (SELECT count(*) FROM {table} WHERE {is_hidden})"
    count, hidden = rows(Sql(text))[0]
    return count - hidden, hidden


def _page(level: Level, limit: int, offset: int) -> list[int]:
    """Return a page of all keys along their index; what lies beyond its middle is reached from its end."""
    if not offset:
        return [row[0] for row in rows(_walk(level, limit, 0))]
    live, hidden = _live_and_hidden(level)
    limit = min(limit, live - offset)
    if limit <= 0:
        return []
    if offset <= live // 2:
        return [row[0] for row in rows(_walk(level, limit, offset, hides=hidden > 0))]
    turned = rows(_walk(level, limit, live - offset - limit, hides=hidden > 0, is_turned=True))
    return [row[0] for row in reversed(turned)]


def _walk(level: Level, limit: int, offset: int, hides: bool = True, is_turned: bool = False) -> Sql:
    """Return the SELECT along the index. Where something is hidden, each key passed over has to be looked at."""
    table, order, is_hidden = _WALKS[level]
    words = [step.split() for step in order]
    by = ", ".join(f"{column} {_TURNED[way] if is_turned else way}" for column, way in words)
    shown = f"WHERE id NOT IN (SELECT id FROM {table} WHERE {is_hidden})" if hides else ""
    return Sql(f"SELECT id FROM {table} {shown} ORDER BY {by} LIMIT {int(limit)} OFFSET {int(offset)}")


def _plan(scope: Scope, search: Search) -> Plan:
    demands = [
        Demand(
            condition(one.key, one.match, search.fuzzy),
            study_select(one.key, one.match, search.fuzzy),
            {"date_sort": condition(one.key, one.match)} if one.key.column == "s.date_sort" else {},
        )
        for one in search.own
    ]
    demands += [Demand(one) for one in below(scope, search)]
    if not scope.everything:
        inside = one_of("s.institution_name", sorted(scope.institutions))
        demands.append(Demand(inside, fill("SELECT s.id AS id FROM archive_study s WHERE {}", inside)))
    return Plan(STUDIES, demands, LIVE)


def _select(scope: Scope, search: Search, limit: int, offset: int) -> Sql:
    """Return the SELECT of series or instances; the planner starts at the key whose index leaves fewest."""
    level, wanted = search.level, search.own
    demands = [_LIVE[level], *below(scope, search)]
    if level is not Level.PATIENT:
        demands.append(visible(scope))
    for one in wanted:
        demands += [condition(one.key, one.match, search.fuzzy), *_near(one, search.fuzzy)]
    joins = level is not Level.PATIENT and any(one.key.column.startswith("p.") for one in wanted)
    source = _SOURCES[level] + (_PATIENT if joins else "")
    order = _ORDER_IN_STUDY if level is Level.SERIES and _of_one_study(wanted) else _ORDERS[level]
    text = f"""SELECT {_LETTERS[level]}.id AS id FROM {source} WHERE {{}}
        ORDER BY {order} LIMIT {int(limit)} OFFSET {int(offset)}"""
    return fill(text, all_of(demands))


def _near(one: Wanted, fuzzy: bool) -> list[Sql]:
    near = near_rows(one.key, one.match, fuzzy)
    return [fill(f"{one.key.column[0]}.id IN ({{}})", near)] if near else []


def _of_one_study(wanted: Sequence[Wanted]) -> bool:
    return any(one.key.keyword == "StudyInstanceUID" and isinstance(one.match, Exact) for one in wanted)


def read_objects(scope: Scope, level: Level, keys: Sequence[int]) -> list[ObjectRow]:
    """Return the rows of these keys, in their order; what is counted over a patient's studies, over those in scope."""
    columns = columns_of(level)
    counted = "" if scope.everything else _counted(columns)
    source = _SOURCES[level] + ("" if level is Level.PATIENT else _PATIENT)
    text = f"SELECT {_LETTERS[level]}.id, {', '.join(columns.values())}{counted} FROM {source} WHERE {{}}"
    inside = [visible(scope)] * counted.count("{}")
    names = [*columns, *(OF_VISIBLE if counted else ())]
    found: dict[int, ObjectRow] = {}
    # SQLite takes a limited number of parameters
    for start in range(0, len(keys), 10_000):
        for row in rows(fill(text, *inside, one_of(f"{_LETTERS[level]}.id", keys[start : start + 10_000]))):
            texts = ("" if one is None else str(one) for one in row[1:])
            found[row[0]] = ObjectRow(row[0], dict(zip(names, texts, strict=True)))
    return [found[key] for key in keys if key in found]


def _counted(columns: Mapping[str, str]) -> str:
    """Return further columns, which go before those of the same name in the patient's row."""
    selects = (
        f"(SELECT {count} FROM archive_study s WHERE s.patient_id = p.id AND {{}})" for count in OF_VISIBLE.values()
    )
    return ", " + ", ".join(selects) if OF_VISIBLE.keys() <= columns.keys() else ""
