"""Zips that wait for the worker: kept below the data folder from their receipt until their job has unpacked them."""

import os
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from pacsbrowser.access.models import User
from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest import close_delivery
from pacsbrowser.archive.models import Delivery
from pacsbrowser.archive.receive import CHUNK, Readable, clean_name
from pacsbrowser.jobs.models import ENDED, Job, State
from pacsbrowser.jobs.work import enqueue

JOB = "unpack"
# A failed or cancelled job can be run again for as long as its zip is there.
KEPT_FOR = 7 * 24 * 3600


def waiting_folder() -> Path:
    """Return the folder of the zips."""
    return Path(settings.PACSBROWSER_DATA) / "zips"


def receive_zip(stream: Readable, name: str, resume_key: str, delivery: Delivery, user: User | None) -> tuple[Job, int]:
    """Write a zip to disk, durably, and ask for its unpacking; returns the job and the zip's size.

    Raises:
        OSError: the disk is full or broken. Nothing is left behind.
    """
    folder = waiting_folder()
    folder.mkdir(exist_ok=True)
    path = folder / f"{uuid.uuid4().hex}.zip"
    try:
        size = _write(stream, path)
        storage.sync_folders([folder])
        job = enqueue(
            JOB,
            user,
            f"Unpack {clean_name(name)}",
            str(delivery.pk),
            delivery=str(delivery.pk),
            file=path.name,
            called=clean_name(name),
            key=resume_key[:40],
        )
    except BaseException:
        storage.discard(path)
        raise
    return job, size


def _write(stream: Readable, path: Path) -> int:
    with path.open("xb") as file:
        while data := stream.read(CHUNK):
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def jobs_of(delivery: Delivery) -> QuerySet[Job]:
    """Return the unpacking jobs of a delivery, oldest first."""
    return Job.objects.filter(name=JOB, subject=str(delivery.pk)).order_by("created", "id")


def is_unpacking(delivery: Delivery) -> bool:
    """Whether zips of a delivery are still to be unpacked."""
    return jobs_of(delivery).exclude(state__in=ENDED).exists()


def close_when_unpacked(job: Job) -> None:
    """Mark a delivery as finished with the last of its zips."""
    delivery = Delivery.objects.filter(pk=job.subject).first()
    if delivery and not is_unpacking(delivery):
        close_delivery(delivery)


def find_jobs(delivery: Delivery, keys: Sequence[str]) -> dict[str, Job]:
    """Return the jobs of zips that this delivery has received already, by resume key."""
    by_key = {key[:40]: key for key in keys if key}
    found = {}
    for job in jobs_of(delivery):
        key = by_key.get(job.parameters.get("key", ""))
        if key and job.state not in (State.FAILED, State.CANCELLED):
            found[key] = job
    return found


def sweep_waiting_zips() -> None:
    """Remove zips that no job needs any more."""
    needed = set(
        Job.objects.filter(name=JOB, state__in=[State.QUEUED, State.RUNNING]).values_list("parameters__file", flat=True)
    )
    again = set(
        Job.objects.filter(name=JOB, state__in=[State.FAILED, State.CANCELLED]).values_list(
            "parameters__file", flat=True
        )
    )
    now = time.time()
    for path in waiting_folder().glob("*.zip"):
        # another worker may sweep at the same time
        with suppress(FileNotFoundError):
            age = now - path.stat().st_mtime
            # one that is being received has no job yet
            if path.name not in needed and age > (KEPT_FOR if path.name in again else 24 * 3600):
                storage.discard(path)
