"""Relational queries (PS3.4 C.4.1.3.2): what is demanded of one level by attributes of those below it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search.keys import KEYS, SearchKey, condition
from pacsbrowser.archive.search.returned import ABOVE
from pacsbrowser.archive.search.same_study import visible
from pacsbrowser.archive.search.sql import Sql, all_of, fill
from pacsbrowser.dicom.matching import Exact, UIDList

if TYPE_CHECKING:
    from pacsbrowser.archive.search.objects import Search, Wanted

_LEVEL_OF = {keyword: level for level, keys in KEYS.items() for keyword in keys}
_ORDER = (Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE)
# The table of each level, how it hangs on the level above, and what is live there.
_TABLES: Mapping[Level, tuple[str, str, str]] = {
    Level.STUDY: ("archive_study s", "s.patient_id", "s.instance_count > 0"),
    Level.SERIES: ("archive_series e", "e.study_id", "e.instance_count > 0"),
    Level.INSTANCE: ("archive_instance i", "i.series_id", "i.removal_id IS NULL"),
}
_KEYS_OF = {Level.PATIENT: "p.id", Level.STUDY: "s.id", Level.SERIES: "e.id"}


def level_of(key: SearchKey) -> Level:
    """Return the level that an attribute belongs to."""
    return _LEVEL_OF[key.keyword]


def below(scope: Scope, search: "Search") -> list[Sql]:
    """Return the condition that an object holds one, in scope, that has what is demanded of the levels below.

    All that is demanded below is demanded of one branch. A patient has to hold a study in scope in any case.
    """
    wanted = [one for one in search.narrowing if level_of(one.key) not in ABOVE[search.level]]
    limits = search.level is Level.PATIENT and not scope.everything
    if not wanted and not limits:
        return []
    lowest = max([_ORDER.index(level_of(one.key)) for one in wanted], default=1)
    levels = _ORDER[_ORDER.index(search.level) + 1 : lowest + 1]
    conditions = [condition(one.key, one.match, search.fuzzy) for one in wanted]
    conditions += [Sql(_TABLES[level][2]) for level in levels]
    if Level.STUDY in levels:
        conditions.append(visible(scope))
    return [_holds(search.level, levels, all_of(conditions), _has_lead(wanted))]


def _holds(level: Level, levels: Sequence[Level], on: Sql, leads: bool) -> Sql:
    """Return the condition as a list of keys where an index finds those below, else as a look below each row."""
    first, *others = levels
    table, parent, _ = _TABLES[first]
    joins = "".join(
        f" JOIN {_TABLES[one][0]} ON {_TABLES[one][1]} = {_KEYS_OF[above]}"
        for above, one in zip(levels, others, strict=False)
    )
    if leads:
        return fill(f"{_KEYS_OF[level]} IN (SELECT {parent} FROM {table}{joins} WHERE {{}})", on)
    return fill(f"EXISTS (SELECT 1 FROM {table}{joins} WHERE {parent} = {_KEYS_OF[level]} AND {{}})", on)


def _has_lead(wanted: "Sequence[Wanted]") -> bool:
    return any(one.key.leads and isinstance(one.match, Exact | UIDList) for one in wanted)
