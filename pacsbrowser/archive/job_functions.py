"""What the archive lets a worker do."""

from typing import Any

from pacsbrowser.access.scope import scope_of
from pacsbrowser.archive import removal, storage
from pacsbrowser.archive.ingest import audit_delivery, reopen_delivery
from pacsbrowser.archive.models import Delivery, Level, Removal, Study
from pacsbrowser.archive.selection import Selection
from pacsbrowser.archive.waiting_zips import JOB, close_when_unpacked, sweep_waiting_zips, waiting_folder
from pacsbrowser.archive.zips import ingest_zip
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
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


@job("remove", may_run=lambda owner: owner.is_administrator)
def remove(progress: Progress, level: str, keys: list[int], why: str) -> dict[str, Any]:
    """Put what was picked into the trash; what an earlier run has put there is not found any more."""
    owner = progress.job.owner
    if owner is None:
        raise JobFailed("Whoever started this has no account any more.")

    def record_study(act: Removal, study: Study, count: int) -> None:
        detail = {"level": act.level, "instances": count, "removal": act.pk, "why": why}
        patient = study.patient.audit_name
        record(
            Action.DELETE, who=owner.username, door="worker", patient=patient, study=study.study_instance_uid,
            object=act.uid, detail=detail,
        )  # fmt: skip

    rows = Selection(Level(level), tuple(keys), scope_of(owner)).rows
    progress.set_total(len(rows), level)
    moved = 0
    for row in rows:
        moved += removal.remove(row, owner, why, record_study).instance_count
        progress.advance()
    return {"instances": moved}
