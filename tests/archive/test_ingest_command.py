"""`manage.py ingest`: files, folders and zips, what it prints and the status it ends with."""

import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from pacsbrowser.archive.models import Delivery, Instance
from tests.datasets import make_dataset, make_series

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two slices in a sub-folder, one more in a zip, and a text file beside them."""
    made = tmp_path / "From the CD"
    (made / "a").mkdir(parents=True)
    one, two, three = make_series(3)
    (made / "a" / "1.dcm").write_bytes(one)
    (made / "a" / "2").write_bytes(two)
    (made / "README.txt").write_text("not DICOM")
    with zipfile.ZipFile(made / "more.zip", "w") as archive:
        archive.writestr("3.dcm", three)
    return made


def test_a_folder_goes_in_whole_and_what_is_not_dicom_is_no_failure(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("ingest", str(folder))
    said = capsys.readouterr().out
    assert "4 files in" in said
    assert "Not DICOM: From the CD/README.txt: " in said
    names = set(Instance.objects.values_list("original_name", flat=True))
    assert names == {"From the CD/a/1.dcm", "From the CD/a/2", "From the CD/more.zip!/3.dcm"}
    assert Delivery.objects.get().finished is not None


def test_a_rejected_object_makes_the_status_1(tmp_path: Path) -> None:
    (tmp_path / "bad.dcm").write_bytes(make_dataset(StudyInstanceUID=None))
    with pytest.raises(CommandError, match="1 DICOM files were rejected") as ended:
        call_command("ingest", "--quiet", str(tmp_path))
    assert ended.value.returncode == 1


def test_a_path_that_is_not_there_is_said_before_anything_is_taken_in(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no such file or folder") as ended:
        call_command("ingest", str(folder), str(tmp_path / "none"))
    assert ended.value.returncode == 2
    assert not Instance.objects.exists()
