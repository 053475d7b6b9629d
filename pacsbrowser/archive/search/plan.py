"""How a list is found: which index leads, how many hits there are, and the keys of one page in their order.

Few hits are collected and sorted; many are found by walking the index of the sort column, where they lie close
together. A page counts no further than costs little (FEW) and says "over"; who wants the figure asks for it apart
(`Plan.count`, up to LIMIT). Pages go on from a row's key: its sort value is looked up, never part of a URL.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pacsbrowser.archive.search.sql import TRUE, Sql, all_of, fill, intersect, rows, value

LIMIT = 10_000
# A page counts its hits up to here, and collects them if there are no more.
FEW = 2_000
# Rows that a page looks at, one by one, to count what fulfils several demands.
LOOKED_AT = 1_000
# Keys of the leading index that are looked at where other conditions have to be read from the rows.
NEAR = 5_000
# Rows of the sort index that are looked at, at first and then, before hits are collected after all.
STEPS = (300, 1_500)
# The same where collecting would have to read many rows of studies.
FAR = 4_000
# The same where the hits' keys are known, so that no row is read.
KEYS_LOOKED_AT = 8_000
_KEYS = "json_group_array(id)"


@dataclass(frozen=True, slots=True)
class Level:
    """The tables of a list: to walk along an index (`source`), or to look keys up in (`near`, the keys are near.id).

    `sorts` gives the column of each order, which an index (column, id) serves.
    """

    table: str
    letter: str
    source: str
    near: str
    sorts: Mapping[str, str]

    @property
    def key(self) -> str:
        """The row's key."""
        return f"{self.letter}.id"


PATIENTS = Level(
    "archive_patient",
    "p",
    "archive_patient p",
    "archive_patient p ON p.id = near.id",
    {
        "name": "name_sort", "id": "id_search", "last": "last_study", "birth": "patient_birth_date",
        "sex": "patient_sex", "studies": "study_count", "modalities": "modalities",
    },
)  # fmt: skip
STUDIES = Level(
    "archive_study",
    "s",
    "archive_study s JOIN archive_patient p ON p.id = s.patient_id",
    "archive_study s ON s.id = near.id JOIN archive_patient p ON p.id = s.patient_id",
    {
        "date": "date_sort", "name": "name_sort", "id": "patient_id_sort", "modalities": "modalities",
        "description": "description_search", "accession": "accession_search", "series": "series_count",
        "instances": "instance_count", "referring": "referring_sort", "institution": "institution_sort",
    },
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Demand:
    """One condition on the rows of a list, as a condition on the row and, if an index can lead, as a SELECT of keys."""

    on: Sql
    select: Sql | None = None
    # By sort column: what rows must fulfil there, so that a walk along its index can begin and end with it.
    bounds: Mapping[str, Sql] = field(default_factory=dict)
    # Where `select` may read long for few rows: a SELECT of keys that has all of its rows and more, cheap to cut short.
    near: Sql | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A sort order and where the page begins: after the row with the key `after`, or after `offset` rows (QIDO-RS)."""

    column: str
    descending: bool
    after: int | None = None
    offset: int = 0


@dataclass(slots=True)
class Hits:
    """How many rows match. `count` is right if `exact`, else there are more; `keys` is a JSON list of all of them."""

    count: int
    exact: bool
    keys: str | None = None


class Plan:
    """The search of one list."""

    def __init__(self, level: Level, demands: list[Demand], live: Sql) -> None:
        self.level = level
        self.demands = demands
        self.on = all_of([live, *(demand.on for demand in demands)])
        self._live = live
        self._leading = [demand for demand in demands if demand.select]

    def find(self, order: Order, limit: int, most: int = FEW) -> tuple[list[int], Hits]:
        """Return the keys of the page's rows in order, and how many there are, counted up to `most` or what is cheap.

        Up to `most` hits are collected; more are looked for along the sort index; only where they lie too far apart
        there all are collected, up to LIMIT.
        """
        hits = self._few(most) if most < LIMIT else self.hits()
        if hits.keys is not None and hits.count <= FEW:
            return self._collected(hits.keys, order, limit), hits
        walked = self._walked(order, limit)
        if walked is not None:
            return walked, hits
        if not hits.exact and most < LIMIT:
            hits = self.hits()
        if hits.keys is not None:
            return self._of_keys(hits.keys, hits.count, order, limit), hits
        everything = all_of([self.on, *self._bounds(order)])
        return [row[0] for row in rows(self._ordered(everything, order, limit))], hits

    def _few(self, most: int) -> Hits:
        """Return all hits if an index leaves few rows to look at; else say at little cost that there are many."""
        if not self._leading:
            return self._counted_all(LIMIT) if not self.demands else Hits(0, exact=False)
        if len(self.demands) == 1 and self.demands[0].near is None:
            return self.hits(most)
        most = min(most, LOOKED_AT)
        sizes = [(_size(demand.near or demand.select, most + 1), place) for place, demand in enumerate(self._leading)]
        fewest, place = min(sizes)
        if fewest > most:
            return Hits(0, exact=False)
        lead = self._leading[place]
        rest = [demand for demand in self.demands if demand is not lead]
        return self._counted(most, _KEYS, lead.select, rest)

    def _choose(self) -> tuple[Sql | None, list[Demand]]:
        """Return what leads: the SELECT with fewest keys; of patients, all SELECTs together when each has many."""
        leading = self._leading
        if len(leading) < 2:
            lead = leading[0] if leading else None
            return (lead.select if lead else None), [demand for demand in self.demands if demand is not lead]
        sizes = [(_size(demand.select, FEW), place) for place, demand in enumerate(leading)]
        fewest, place = min(sizes)
        if fewest < FEW or self.level is STUDIES:
            lead = leading[place]
            return lead.select, [demand for demand in self.demands if demand is not lead]
        selects = [select for _, at in sorted(sizes) if (select := leading[at].select)]
        return intersect(selects), [demand for demand in self.demands if not demand.select]

    def count(self, limit: int) -> Hits:
        """Count the rows, up to `limit`, without their keys."""
        return self._counted(limit, "''", *self._choose())

    def hits(self, limit: int = LIMIT) -> Hits:
        """Count the rows, up to `limit`, and keep their keys."""
        return self._counted(limit, _KEYS, *self._choose())

    def _counted(self, limit: int, keys: str, lead: Sql | None, others: list[Demand]) -> Hits:
        level, rest = self.level, all_of(demand.on for demand in others)
        if lead is not None and rest != TRUE:
            return self._counted_near(lead, rest, limit, keys)
        if lead is None and rest == TRUE:
            return self._counted_all(limit)
        if lead is not None:
            select = fill(f"SELECT DISTINCT id FROM ({{}}) WHERE {self._shown}", lead)
        else:
            select = fill(f"SELECT {level.key} AS id FROM {level.source} WHERE {{}}", self.on)
        count, found = rows(fill(f"SELECT count(*), {keys} FROM ({{}})", _limited(select, limit)))[0]
        return Hits(count, exact=True, keys=found or None) if count <= limit else Hits(limit, exact=False)

    def _counted_all(self, limit: int) -> Hits:
        """Count a whole table without reading rows; no keys are needed to walk it."""
        hidden = int(value(Sql(f"SELECT count(*) FROM {self.level.table} WHERE instance_count = 0")))
        some = f"SELECT count(*) FROM (SELECT id FROM {self.level.table} LIMIT {limit + hidden + 1})"
        count = int(value(Sql(some))) - hidden
        return Hits(min(count, limit), count <= limit)

    def _counted_near(self, lead: Sql, rest: Sql, limit: int, keys: str) -> Hits:
        """Look at the rows that the lead finds, but not at more than NEAR: beyond that the count is a lower bound."""
        level, most = self.level, min(NEAR, 2 * limit)
        text = f"""WITH near AS MATERIALIZED (SELECT DISTINCT id FROM ({{}}) LIMIT {most + 1})
            SELECT (SELECT count(*) FROM near), count(*), {keys} FROM (
                SELECT {level.key} AS id FROM near JOIN {level.near} WHERE {{}} AND {{}} LIMIT {limit + 1})"""
        near, count, found = rows(fill(text, lead, self._live, rest))[0]
        if near > most or count > limit:
            return Hits(min(count, limit), exact=False)
        return Hits(count, exact=True, keys=found or None)

    @property
    def _shown(self) -> str:
        """The condition that leaves out rows without live instances: few, so their keys are read once (0002)."""
        return f"id NOT IN (SELECT id FROM {self.level.table} WHERE instance_count = 0)"

    def _collected(self, keys: str, order: Order, limit: int) -> list[int]:
        near = Sql(f"{self.level.key} IN (SELECT value FROM json_each(?))", (keys,))
        return [row[0] for row in rows(self._ordered(near, order, limit))]

    def _ordered(self, condition: Sql, order: Order, limit: int) -> Sql:
        level = self.level
        text = f"SELECT {level.key} FROM {level.source} WHERE {{}} AND {{}} ORDER BY {self._by(order)} LIMIT {limit}"
        text += f" OFFSET {order.offset}" if order.offset else ""
        return fill(text, condition, self._after(order))

    def _by(self, order: Order) -> str:
        way = "DESC" if order.descending else "ASC"
        return f"{self.level.letter}.{order.column} {way}, {self.level.key} {way}"

    def _after(self, order: Order) -> Sql:
        if order.after is None:
            return TRUE
        letter, sign = self.level.letter, "<" if order.descending else ">"
        value_of = f"SELECT {order.column}, id FROM {self.level.table} WHERE id = ?"
        return Sql(f"({letter}.{order.column}, {letter}.id) {sign} ({value_of})", (order.after,))

    def _bounds(self, order: Order) -> list[Sql]:
        return [demand.bounds[order.column] for demand in self.demands if order.column in demand.bounds]

    def _walked(self, order: Order, limit: int) -> list[int] | None:
        """Return the page's keys along the sort index, or None if hits lie too far apart or too far down there."""
        if order.offset:
            if order.offset + limit > STEPS[1]:
                return None
            found_from_top = self._walked(replace(order, offset=0), order.offset + limit)
            return None if found_from_top is None else found_from_top[order.offset :]
        first = rows(self._walk(order, STEPS[0]))
        found = [key for key, hit in first if hit][:limit]
        if len(found) >= limit or len(first) < STEPS[0]:
            return found
        missing = limit - len(found)
        steps = FAR if any(demand.near for demand in self.demands) else STEPS[1]
        if len(found) * steps < missing * STEPS[0]:
            return None
        further = fill(f"SELECT id FROM ({{}}) WHERE hit LIMIT {missing}",
                       self._walk(replace(order, after=first[-1][0]), steps))  # fmt: skip
        found += [row[0] for row in rows(further)]
        return found if len(found) >= limit else None

    def _of_keys(self, keys: str, count: int, order: Order, limit: int) -> list[int]:
        """Return the page of hits that are known: many lie close together in the sort index, few are sorted."""
        if count > FEW:
            level = self.level
            text = f"""SELECT id FROM (SELECT {level.key} AS id, {level.key} IN (SELECT value FROM json_each(?)) AS hit
                FROM {level.table} {level.letter} WHERE {{}} ORDER BY {self._by(order)} LIMIT {KEYS_LOOKED_AT})
                WHERE hit LIMIT {limit} OFFSET {order.offset}"""
            after = self._after(order)
            found = rows(Sql(text.format(after.text), (keys, *after.params)))
            if len(found) >= limit:
                return [row[0] for row in found]
        return self._collected(keys, order, limit)

    def _walk(self, order: Order, steps: int) -> Sql:
        """Return the SELECT of the next rows in order, and whether each is a hit."""
        level, near = self.level, all_of([*self._bounds(order), self._after(order)])
        text = f"""SELECT {level.key} AS id, {{}} AS hit FROM {level.source} WHERE {{}}
            ORDER BY {self._by(order)} LIMIT {steps}"""
        return fill(text, self.on, near)


def known(hits: Hits, after: int | None, seen: int, limit: int) -> tuple[int, bool]:
    """Return the count and whether it is exact, given that a page of up to `limit` + 1 rows has `seen`."""
    if not hits.exact and after is None and seen <= limit:
        return seen, True
    return max(hits.count, min(seen, limit)) if after is None else hits.count, hits.exact


def _size(select: Sql | None, limit: int) -> int:
    found = value(fill("SELECT count(*) FROM ({})", _limited(select, limit - 1))) if select else limit
    return int(found)


def _limited(select: Sql, limit: int) -> Sql:
    return fill(f"SELECT * FROM ({{}}) LIMIT {limit + 1}", select)
