"""What one and the same study must fulfil: it is live, in the viewer's scope, and passes every study filter."""

from collections.abc import Iterable
from dataclasses import dataclass

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.search import trigram
from pacsbrowser.archive.search.filters import Filters
from pacsbrowser.archive.search.persons import pattern_condition
from pacsbrowser.archive.search.query import Kind, Query, Term, longest_literal
from pacsbrowser.archive.search.sql import (
    LAST,
    TRUE,
    Sql,
    all_of,
    any_of,
    contains,
    equals,
    fill,
    one_of,
    prefix,
    union,
)
from pacsbrowser.dicom.matching import fold

LIVE = Sql("s.instance_count > 0")
# The same for a key: studies without live instances are few, and an index of their own has them (migration 0002).
_SHOWN = "id NOT IN (SELECT id FROM archive_study WHERE instance_count = 0)"


@dataclass(frozen=True, slots=True)
class Part:
    """One demand: a condition on the row of a study (s), and a SELECT of such studies' keys (id) from an index.

    The part with the lowest `rank` is expected to leave the fewest. `whole` is the condition in parts, whose
    column an index has beside the patient, so that patients are found without reading studies. `bound` limits a walk
    by study date, and `since` is its lower end.
    """

    on: Sql
    select: Sql
    rank: int
    whole: tuple[Sql, ...] = ()
    bound: Sql | None = None
    since: str = ""


@dataclass(frozen=True, slots=True)
class SameStudy:
    """All demands on one study."""

    parts: tuple[Part, ...]
    visible: Sql
    is_unlimited: bool

    @property
    def is_open(self) -> bool:
        """Whether every live study fulfils them."""
        return not self.parts

    @property
    def on(self) -> Sql:
        """The condition on s."""
        return all_of([self.visible, *(part.on for part in self.parts)])

    def select(self, column: str) -> Sql:
        """Return the SELECT of `column` (s.id or s.patient_id) of all such studies, from the most telling demand.

        A lone demand is answered from indexes, without reading the studies themselves, as far as that goes.
        """
        driver = min(self.parts, key=lambda part: part.rank)
        if len(self.parts) == 1 and self.is_unlimited:
            if column == "s.id":
                return driver.select
            if driver.whole:
                whole = f"SELECT s.patient_id AS id FROM archive_study s WHERE {{}} AND s.{_SHOWN}"
                return union([fill(whole, part) for part in driver.whole])
            text = "SELECT s.patient_id AS id FROM ({}) d JOIN archive_study s INDEXED BY study_patient ON s.id = d.id"
            return fill(f"{text} WHERE s.{_SHOWN}", driver.select)
        others = all_of([self.visible, *(part.on for part in self.parts if part is not driver)])
        table = f"SELECT {column} AS id FROM ({{}}) d JOIN archive_study s ON s.id = d.id WHERE {{}}"
        return fill(table, driver.select, others)

    def near(self, column: str) -> Sql | None:
        """Return the SELECT of the studies that fulfil the most telling demand, if others are to be looked up."""
        if len(self.parts) == 1 and self.is_unlimited:
            return None
        select = min(self.parts, key=lambda part: part.rank).select
        if column == "s.id":
            return select
        text = "SELECT s.patient_id AS id FROM ({}) d JOIN archive_study s INDEXED BY study_patient ON s.id = d.id"
        return fill(text, select)

    @property
    def since(self) -> str:
        """The day before which no such study is."""
        return max((part.since for part in self.parts), default="")

    @property
    def between(self) -> Sql | None:
        """What limits a walk along the study date, as a condition on s."""
        return next((part.bound for part in self.parts if part.bound), None)

    def exists(self) -> Sql:
        """Return the condition on p that the patient has such a study."""
        return fill("EXISTS (SELECT 1 FROM archive_study s WHERE s.patient_id = p.id AND {})", self.on)


def visible(scope: Scope) -> Sql:
    """Return the condition that s is live and in scope; written so that it never takes the lead from another index."""
    if scope.everything:
        return LIVE
    return all_of([LIVE, one_of("s.institution_name || ''", sorted(scope.institutions))])


def same_study(scope: Scope, query: Query, filters: Filters) -> SameStudy:
    """Return the demands of scope, box and filters on one study."""
    parts = [*_dates(query, filters), *_modalities(query, filters), *_accessions(query, filters)]
    parts += _description(fold(filters.description).split())
    parts += [_uid(term.texts[0]) for term in query.of(Kind.UID)]
    if not scope.everything:
        inside = one_of("institution_name", sorted(scope.institutions))
        parts.append(Part(TRUE, fill("SELECT id FROM archive_study WHERE {}", inside), 9))
    return SameStudy(tuple(parts), visible(scope), scope.everything)


def modalities_of(query: Query, filters: Filters) -> tuple[str, ...]:
    """Return the modalities of which a study must have one, if only one demand is made on its modalities."""
    wanted = _wanted_modalities(query, filters)
    return wanted[0] if len(wanted) == 1 else ()


def _wanted_modalities(query: Query, filters: Filters) -> list[tuple[str, ...]]:
    return [term.texts for term in query.of(Kind.MODALITY)] + ([filters.modalities] if filters.modalities else [])


def accession_condition(column: str, term: Term) -> Sql:
    """Return the condition on an accession number: any part of three characters and more, else its beginning."""
    return any_of(_one_accession(column, text, term.is_pattern) for text in term.texts)


def _one_accession(column: str, text: str, is_pattern: bool) -> Sql:
    if is_pattern:
        return pattern_condition(column, text)
    return contains(column, text) if len(text) >= trigram.SHORTEST else prefix(column, text)


def _dates(query: Query, filters: Filters) -> Iterable[Part]:
    spans = [(term.first, term.last, False) for term in query.of(Kind.DATE)]
    if filters.has_date:
        spans.append((filters.first, filters.last, filters.undated))
    for first, last, undated in spans:
        low, high = first or "0", (last or "9") + LAST
        condition = Sql("(s.date_sort >= ? AND s.date_sort < ?)", (low, high))
        select = Sql("SELECT s.id FROM archive_study s WHERE s.date_sort >= ? AND s.date_sort < ?", (low, high))
        whole: tuple[Sql, ...] = (condition,)
        if undated:
            whole = (condition, equals("s.date_sort", ""))
            condition = any_of(whole)
            select = fill("{} UNION ALL SELECT s.id FROM archive_study s WHERE s.date_sort = ''", select)
        # studies without a date sort below all others: only the upper end limits a walk that is to meet them
        bound = Sql("s.date_sort < ?", (high,)) if undated else condition
        yield Part(condition, select, 4, whole=whole, bound=bound, since="" if undated else first)


def _modalities(query: Query, filters: Filters) -> Iterable[Part]:
    for names in _wanted_modalities(query, filters):
        match = one_of("m.modality", names)
        # a computed value, so that the few modalities of the study are looked up and not all studies of the modality
        own = one_of("m.modality || ''", names)
        on = fill("EXISTS (SELECT 1 FROM archive_studymodality m WHERE m.study_id = s.id AND {})", own)
        dates, between = filters.has_date and not filters.undated, Sql("")
        if dates:
            low, high = filters.first or "0", (filters.last or "9") + LAST
            between = Sql(" AND m.date_sort >= ? AND m.date_sort < ?", (low, high))
        select = fill("SELECT m.study_id AS id FROM archive_studymodality m WHERE {}{}", match, between)
        yield Part(on, select, 3 if dates else 6)


def _accessions(query: Query, filters: Filters) -> Iterable[Part]:
    terms = list(query.of(Kind.ACCESSION))
    text = fold(filters.accession)
    if text.strip("*"):
        terms.append(Term(Kind.ACCESSION, filters.accession, (text,), any(letter in text for letter in "*?")))
    for term in terms:
        on = accession_condition("s.accession_search", term)
        text = longest_literal(term.texts[0]) if term.is_pattern else term.texts[0]
        if len(text) >= trigram.SHORTEST:
            select = trigram.study_ids((text,) if term.is_pattern else term.texts, "accession_search")
        else:
            own = accession_condition("accession_search", term)
            select = fill("SELECT id FROM archive_study WHERE {}", own)
        yield Part(on, select, 1)


def _description(words: list[str]) -> Iterable[Part]:
    """Words of three characters and more are found anywhere; a shorter one where the description begins with it."""
    column = "description_search"
    long = tuple(word for word in words if len(word) >= trigram.SHORTEST)
    if long:
        yield Part(all_of(contains(f"s.{column}", word) for word in long), trigram.study_ids(long, column, "AND"), 5)
    for word in words:
        if len(word) < trigram.SHORTEST:
            select = fill("SELECT id FROM archive_study WHERE {}", prefix(column, word))
            yield Part(prefix(f"s.{column}", word), select, 5)


def _uid(uid: str) -> Part:
    """A UID among words: the study's own or one of its series'; also their beginnings and ends."""
    backwards = uid[::-1]
    series = any_of([prefix("e.series_instance_uid", uid), prefix("e.uid_reversed", backwards)])
    on = any_of([
        prefix("s.study_instance_uid", uid),
        prefix("s.uid_reversed", backwards),
        fill("EXISTS (SELECT 1 FROM archive_series e WHERE e.study_id = s.id AND {})", series),
    ])  # fmt: skip
    select = union([
        fill("SELECT id FROM archive_study WHERE {}", prefix("study_instance_uid", uid)),
        fill("SELECT id FROM archive_study WHERE {}", prefix("uid_reversed", backwards)),
        fill("SELECT study_id AS id FROM archive_series WHERE {}", prefix("series_instance_uid", uid)),
        fill("SELECT study_id AS id FROM archive_series WHERE {}", prefix("uid_reversed", backwards)),
    ])  # fmt: skip
    return Part(on, select, 0)
