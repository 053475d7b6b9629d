"""Finding patients, studies and UIDs: the one box, filters, lists in pages, and the search keys of the protocols."""

from pacsbrowser.archive.search.arrivals import MOST as MOST_STUDIES
from pacsbrowser.archive.search.arrivals import Arrival, count_arrived_since, find_arrivals
from pacsbrowser.archive.search.filters import Filters
from pacsbrowser.archive.search.keys import KEYS, SearchKey
from pacsbrowser.archive.search.levels import level_of
from pacsbrowser.archive.search.modalities import find_modalities
from pacsbrowser.archive.search.objects import (
    MOST_RESULTS,
    ObjectRow,
    Search,
    Wanted,
    count_objects,
    find_keys,
    find_objects,
    read_objects,
)
from pacsbrowser.archive.search.patients import count_patients, find_patients
from pacsbrowser.archive.search.persons import find_words
from pacsbrowser.archive.search.plan import FEW, LIMIT, PATIENTS, STUDIES, Hits
from pacsbrowser.archive.search.query import Kind, Query, Term, parse_query
from pacsbrowser.archive.search.results import Page, PatientRow, StudyRow
from pacsbrowser.archive.search.returned import ABOVE, RETURNED, columns_of
from pacsbrowser.archive.search.studies import count_studies, find_studies, find_studies_of
from pacsbrowser.archive.search.uids import (
    Holder,
    find_frame_of_reference,
    find_holders,
    find_partial,
    find_references,
)

__all__ = [
    "ABOVE",
    "FEW",
    "KEYS",
    "LIMIT",
    "MOST_RESULTS",
    "MOST_STUDIES",
    "PATIENTS",
    "RETURNED",
    "STUDIES",
    "Arrival",
    "Filters",
    "Hits",
    "Holder",
    "Kind",
    "ObjectRow",
    "Page",
    "PatientRow",
    "Query",
    "Search",
    "SearchKey",
    "StudyRow",
    "Term",
    "Wanted",
    "columns_of",
    "count_arrived_since",
    "count_objects",
    "count_patients",
    "count_studies",
    "find_arrivals",
    "find_frame_of_reference",
    "find_holders",
    "find_keys",
    "find_modalities",
    "find_objects",
    "find_partial",
    "find_patients",
    "find_references",
    "find_studies",
    "find_studies_of",
    "find_words",
    "level_of",
    "parse_query",
    "read_objects",
]
