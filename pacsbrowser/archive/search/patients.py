"""The list of patients."""

from typing import Any

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.inbox import count_open
from pacsbrowser.archive.search.demands import demands
from pacsbrowser.archive.search.filters import Filters
from pacsbrowser.archive.search.plan import FEW, LIMIT, PATIENTS, Hits, Order, Plan, known
from pacsbrowser.archive.search.query import Query
from pacsbrowser.archive.search.results import Page, PatientRow
from pacsbrowser.archive.search.same_study import visible
from pacsbrowser.archive.search.sql import TRUE, Sql, fill, one_of, rows

DEFAULT_SORT = "-last"
# What the patient's own row says about all its studies; a limited scope must not sort by it.
_FROM_STUDIES = {"last", "studies", "modalities"}
_LIVE = Sql("p.instance_count > 0")


def find_patients(
    scope: Scope,
    query: Query,
    filters: Filters,
    sort: str = DEFAULT_SORT,
    after: int | None = None,
    limit: int = 50,
    most: int = FEW,
) -> Page[PatientRow]:
    """Return a page of the patients who have a live study in scope and fulfil query and filters.

    Args:
        sort: a key of `PATIENTS.sorts`, with "-" for descending order.
        after: the key of the row before the page.
        most: patients are counted up to here, or to what is cheap; with LIMIT as far as `count_patients` does.
    """
    plan = _plan(scope, query, filters)
    name = sort.lstrip("-") if sort.lstrip("-") in PATIENTS.sorts else "last"
    order = Order(PATIENTS.sorts[name], sort.startswith("-"), after)
    if scope.everything or name not in _FROM_STUDIES:
        keys, hits = plan.find(order, limit + 1, most)
    elif (hits := plan.hits()).keys is not None:
        keys = _sorted_by_visible(scope, hits.keys, name, order, limit + 1)
    else:
        keys = _walked_by_visible(scope, plan, order, limit + 1)
    found = _rows(keys[:limit]) if scope.everything else _visible_rows(scope, keys[:limit])
    return Page(found, keys[limit - 1] if len(keys) > limit else None, *known(hits, after, len(keys), limit))


def count_patients(scope: Scope, query: Query, filters: Filters, limit: int = LIMIT) -> Hits:
    """Return how many patients there are, up to `limit`."""
    return _plan(scope, query, filters).count(limit)


def _plan(scope: Scope, query: Query, filters: Filters) -> Plan:
    return Plan(PATIENTS, demands(PATIENTS, scope, query, filters), _LIVE)


_COLUMNS = """p.id, p.patient_id, p.issuer_of_patient_id, p.patient_name, p.name_display, p.name_others,
    p.patient_birth_date, p.patient_sex, p.last_study, p.modalities, p.study_count, p.finding_count,
    s.id, s.study_instance_uid, s.study_description, s.study_date, s.received"""
_HOLDERS = "(SELECT count(*) FROM archive_study o WHERE o.study_instance_uid = s.study_instance_uid)"


def _rows(keys: list[int]) -> list[PatientRow]:
    text = f"""SELECT {_COLUMNS}, {_HOLDERS} FROM archive_patient p
        LEFT JOIN archive_study s ON s.id = p.last_study_row_id WHERE {{}}"""
    found = {row[0]: PatientRow._make(row) for row in rows(fill(text, one_of("p.id", keys)))} if keys else {}
    return [found[key] for key in keys if key in found]


def _visible_rows(scope: Scope, keys: list[int]) -> list[PatientRow]:
    """Return the rows with dates, counts and modalities of the studies in scope only."""
    own: dict[int, list[Any]] = {}
    text = """SELECT s.patient_id, s.date_sort, s.id, s.modalities, s.finding_count, s.study_instance_uid,
        s.study_description, s.study_date, s.received FROM archive_study s WHERE {} AND {}"""
    for study in rows(fill(text, one_of("s.patient_id", keys), visible(scope))) if keys else []:
        own.setdefault(study[0], []).append(study)
    holders = _visible_holders(scope, [study[5] for studies in own.values() for study in studies])
    findings = count_open("patient", keys, scope)
    rows_in_scope = [row for row in _rows(keys) if row.id in own]
    return [_as_visible(row, own[row.id], holders, findings.get(row.id, 0)) for row in rows_in_scope]


def _visible_holders(scope: Scope, uids: list[str]) -> dict[str, int]:
    text = "SELECT s.study_instance_uid, count(*) FROM archive_study s WHERE {} AND {} GROUP BY s.study_instance_uid"
    return dict(rows(fill(text, one_of("s.study_instance_uid", uids), visible(scope)))) if uids else {}


def _as_visible(row: PatientRow, studies: list[Any], holders: dict[str, int], findings: int) -> PatientRow:
    last = max(studies, key=lambda study: (study[1], study[2]))
    return row._replace(
        last_study=last[1],
        modalities=_joined(studies, 3),
        study_count=len(studies),
        finding_count=findings,
        last_study_row=last[2],
        last_study_uid=last[5],
        last_study_description=last[6],
        last_study_raw_date=last[7],
        last_study_received=last[8],
        last_study_holders=holders.get(last[5], 1),
    )


def _joined(studies: list[Any], place: int) -> str:
    return "\\".join(sorted({name for study in studies for name in study[place].split("\\") if name}))


def _sorted_by_visible(scope: Scope, keys: str, name: str, order: Order, limit: int) -> list[int]:
    """Sort patients by what their studies in scope say; there are at most LIMIT of them."""
    near = Sql("s.patient_id IN (SELECT value FROM json_each(?))", (keys,))
    own: dict[int, list[Any]] = {}
    text = "SELECT s.patient_id, s.date_sort, s.modalities FROM archive_study s WHERE {} AND {}"
    for study in rows(fill(text, near, visible(scope))):
        own.setdefault(study[0], []).append(study)
    ordered = sorted(own, key=lambda key: (_sort_value(name, own[key]), key), reverse=order.descending)
    begin = ordered.index(order.after) + 1 if order.after in own else 0
    return ordered[begin : begin + limit]


def _sort_value(name: str, studies: list[Any]) -> str | int:
    if name == "studies":
        return len(studies)
    return _joined(studies, 2) if name == "modalities" else max(str(study[1]) for study in studies)


def _walked_by_visible(scope: Scope, plan: Plan, order: Order, limit: int) -> list[int]:
    """Walk the studies by date and take each patient at the latest one in scope."""
    way, sign = ("DESC", "<") if order.descending else ("ASC", ">")
    inside = visible(scope)
    newer = Sql(
        f"""NOT EXISTS (SELECT 1 FROM archive_study s WHERE s.patient_id = l.patient_id AND {inside.text}
            AND (s.date_sort, s.id) > (l.date_sort, l.id))""",
        inside.params,
    )
    begin = TRUE
    if order.after is not None:
        text = f"""(l.date_sort, l.id) {sign} (SELECT s.date_sort, s.id FROM archive_study s
            WHERE s.patient_id = ? AND {inside.text} ORDER BY s.date_sort DESC, s.id DESC LIMIT 1)"""
        begin = Sql(text, (order.after, *inside.params))
    latest = Sql(inside.text.replace("s.", "l."), inside.params)
    text = f"""SELECT p.id FROM archive_study l JOIN archive_patient p ON p.id = l.patient_id
        WHERE {{}} AND {{}} AND {{}} AND {{}} ORDER BY l.date_sort {way}, l.id {way} LIMIT {limit}"""
    return [row[0] for row in rows(fill(text, begin, latest, newer, plan.on))]
