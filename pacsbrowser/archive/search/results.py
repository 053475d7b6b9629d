"""A page of a list: its rows, the way on, and how many rows match in all."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """`after` is the key of the last row if there are more; `count` is exact, or the list is longer than that."""

    rows: list[Row]
    after: int | None
    count: int
    exact: bool


class PatientRow(NamedTuple):
    """A patient as listed; what is counted or derived comes from studies that the viewer may see."""

    id: int
    patient_id: str
    issuer_of_patient_id: str
    patient_name: str
    name_display: str
    name_others: str
    patient_birth_date: str
    patient_sex: str
    last_study: str
    modalities: str
    study_count: int
    finding_count: int
    last_study_row: int | None
    last_study_uid: str | None
    last_study_description: str | None
    last_study_raw_date: str | None
    last_study_received: str | None
    last_study_holders: int


class StudyRow(NamedTuple):
    """A study as listed, with its patient."""

    id: int
    study_instance_uid: str
    study_date: str
    study_time: str
    date_sort: str
    modalities: str
    study_description: str
    accession_number: str
    series_count: int
    instance_count: int
    referring_physician_name: str
    institution_name: str
    finding_count: int
    received: str
    holders: int
    patient: int
    patient_id: str
    issuer_of_patient_id: str
    name_display: str
    name_others: str
    patient_birth_date: str
    patient_sex: str
