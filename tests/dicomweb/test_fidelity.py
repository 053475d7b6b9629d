"""Every primary copy of the test data comes back: bit-exact as stored, element by element in Explicit VR."""

import io
from pathlib import Path

import pydicom
import pytest

from pacsbrowser.access.models import Role
from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.json_reader import read_json
from pacsbrowser.dicom.part10 import EXPLICIT_UID, open_data_set
from pacsbrowser.dicom.transfer_syntaxes import NATIVE, NOT_FOR_WEB
from tests.datasets import ingest_files
from tests.dicom.samples import wheel_files
from tests.dicomweb.parts import parts_of
from tests.dicomweb.tools import BASE, Api, person

# pydicom warns of what it does not know
pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore::UserWarning")]

ANY = 'multipart/related; type="application/dicom"; transfer-syntax=*'
DEFAULT = 'multipart/related; type="application/dicom"'


def address(instance: Instance) -> str:
    series = instance.series
    return (
        f"{BASE}/studies/{series.study.study_instance_uid}/series/{series.series_instance_uid}"
        f"/instances/{instance.sop_instance_uid}"
    )


def data_set(data: bytes) -> bytes:
    """Return the bytes of the data set of a file."""
    return data[open_data_set(io.BytesIO(data)).offset :]


def holders(instance: Instance) -> int:
    return Instance.objects.filter(
        sop_instance_uid=instance.sop_instance_uid,
        series__series_instance_uid=instance.series.series_instance_uid,
        series__study__study_instance_uid=instance.series.study.study_instance_uid,
    ).count()


def check_all(paths: list[Path]) -> int:
    """Take files in and fetch each primary copy in both forms; return how many there were."""
    ingest_files(paths)
    api = Api(person(Role.ADMINISTRATOR))
    rows = list(Instance.objects.live().select_related("blob", "series__study").order_by("pk"))
    for row in rows:
        stored = storage.blob_path(row.blob).read_bytes()
        found = [part.body for part in parts_of(api.get(address(row), headers={"Accept": ANY}))]
        assert len(found) == holders(row)
        if row.transfer_syntax_uid not in NOT_FOR_WEB:
            assert data_set(stored) in [data_set(body) for body in found], row.original_name
        else:
            assert model(stored) in [model(body) for body in found], row.original_name
        if row.transfer_syntax_uid in NATIVE:
            sent = parts_of(api.get(address(row), headers={"Accept": DEFAULT}))
            assert all(part.transfer_syntax == EXPLICIT_UID for part in sent)
            assert model(stored) in [model(part.body) for part in sent], row.original_name
            pydicom.dcmread(io.BytesIO(sent[0].body), stop_before_pixels=True)
    return len(rows)


def model(data: bytes) -> dict[str, object]:
    try:
        return read_json(io.BytesIO(data), str).model
    except DicomError:
        return {}


def test_files_of_the_wheel_come_back() -> None:
    assert check_all(wheel_files()) >= 40


def test_files_of_the_corpus_come_back(corpus: Path) -> None:
    files = sorted(
        path for path in (corpus / "dicom").rglob("*") if path.is_file() and path.suffix not in (".zip", ".gz")
    )
    assert check_all(files) > 400
