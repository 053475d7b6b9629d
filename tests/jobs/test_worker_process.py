"""The worker as a process: killed in the middle of a job, the job goes on from where it was."""

import os
import signal
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from pacsbrowser.archive.models import Delivery, Door, Instance, Study
from pacsbrowser.archive.waiting_zips import JOB
from pacsbrowser.exchange.models import Node
from pacsbrowser.jobs.models import Job, State
from tests.datasets import ROOT, make_dataset
from tests.dimse.peers import write
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
    delivery = Delivery.objects.using(app.database).create(door=Door.UPLOAD, started=now, active=now)
    parameters = {"delivery": str(delivery.pk), "file": "many.zip", "called": "many.zip", "key": ""}
    return Job.objects.using(app.database).create(
        name=JOB, title="Unpack", subject=str(delivery.pk), parameters=parameters
    )


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
            assert Instance.objects.using(app.database).count() == FILES
        finally:
            connections[app.database].close()


def test_transfers_that_wait_do_not_hold_up_an_unpacking(app: LiveApp, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), socket.socket() as silent:
        # takes connections, and never says a word
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        try:
            port = silent.getsockname()[1]
            node = Node.objects.using(app.database).create(
                name="silent", ae_title="SILENT", host="127.0.0.1", port=port, is_trusted=True
            )
            app.ingest(*write(app.folder, make_dataset(StudyInstanceUID=f"{ROOT}.5", SOPInstanceUID=f"{ROOT}.5.1")))
            study = Study.objects.using(app.database).get()
            parameters = {"node": node.pk, "level": "study", "keys": [study.pk]}
            jobs = Job.objects.using(app.database)
            for number in range(4):
                jobs.create(name="send", title=f"Send {number}", parameters=parameters)
            wait_until(lambda: jobs.filter(name="send", state=State.RUNNING).count() == 2, 30, "two transfers to wait")
            unpacking = ask_for(app)
            wait_until(lambda: jobs.get(pk=unpacking.pk).state == State.DONE, 120, "the unpacking")
            assert jobs.filter(name="send").exclude(state=State.DONE).count() == 4
        finally:
            connections[app.database].close()
