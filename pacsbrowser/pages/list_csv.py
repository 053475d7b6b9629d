"""A list as CSV: all rows of the search, streamed, in columns named by DICOM's keywords."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from django.http import StreamingHttpResponse
from django.utils import timezone

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.search import Page, PatientRow, StudyRow, find_patients, find_studies
from pacsbrowser.pages.csv_files import send_csv
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
    return send_csv(_rows(PATIENT_COLUMNS, find), _name("patients"))


def studies_csv(scope: Scope, state: ListState) -> StreamingHttpResponse:
    """Return the list of studies as a file."""
    find = lambda after: find_studies(scope, state.query, state.filters, state.sort, after, BATCH)  # noqa: E731
    return send_csv(_rows(STUDY_COLUMNS, find), _name("studies"))


def _rows(
    columns: Sequence[tuple[str, Callable[[Row], object]]], find: Callable[[int | None], Page[Row]]
) -> Iterator[Iterable[object]]:
    yield [name for name, _ in columns]
    after: int | None = None
    while True:
        found = find(after)
        for row in found.rows:
            yield [value(row) for _, value in columns]
        after = found.after
        if after is None:
            return


def _name(what: str) -> str:
    return f"{what}-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
