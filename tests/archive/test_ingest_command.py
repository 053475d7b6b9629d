"""`manage.py ingest`: what kinds of files it takes, and what it records."""

import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from pacsbrowser.archive.models import Delivery, Instance
from pacsbrowser.audit.models import Action, Event
from tests.datasets import ROOT, make_dataset, make_series

pytestmark = pytest.mark.django_db(transaction=True)


def run(*paths: Path) -> None:
    """Run the command as an administrator would, with one reading process."""
    call_command("ingest", *map(str, paths), "--quiet", "--processes", "1")


def test_a_file_whose_preamble_looks_like_a_zip_is_an_object(tmp_path: Path) -> None:
    content = make_dataset()
    path = tmp_path / "dual.dcm"
    path.write_bytes(b"PK\x03\x04" + content[4:])
    run(path)
    assert Instance.objects.get().original_name == str(path)


def test_each_study_that_came_in_is_an_event(tmp_path: Path) -> None:
    (tmp_path / "1.dcm").write_bytes(make_dataset())
    with zipfile.ZipFile(tmp_path / "2.zip", "w") as archive:
        for number, content in enumerate(make_series(2, study=2, PatientID="P2")):
            archive.writestr(str(number), content)
    run(tmp_path)
    events = Event.objects.filter(action=Action.INGEST, object=str(Delivery.objects.get().pk))
    told = {(event.patient, event.study, event.detail.get("instances")) for event in events}
    assert told == {("", "", None), ("P1", f"{ROOT}.1", 1), ("P2", f"{ROOT}.2", 2)}


def test_what_is_refused_sets_the_exit_status_and_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no object")
    with pytest.raises(CommandError) as refused:
        run(tmp_path)
    assert refused.value.returncode == 1
    assert Event.objects.get(action=Action.INGEST).detail["not_dicom"] == 1
