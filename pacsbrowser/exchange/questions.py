"""What a person searches for at home, as questions to other nodes, which match more plainly (PS3.4 C.2.2.2).

A word may be a name, an ID or an accession number: each is a question of its own, and what meets one of them is found.
Nodes may compare names with regard to case, so a name is asked for in the ways that it may be written. What they find
by one word of a name is held against the others here.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from pacsbrowser.archive.search import Filters, Kind, Query, Term
from pacsbrowser.dicom.matching import fold
from pacsbrowser.exchange.remote_query import RemoteStudy

# More are asked of no node at once.
MOST_QUESTIONS = 12
_KEYS = {
    Kind.ID: "PatientID",
    Kind.ACCESSION: "AccessionNumber",
    Kind.UID: "StudyInstanceUID",
    Kind.MODALITY: "ModalitiesInStudy",
}
_ESCAPED = str.maketrans("", "", "\\*?")

Question = dict[str, str]


def questions_of(query: Query, filters: Filters) -> list[Question]:
    """Return the questions for a search, none where nothing is demanded."""
    common = dict(_common(filters))
    words = [term for term in query.terms if term.kind in (Kind.WORD, Kind.NAME)]
    demands: list[list[Question]] = []
    for term in query.terms:
        if term.kind in _KEYS:
            demands.append([{_KEYS[term.kind]: _value(term)}])
        elif term.kind is Kind.DATE and term.first:
            demands.append([{"StudyDate": _range(term.first, term.last)}])
        elif term.kind is Kind.BORN and term.first:
            demands.append([{"PatientBirthDate": _range(term.first, term.last)}])
    if words:
        demands.append(list(_of_words(words)))
    if not demands and not common:
        return []
    merged = [_merge(common, *parts) for parts in product(*demands)] if demands else [common]
    return [one for one in merged if one is not None][:MOST_QUESTIONS]


def answers_names(query: Query, study: RemoteStudy) -> bool:
    """Say whether a study that was found by one word of a name has the others as well."""
    words = [fold(_value(term)) for term in query.terms if term.kind is Kind.NAME or _is_name(term)]
    name = fold(study.values["PatientName"])
    numbers = {fold(study.values[key]) for key in ("PatientID", "AccessionNumber")}
    return all(word in name or word in numbers for word in words)


def _common(filters: Filters) -> Iterator[tuple[str, str]]:
    if filters.modalities:
        yield "ModalitiesInStudy", "\\".join(filters.modalities)
    if filters.has_date:
        yield "StudyDate", _range(filters.first, filters.last)
    if filters.sex and filters.sex != "none":
        yield "PatientSex", filters.sex
    if filters.description:
        yield "StudyDescription", f"*{filters.description.translate(_ESCAPED)}*"
    if filters.accession:
        yield "AccessionNumber", filters.accession.translate(_ESCAPED)


def _of_words(words: Sequence[Term]) -> Iterator[Question]:
    """Yield the readings of words that may be names or numbers: one word of the name is asked for, the longest."""
    numbers = [term for term in words if not _is_name(term) and term.kind is not Kind.NAME]
    names = [term for term in words if term not in numbers]
    asked = max((_value(term) for term in names), key=len, default="")
    patterns = (
        dict.fromkeys(f"*{form}*" for form in (asked, asked.upper(), asked.capitalize())) if asked else {"": None}
    )
    for pattern in patterns:
        name = {"PatientName": pattern} if pattern else {}
        if not numbers:
            yield name
        for key in ("PatientID", "AccessionNumber"):
            if numbers:
                yield {**name, key: _value(numbers[0])}
    if not numbers and len(names) == 1 and names[0].kind is Kind.WORD:
        yield from ({key: asked} for key in ("PatientID", "AccessionNumber"))


def _is_name(term: Term) -> bool:
    return term.kind is Kind.WORD and not any(sign.isdigit() for sign in term.typed)


def _value(term: Term) -> str:
    """Return what was typed: as a pattern where it is one, else without signs that would be wild."""
    text = term.value
    return text if term.is_pattern else text.translate(_ESCAPED)


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first}-{last}"


def _merge(*parts: Mapping[str, str]) -> Question | None:
    """Return questions as one; None where they demand two values of one attribute, which nothing can have."""
    merged: Question = {}
    for part in parts:
        for key, value in part.items():
            if merged.setdefault(key, value) != value:
                return None
    return merged
