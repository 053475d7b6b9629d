"""What the archive lets a worker do."""

from typing import Any

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest import audit_delivery, reopen_delivery
from pacsbrowser.archive.models import Delivery
from pacsbrowser.archive.waiting_zips import JOB, close_when_unpacked, sweep_waiting_zips, waiting_folder
from pacsbrowser.archive.zips import ingest_zip
from pacsbrowser.audit.models import Action
from pacsbrowser.jobs.work import JobFailed, Progress, job


@job(JOB, may_run=lambda owner: owner.may_upload, ended=close_when_unpacked)
def unpack(progress: Progress, delivery: str, file: str, called: str, key: str) -> dict[str, Any]:
    """Unpack an uploaded zip into its delivery; goes on where an earlier run ended."""
    row = Delivery.objects.filter(pk=delivery).first()
    path = waiting_folder() / file
    if row is None or not path.is_file():
        raise JobFailed("The zip is not there any more. Send it again.")
    reopen_delivery(row)
    counts = ingest_zip(path, row, progress, name=called, key=key)
    audit_delivery(row, Action.UPLOAD, "worker")
    storage.discard(path)
    sweep_waiting_zips()
    return {"delivery": delivery, **{outcome.value: count for outcome, count in counts.items()}}
