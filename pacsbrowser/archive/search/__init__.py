"""Finding patients, studies and UIDs: the one box, filters, lists in pages, and the search keys of the protocols."""

from pacsbrowser.archive.search.filters import Filters
from pacsbrowser.archive.search.patients import count_patients, find_patients
from pacsbrowser.archive.search.plan import LIMIT, PATIENTS, STUDIES
from pacsbrowser.archive.search.query import Kind, Query, Term, parse_query
from pacsbrowser.archive.search.results import Page, PatientRow, StudyRow
from pacsbrowser.archive.search.studies import count_studies, find_studies

__all__ = [
    "LIMIT",
    "PATIENTS",
    "STUDIES",
    "Filters",
    "Kind",
    "Page",
    "PatientRow",
    "Query",
    "StudyRow",
    "Term",
    "count_patients",
    "count_studies",
    "find_patients",
    "find_studies",
    "parse_query",
]
