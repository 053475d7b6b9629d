"""The list of studies."""

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.inbox import count_open
from pacsbrowser.archive.search.demands import demands
from pacsbrowser.archive.search.filters import Filters
from pacsbrowser.archive.search.plan import FEW, LIMIT, STUDIES, Hits, Order, Plan, known
from pacsbrowser.archive.search.query import Query
from pacsbrowser.archive.search.results import Page, StudyRow
from pacsbrowser.archive.search.same_study import LIVE, visible
from pacsbrowser.archive.search.sql import Sql, fill, one_of, rows

DEFAULT_SORT = "-date"


def find_studies(
    scope: Scope,
    query: Query,
    filters: Filters,
    sort: str = DEFAULT_SORT,
    after: int | None = None,
    limit: int = 50,
    most: int = FEW,
) -> Page[StudyRow]:
    """Return a page of the live studies in scope that fulfil query and filters.

    Args:
        sort: a key of `STUDIES.sorts`, with "-" for descending order.
        after: the key of the row before the page.
        most: studies are counted up to here, or to what is cheap; with LIMIT as far as `count_studies` does.
    """
    plan = _plan(scope, query, filters)
    name = sort.lstrip("-") if sort.lstrip("-") in STUDIES.sorts else "date"
    keys, hits = plan.find(Order(STUDIES.sorts[name], sort.startswith("-"), after), limit + 1, most)
    return Page(
        _rows(scope, keys[:limit]),
        keys[limit - 1] if len(keys) > limit else None,
        *known(hits, after, len(keys), limit),
    )


def count_studies(scope: Scope, query: Query, filters: Filters, limit: int = LIMIT) -> Hits:
    """Return how many studies there are, up to `limit`."""
    return _plan(scope, query, filters).count(limit)


def _plan(scope: Scope, query: Query, filters: Filters) -> Plan:
    return Plan(STUDIES, demands(STUDIES, scope, query, filters), LIVE)


_COLUMNS = """s.id, s.study_instance_uid, s.study_date, s.study_time, s.date_sort, s.modalities, s.study_description,
    s.accession_number, s.series_count, s.instance_count, s.referring_physician_name, s.institution_name,
    s.finding_count, s.received"""
_PATIENT_COLUMNS = """p.id, p.patient_id, p.issuer_of_patient_id, p.name_display, p.name_others,
    p.patient_birth_date, p.patient_sex"""


def _rows(scope: Scope, keys: list[int]) -> list[StudyRow]:
    """Return the rows of these keys, in their order; holders of the same UID are counted in scope only."""
    if not keys:
        return []
    other = visible(scope)
    holders = other._replace(text=other.text.replace("s.", "o."))
    text = f"""SELECT {_COLUMNS},
        (SELECT count(*) FROM archive_study o WHERE o.study_instance_uid = s.study_instance_uid AND {{}}),
        {_PATIENT_COLUMNS}
        FROM archive_study s JOIN archive_patient p ON p.id = s.patient_id WHERE {{}}"""
    found = {row[0]: StudyRow._make(row) for row in rows(fill(text, holders, one_of("s.id", keys)))}
    listed = [found[key] for key in keys if key in found]
    if scope.everything:
        return listed
    findings = count_open("study", keys, scope)
    return [row._replace(finding_count=findings.get(row.id, 0)) for row in listed]


def find_studies_of(scope: Scope, patient: int, limit: int) -> list[StudyRow]:
    """Return the newest live studies in scope of one patient."""
    text = f"""SELECT s.id FROM archive_study s WHERE s.patient_id = ? AND {{}}
        ORDER BY s.date_sort DESC, s.id DESC LIMIT {int(limit)}"""
    inside = visible(scope)
    keys = rows(Sql(text.format(inside.text), (patient, *inside.params)))
    return _rows(scope, [row[0] for row in keys])
