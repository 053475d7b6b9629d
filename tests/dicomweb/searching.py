"""What the tests of searches share: who asks, studies to be found, and which were."""

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.datasets import ingest_datasets, make_series
from tests.dicomweb.tools import Api, person, value

STUDY_UID, SERIES_UID, SOP_UID = "0020000D", "0020000E", "00080018"


@pytest.fixture
def api() -> Api:
    """A program that may read."""
    return Api(person())


def study(number: int, **attributes: Any) -> bytes:
    """A study of one instance."""
    return make_series(1, study=number, **{"PatientID": f"P{number}", **attributes})[0]


def found(api: Api, path: str = "studies", **parameters: Any) -> set[int]:
    """The numbers of the studies that are found."""
    return {int(value(one, STUDY_UID).rpartition(".")[2]) for one in api.query(path, **parameters)}


@pytest.fixture
def people() -> None:
    """Six studies of six people."""
    ingest_datasets(
        study(1, PatientName="Doe^Jane", StudyDate="20240101", StudyTime="080000", AccessionNumber="ACC-1"),
        study(2, PatientName="DOERING^Jan", StudyDate="20240201", StudyTime="093000.5", AccessionNumber="acc-2"),
        study(3, PatientName="Müller^Hans^Peter", StudyDate="20240301", StudyTime="1015", StudyDescription="MR knee"),
        study(4, PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", StudyDate="20240401", Modality="MR"),
        study(5, PatientName="Wang^XiaoDong=王^小东", StudyDate="2024.05.01", ReferringPhysicianName="Great^Doc"),
        study(6, PatientName=None, StudyDate=None, StudyTime=None, AccessionNumber="A_1%", StudyID="x[1]"),
    )


def with_request(procedure: str, step: str) -> Sequence:
    """The request of a series."""
    item = Dataset()
    item.RequestedProcedureID, item.ScheduledProcedureStepID = procedure, step
    return Sequence([item])


@pytest.fixture
def requested() -> None:
    """Two series with requests, and one without."""
    ingest_datasets(
        *make_series(2, RequestAttributesSequence=with_request("R1", "S1"), SliceThickness=1.5, PatientComments="calm"),
        *make_series(1, series=2, RequestAttributesSequence=with_request("R2", "S2")),
        *make_series(1, series=3),
    )
