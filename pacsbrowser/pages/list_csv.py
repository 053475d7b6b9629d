"""A list as CSV: all rows of the search, streamed, in columns named by DICOM's keywords."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from django.http import StreamingHttpResponse
from django.utils import timezone

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.search import Page, PatientRow, StudyRow, find_patients, find_studies
from pacsbrowser.pages.list_state import ListState

Row = TypeVar("Row")
BATCH = 1_000

PATIENT_COLUMNS: Sequence[tuple[str, Callable[[PatientRow], object]]] = (
    ("PatientName", lambda row: row.patient_name),
    ("PatientID", lambda row: row.patient_id),
    ("IssuerOfPatientID", lambda row: row.issuer_of_patient_id),
    ("LastStudyDate", lambda row: row.last_study[:8]),
    ("LastStudyInstanceUID", lambda row: row.last_study_uid),
    ("PatientBirthDate", lambda row: row.patient_birth_date),
    ("PatientSex", lambda row: row.patient_sex),
    ("NumberOfStudies", lambda row: row.study_count),
    ("Modalities", lambda row: row.modalities),
)
STUDY_COLUMNS: Sequence[tuple[str, Callable[[StudyRow], object]]] = (
    ("StudyDate", lambda row: row.study_date),
    ("StudyTime", lambda row: row.study_time),
    ("PatientName", lambda row: row.name_display),
    ("PatientID", lambda row: row.patient_id),
    ("IssuerOfPatientID", lambda row: row.issuer_of_patient_id),
    ("PatientBirthDate", lambda row: row.patient_birth_date),
    ("PatientSex", lambda row: row.patient_sex),
    ("ModalitiesInStudy", lambda row: row.modalities),
    ("StudyDescription", lambda row: row.study_description),
    ("AccessionNumber", lambda row: row.accession_number),
    ("NumberOfStudyRelatedSeries", lambda row: row.series_count),
    ("NumberOfStudyRelatedInstances", lambda row: row.instance_count),
    ("ReferringPhysicianName", lambda row: row.referring_physician_name),
    ("InstitutionName", lambda row: row.institution_name),
    ("StudyInstanceUID", lambda row: row.study_instance_uid),
)


def patients_csv(scope: Scope, state: ListState) -> StreamingHttpResponse:
    """Return the list of patients as a file."""
    find = lambda after: find_patients(scope, state.query, state.filters, state.sort, after, BATCH)  # noqa: E731
    return _answer("patients", _lines(PATIENT_COLUMNS, find))


def studies_csv(scope: Scope, state: ListState) -> StreamingHttpResponse:
    """Return the list of studies as a file."""
    find = lambda after: find_studies(scope, state.query, state.filters, state.sort, after, BATCH)  # noqa: E731
    return _answer("studies", _lines(STUDY_COLUMNS, find))


def defuse(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula: DICOM strings come from strangers."""
    if isinstance(value, str) and value.lstrip(" ").startswith(
        ("=", "+", "-", "@", "\t", "\r", "\n", "|", "＝", "＋", "－", "＠")
    ):
        return f"'{value}"
    return value


def _lines(
    columns: Sequence[tuple[str, Callable[[Row], object]]], find: Callable[[int | None], Page[Row]]
) -> Iterator[bytes]:
    yield b"\xef\xbb\xbf"
    yield _line([name for name, _ in columns])
    after: int | None = None
    while True:
        found = find(after)
        yield b"".join(_line([defuse(value(row)) for _, value in columns]) for row in found.rows)
        after = found.after
        if after is None:
            return


def _line(cells: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode("utf-8", "replace")


def _answer(name: str, lines: Iterator[bytes]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    stamp = f"{timezone.localtime():%Y-%m-%d-%H%M}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{stamp}.csv"'
    response.headers["Cache-Control"] = "private, no-store"
    return response
