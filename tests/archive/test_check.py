"""check_archive: names exactly what is wrong, and mends what can be mended."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from pacsbrowser.archive import check, storage
from pacsbrowser.archive.ingest import open_delivery
from pacsbrowser.archive.ingest.arrival import Arrival
from pacsbrowser.archive.models import Blob, Door, Instance, Patient, Series, Study, StudyModality
from pacsbrowser.archive.receive import stage
from tests.datasets import ingest_datasets, make_dataset, make_series

pytestmark = pytest.mark.django_db(transaction=True)


def problems() -> set[tuple[str, str]]:
    found = [*check.check_files(), *check.check_store(), *check.check_counts()]
    return {(problem.code, problem.path) for problem in found}


def test_a_whole_archive_has_no_problems(capsys: pytest.CaptureFixture[str]) -> None:
    ingest_datasets(*make_series(3))
    call_command("check_archive")
    assert "The archive is whole." in capsys.readouterr().out


def test_a_changed_a_cut_and_a_missing_file_are_named_and_nothing_else() -> None:
    ingest_datasets(*make_series(10))
    changed, cut, missing = Blob.objects.order_by("pk")[:3]
    path = storage.blob_path(changed)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    storage.blob_path(cut).write_bytes(data[:-1])
    storage.blob_path(missing).unlink()
    expected = {("damaged_file", changed.path), ("damaged_file", cut.path), ("missing_file", missing.path)}
    assert problems() == expected
    with pytest.raises(CommandError, match="3 problems"):
        call_command("check_archive", "--repair")


def test_a_file_on_its_way_in_is_no_stranger_but_one_that_nobody_takes_in_is() -> None:
    arrival = Arrival.of(stage(io.BytesIO(make_dataset()), "1.dcm"), open_delivery(Door.COMMAND))
    incoming = storage.link_into_store(arrival.incoming, arrival.relative)
    assert problems() == set()
    Path(incoming).unlink()
    assert problems() == {("unknown_file", arrival.relative)}


def test_a_file_without_a_row_is_received_again() -> None:
    ingest_datasets(*make_series(3))
    instance = Instance.objects.get(instance_number_value=2)
    blob = instance.blob
    instance.references.all().delete()
    instance.delete()
    blob.delete()
    Patient.objects.update(study_count=7)
    assert {code for code, _ in problems()} == {"unknown_file", "wrong_count"}
    call_command("check_archive", "--repair")
    assert problems() == set()
    assert Instance.objects.count() == 3


@pytest.mark.parametrize(
    ("model", "column", "wrong"),
    [
        (Study, "modalities", "MR"),
        (Study, "size", 1),
        (Study, "finding_count", 7),
        (Series, "size", 1),
        (Series, "frame_count", 9),
        (Series, "finding_count", 0),
        (Patient, "modalities", ""),
        (Patient, "size", 1),
        (Patient, "series_count", 0),
        (Patient, "finding_count", 7),
    ],
)
def test_each_stored_sum_is_checked_and_mended(model: type[Study], column: str, wrong: object) -> None:
    # the second series has no modality, which is a finding
    ingest_datasets(*make_series(2), *make_series(1, series=2, Modality=None))
    row = model.objects.order_by("pk").last()
    assert row is not None
    right = getattr(row, column)
    assert problems() == set()
    model.objects.filter(pk=row.pk).update(**{column: wrong})
    assert ("wrong_count", f"{model.__name__.lower()} {row.pk}") in problems()
    call_command("check_archive", "--repair")
    row.refresh_from_db()
    assert getattr(row, column) == right and problems() == set()


def test_a_missing_row_of_a_modality_is_mended() -> None:
    ingest_datasets(make_dataset())
    StudyModality.objects.all().delete()
    assert {code for code, _ in problems()} == {"wrong_count"}
    call_command("check_archive", "--repair")
    assert StudyModality.objects.get().modality == "CT"
