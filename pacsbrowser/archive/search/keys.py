"""The search keys of the protocols (QIDO-RS, C-FIND), by level: which attributes may be asked for, and how they match.

A whitelist, declared once (PS3.4 C.6.2.1, PS3.18 10.6.1.2). Tables go by one letter: p patient, s study, e series,
i instance.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pacsbrowser.archive.models import Level
from pacsbrowser.archive.search.persons import pattern_condition
from pacsbrowser.archive.search.query import literal_prefix
from pacsbrowser.archive.search.sql import (
    FALSE,
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
)
from pacsbrowser.dicom.matching import (
    Edges,
    Empty,
    Exact,
    Match,
    Range,
    UIDList,
    Universal,
    Wildcard,
    fold,
    fold_words,
)
from pacsbrowser.dicom.values import parse_integer


@dataclass(frozen=True, slots=True)
class SearchKey:
    """An attribute that can be asked for: its VR, and the column that is compared.

    `folded`: the column holds text without case and accents, as names and descriptions are compared (PS3.4 C.2.2.2.1).
    `others`: the column with the further groups of a name. `number`: the column with the parsed value of an IS.
    `date`: of a time, the column of the date that it makes a pair with.
    `grams`: table and column of the trigram index. `leads`: an index has the column, so that a search can start there.
    """

    keyword: str
    vr: str
    column: str
    folded: bool = False
    others: str = ""
    number: str = ""
    date: str = ""
    grams: tuple[str, str] | None = None
    leads: bool = False


_KEYS: Mapping[Level, tuple[SearchKey, ...]] = {
    Level.PATIENT: (
        SearchKey("PatientName", "PN", "p.name_sort", folded=True, others="p.name_others", leads=True),
        SearchKey("PatientID", "LO", "p.patient_id", grams=("patient", "id_search"), leads=True),
        SearchKey("IssuerOfPatientID", "LO", "p.issuer_of_patient_id"),
        SearchKey("PatientBirthDate", "DA", "p.patient_birth_date", leads=True),
        SearchKey("PatientSex", "CS", "p.patient_sex"),
    ),
    Level.STUDY: (
        SearchKey("StudyInstanceUID", "UI", "s.study_instance_uid", leads=True),
        SearchKey("StudyDate", "DA", "s.date_sort", leads=True),
        SearchKey("StudyTime", "TM", "s.study_time", date="s.date_sort"),
        SearchKey(
            "AccessionNumber", "SH", "s.accession_search", folded=True, grams=("study", "accession_search"), leads=True
        ),
        SearchKey("StudyID", "SH", "s.study_id"),
        SearchKey(
            "StudyDescription",
            "LO",
            "s.description_search",
            folded=True,
            grams=("study", "description_search"),
            leads=True,
        ),
        SearchKey("ReferringPhysicianName", "PN", "s.referring_sort", folded=True, leads=True),
        SearchKey("InstitutionName", "LO", "s.institution_sort", folded=True, leads=True),
        SearchKey("ModalitiesInStudy", "CS", "m.modality", leads=True),
    ),
    Level.SERIES: (
        SearchKey("SeriesInstanceUID", "UI", "e.series_instance_uid", leads=True),
        SearchKey("Modality", "CS", "e.modality"),
        SearchKey("SeriesNumber", "IS", "e.series_number", number="e.series_number_value"),
        SearchKey("SeriesDescription", "LO", "e.series_description"),
        SearchKey("SeriesDate", "DA", "e.series_date"),
        SearchKey("SeriesTime", "TM", "e.series_time", date="e.series_date"),
        SearchKey("BodyPartExamined", "CS", "e.body_part_examined"),
        SearchKey("Laterality", "CS", "e.laterality"),
        SearchKey("ProtocolName", "LO", "e.protocol_name"),
        SearchKey("Manufacturer", "LO", "e.manufacturer"),
        SearchKey("ManufacturerModelName", "LO", "e.manufacturer_model_name"),
        SearchKey("StationName", "SH", "e.station_name"),
        SearchKey("FrameOfReferenceUID", "UI", "e.frame_of_reference_uid", leads=True),
        SearchKey("PerformedProcedureStepStartDate", "DA", "e.performed_procedure_step_start_date"),
        SearchKey(
            "PerformedProcedureStepStartTime",
            "TM",
            "e.performed_procedure_step_start_time",
            date="e.performed_procedure_step_start_date",
        ),
    ),
    Level.INSTANCE: (
        SearchKey("SOPInstanceUID", "UI", "i.sop_instance_uid", leads=True),
        SearchKey("SOPClassUID", "UI", "i.sop_class_uid"),
        SearchKey("InstanceNumber", "IS", "i.instance_number", number="i.instance_number_value"),
    ),
}
KEYS: Mapping[Level, Mapping[str, SearchKey]] = {
    level: {key.keyword: key for key in keys} for level, keys in _KEYS.items()
}
_MODALITY = "EXISTS (SELECT 1 FROM archive_studymodality m WHERE m.study_id = s.id AND {})"
_WORD = "EXISTS (SELECT 1 FROM archive_nameword w WHERE w.patient_id = p.id AND {})"
# A spelling that may stand for a German umlaut, which names are folded without.
_DIGRAPH = re.compile("[aou]e")


def condition(key: SearchKey, match: Match, fuzzy: bool = False) -> Sql:
    """Return the condition that an attribute matches (PS3.4 C.2.2.2); with `fuzzy`, a name by its words."""
    own = on_column(key, match, fuzzy)
    if own in (TRUE, FALSE):
        return own
    return fill(_MODALITY, own) if key.column.startswith("m.") else own


def on_column(key: SearchKey, match: Match, fuzzy: bool = False) -> Sql:
    """Return the condition on the key's own table."""
    if isinstance(match, Universal):
        return TRUE
    if isinstance(match, Empty):
        return equals(key.column, "")
    if isinstance(match, UIDList) and key.vr != "UI":
        return any_of(on_column(key, Exact(value), fuzzy) for value in match.uids)
    if key.vr == "PN":
        return _fuzzy_name(key, match) if fuzzy else _name(key, match)
    if key.vr in ("DA", "TM"):
        return _moment(key, match)
    return _text(key, match)


def _text(key: SearchKey, match: Match) -> Sql:
    if isinstance(match, UIDList):
        return one_of(key.column, match.uids)
    if isinstance(match, Exact):
        number = parse_integer(match.value) if key.number else None
        if number is not None:
            return equals(key.number, number)
        return equals(key.column, fold(match.value) if key.folded else match.value)
    if not isinstance(match, Wildcard):
        return FALSE
    return pattern_condition(key.column, fold(match.pattern)) if key.folded else _glob(key.column, match.pattern)


def _glob(column: str, pattern: str) -> Sql:
    """Return the condition that a whole column matches * and ?, with regard to case."""
    like = Sql(f"{column} GLOB ?", (pattern.replace("[", "[[]"),))
    start = literal_prefix(pattern)
    return all_of([prefix(column, start), like]) if start else like


def _moment(key: SearchKey, match: Match) -> Sql:
    """Return the condition on a date or time; both are compared as digits, times with all six."""
    column = key.column
    if key.vr == "TM":
        # Four digits or two mean the beginning of the minute or hour; what is no time at all is sorted out by parsing.
        column = f"substr(replace({column}, ':', '') || '000000', 1, 6)"
    if isinstance(match, Edges):
        return _edges(key, column, match)
    if isinstance(match, Range):
        within = Sql(f"({column} >= ? AND {column} < ?)", (match.first or "0", (match.last or "9") + LAST))
    elif isinstance(match, Exact):
        within = prefix(column, match.value)
    else:
        return FALSE
    return all_of([Sql(f"{key.column} <> ''"), within]) if key.vr == "TM" else within


def _edges(key: SearchKey, column: str, match: Edges) -> Sql:
    """Return the condition on the time of a pair; a time that is not known fits inside, not on the days at the ends."""
    parts = []
    if match.first:
        text = f"({key.date} > ? OR ({key.column} <> '' AND {column} >= ?))"
        parts.append(Sql(text, (match.first_date + LAST, match.first)))
    if match.last:
        text = f"({key.date} < ? OR ({key.column} <> '' AND {column} < ?))"
        parts.append(Sql(text, (match.last_date, match.last + LAST)))
    return all_of(parts)


def _name(key: SearchKey, match: Match) -> Sql:
    """Return the condition on a person name; each group that is given has to match one of its groups.

    A name that breaks off is continued by anything at a component's end: DOE finds DOE^JANE, and not DOERING.
    """
    if not isinstance(match, Exact | Wildcard):
        return FALSE
    text = match.value if isinstance(match, Exact) else match.pattern
    groups = [group for group in text.split("=") if group.strip("* ^")]
    return all_of(_group(key, group) for group in groups)


def _group(key: SearchKey, group: str) -> Sql:
    folded = fold(group)
    if "*" not in folded and "?" not in folded:
        parts = [equals(key.column, folded), prefix(key.column, f"{folded} ")]
    else:
        parts = [pattern_condition(key.column, folded)]
        if not folded.endswith("*"):
            parts.append(pattern_condition(key.column, f"{folded} *"))
        elif folded.endswith(" *"):
            parts.append(pattern_condition(key.column, folded[:-2]))
    if key.others:
        # As they are kept for showing: "family, given · family, given"
        shown = group.replace("^", ", ", 1).replace("^", " ").strip(" ,")
        text = f"' · ' || {key.others} || ' · '"
        parts += [Sql(f"{text} LIKE ? ESCAPE '\\'", (f"% · {Wildcard(shown).like()}{end}%",)) for end in (" ·", ", ")]
        parts += _by_digraph(folded)
    return any_of(parts)


def _by_digraph(folded: str) -> list[Sql]:
    """A name that is written with ae, oe, ue finds its umlauts by the words that a name is indexed by."""
    words = name_words(folded)
    if not _DIGRAPH.search(folded) or len(words) < len(folded.split()):
        return []
    return [all_of(fill(_WORD, word) for word in words)]


def name_words(folded: str) -> list[Sql]:
    """Return what the words of a folded pattern demand of an index of words (`word`); none for *mith and the like."""
    found = []
    for token in folded.split():
        start = literal_prefix(token)
        if start == token:
            found.append(equals("word", token))
        elif start:
            found.append(prefix("word", start))
    return found


def _fuzzy_name(key: SearchKey, match: Match) -> Sql:
    """Return the condition that every word begins a word of the name, in any order and any of its groups."""
    words = fuzzy_words(match)
    if key.others:
        return all_of(fill(_WORD, prefix("w.word", word)) for word in words)
    return all_of(contains(f"' ' || {key.column}", f" {word}") for word in words)


def fuzzy_words(match: Match) -> tuple[str, ...]:
    """Return the words of a name that is looked for without regard to order."""
    text = match.value if isinstance(match, Exact) else match.pattern if isinstance(match, Wildcard) else ""
    return fold_words(re.sub(r"[*?]", " ", text))
