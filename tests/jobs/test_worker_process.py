"""The worker as a process: killed in the middle of a job, the job goes on from where it was."""

import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from pacsbrowser.archive.models import Delivery, Door, Instance
from pacsbrowser.archive.waiting_zips import JOB
from pacsbrowser.jobs.models import Job, State
from tests.datasets import ROOT, make_dataset
from tests.live import LiveApp, wait_until

FILES = 1500


@pytest.fixture
def app(tmp_path: Path, django_db_blocker: Any) -> Iterator[LiveApp]:
    """The product, running on data of its own."""
    with LiveApp(tmp_path, django_db_blocker) as running:
        running.user()  # makes its database known here
        yield running


def make_zip(path: Path) -> None:
    """Write a zip of many small objects."""
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for number in range(1, FILES + 1):
            file.writestr(f"{number}.dcm", make_dataset(SOPInstanceUID=f"{ROOT}.1.1.{number}", InstanceNumber=number))


def ask_for(app: LiveApp) -> Job:
    """Ask for the unpacking of such a zip."""
    make_zip(Path(app.environment["PACSBROWSER_DATA"]) / "zips" / "many.zip")
    now = timezone.now()
    delivery = Delivery.objects.using("live").create(door=Door.UPLOAD, started=now, active=now)
    parameters = {"delivery": str(delivery.pk), "file": "many.zip", "called": "many.zip", "key": ""}
    return Job.objects.using("live").create(name=JOB, title="Unpack", subject=str(delivery.pk), parameters=parameters)


def child_of(parent: int, words: str) -> int:
    """Return the process that a process has started with these words in its command; 0 if there is none."""
    for entry in Path("/proc").iterdir():
        try:
            is_child = entry.name.isdecimal() and f"\nPPid:\t{parent}\n" in (entry / "status").read_text()
            if is_child and words in (entry / "cmdline").read_text().replace("\0", " "):
                return int(entry.name)
        except OSError:
            continue
    return 0


def test_a_killed_worker_loses_nothing(app: LiveApp, django_db_blocker: Any) -> None:
    assert app.process is not None
    with django_db_blocker.unblock():
        try:
            row = ask_for(app)

            def read() -> Job:
                row.refresh_from_db()
                return row

            wait_until(lambda: 0 < read().done < row.total, 120, "the job to be in the middle")
            os.kill(child_of(app.process.pid, "manage.py worker"), signal.SIGKILL)
            wait_until(lambda: read().has_ended, 120, "the job to end")
            assert (row.state, row.attempts) == (State.DONE, 2), row.problem
            assert Instance.objects.using("live").count() == FILES
        finally:
            connections["live"].close()
