"""From the box, the filters and the viewer's scope to the demands on the rows of a list."""

from collections.abc import Callable, Iterable

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.search.filters import Filters
from pacsbrowser.archive.search.modalities import find_combinations
from pacsbrowser.archive.search.persons import on_person, on_phrase, person_selects, phrase_select
from pacsbrowser.archive.search.plan import PATIENTS, Demand, Level
from pacsbrowser.archive.search.query import Kind, Query, Term
from pacsbrowser.archive.search.same_study import SameStudy, modalities_of, same_study, visible
from pacsbrowser.archive.search.sql import (
    FALSE,
    LAST,
    Sql,
    all_of,
    any_of,
    equals,
    fill,
    intersect,
    one_of,
    prefix,
    union,
)
from pacsbrowser.dicom.matching import fold

# So many digits may be the end of a UID.
UID_END = 8


def demands(level: Level, scope: Scope, query: Query, filters: Filters) -> list[Demand]:
    """Return everything that a row of the list must fulfil, besides being live."""
    study = same_study(scope, query, filters)
    found = [*_words(level, scope, query), *_birth_dates(level, query)]
    leads = not any(demand.select for demand in found)
    by_patient = _patient_filters(level, filters)
    if not leads or not study.is_open:
        by_patient = [Demand(demand.on) for demand in by_patient]
    found += by_patient
    if query.of(Kind.UNREADABLE):
        found.append(Demand(FALSE, Sql("SELECT id FROM archive_patient WHERE 1 = 0")))
    if not study.is_open:
        modalities = modalities_of(query, filters) if scope.everything else ()
        found.append(_same_study(level, study, leads, modalities))
    return found


def _same_study(level: Level, study: SameStudy, leads: bool, modalities: tuple[str, ...]) -> Demand:
    """The study filters lead only where no word does: a word nearly always leaves fewer."""
    if level is not PATIENTS:
        bounds = {"date_sort": study.between} if study.between else {}
        return Demand(study.on, study.select("s.id") if leads else None, bounds, study.near("s.id") if leads else None)
    if modalities and len(study.parts) == 1 and (combinations := find_combinations(modalities)):
        # What the patient's own row says of all its studies answers a lone modality at a fifth of the cost.
        select = fill("SELECT id FROM archive_patient WHERE {}", one_of("modalities", combinations))
        return Demand(one_of("p.modalities || ''", combinations), select if leads else None)
    column = "s.patient_id"
    # who has a study of a day or later has the last one then or later; a limited scope does not sort by that column
    bounds = {"last_study": Sql("p.last_study >= ?", (study.since,))} if study.since else {}
    return Demand(
        study.exists(), study.select(column) if leads else None, bounds, study.near(column) if leads else None
    )


def _words(level: Level, scope: Scope, query: Query) -> list[Demand]:
    """Each word must match; several words may also be one ID with spaces in it."""
    terms = query.of(Kind.WORD, Kind.NAME, Kind.ID)
    found = [_word(level, scope, term) for term in terms]
    plain = [term for term in terms if term.kind is Kind.WORD and not term.is_pattern]
    phrase = fold(" ".join(term.typed for term in plain))
    if len(plain) < 2 or len(plain) < len(terms) or not any(letter.isdigit() for letter in phrase):
        return found
    selects = [demand.select for demand in found if demand.select]
    together = Demand(
        any_of([all_of(demand.on for demand in found), on_phrase(phrase)]),
        union([intersect(selects), *_of_patients(level, [phrase_select(phrase)])]),
    )
    return [together]


def _word(level: Level, scope: Scope, term: Term) -> Demand:
    conditions = list(_study_conditions(term))
    return Demand(
        any_of([on_person(term), *_on_studies(level, scope, conditions)]),
        union([*_of_patients(level, person_selects(term)), *_of_studies(level, scope, conditions)]),
    )


def _of_patients(level: Level, selects: list[Sql]) -> list[Sql]:
    """Turn SELECTs of patients into SELECTs of the list's keys."""
    if level is PATIENTS:
        return selects
    return [
        fill("SELECT s.id AS id FROM ({}) who JOIN archive_study s ON s.patient_id = who.id", select)
        for select in selects
    ]


Condition = Callable[[str], Sql]


def _study_conditions(term: Term) -> Iterable[Condition]:
    """Yield what a plain word may mean besides name and ID: an accession number, a day, the end of a UID.

    The beginning of an accession number needs a digit and three characters, or "m" would find all that begin with M;
    letters of one or two are not looked for there at all.
    """
    if term.kind is not Kind.WORD or term.is_pattern:
        return
    text = term.texts[0]
    has_digit = any(letter.isdigit() for letter in text)
    if has_digit and len(text) >= 3:
        yield lambda letter: prefix(f"{letter}accession_search", text)
    elif has_digit or len(text) >= 3:
        yield lambda letter: equals(f"{letter}accession_search", text)
    if term.first:
        yield lambda letter: Sql(f"({letter}date_sort >= ? AND {letter}date_sort < ?)", (term.first, term.last + LAST))
    if len(text) >= UID_END and set(text) <= set("0123456789."):
        yield lambda letter: prefix(f"{letter}uid_reversed", text[::-1])


def _on_studies(level: Level, scope: Scope, conditions: list[Condition]) -> list[Sql]:
    """Return the conditions on the row; a patient needs a study that the viewer may see."""
    if not conditions:
        return []
    either = any_of(condition("s.") for condition in conditions)
    if level is not PATIENTS:
        return [either]
    own = all_of([visible(scope), either])
    return [fill("EXISTS (SELECT 1 FROM archive_study s WHERE s.patient_id = p.id AND {})", own)]


def _of_studies(level: Level, scope: Scope, conditions: list[Condition]) -> list[Sql]:
    column = "s.patient_id" if level is PATIENTS else "s.id"
    return [
        fill(f"SELECT {column} AS id FROM archive_study s WHERE {{}} AND {{}}", condition("s."), visible(scope))
        for condition in conditions
    ]


def _birth_dates(level: Level, query: Query) -> list[Demand]:
    found = []
    for term in query.of(Kind.BORN):
        bounds = (term.first, term.last + LAST)
        on = Sql("(p.patient_birth_date >= ? AND p.patient_birth_date < ?)", bounds)
        select = Sql("SELECT id FROM archive_patient WHERE patient_birth_date >= ? AND patient_birth_date < ?", bounds)
        found.append(Demand(on, union(_of_patients(level, [select]))))
    return found


def _patient_filters(level: Level, filters: Filters) -> list[Demand]:
    """Sex leads in the list of patients only: half of all studies are no help.

    The conditions on the row are written so that no index on them is taken for the one of the sort column.
    """
    found = []
    wanted = []
    if filters.sex:
        wanted.append(("patient_sex", "" if filters.sex == "none" else filters.sex))
    if filters.unidentified:
        wanted.append(("patient_id", ""))
    for column, text in wanted:
        on = Sql(f"p.{column} || '' = ?", (text,))
        select = fill("SELECT id FROM archive_patient WHERE {}", equals(column, text))
        found.append(Demand(on, union(_of_patients(level, [select]))))
    return found
