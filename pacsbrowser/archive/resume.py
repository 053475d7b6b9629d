"""Resuming an upload: which of the offered files need not be sent, because they came before or their bytes are here."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from pacsbrowser.access.models import User
from pacsbrowser.access.scope import Scope, scope_of
from pacsbrowser.archive.ingest.deliveries import record_results
from pacsbrowser.archive.ingest.results import IngestResult
from pacsbrowser.archive.models import KEPT, Copy, Delivery, DeliveryItem, Instance, Outcome
from pacsbrowser.archive.receive import clean_name

REMEMBERED = timedelta(days=30)
# Offered at once; each is a variable of an SQL statement.
MOST_OFFERED = 500
# Nothing that a second sending would change. What was rejected is sent again: it may have been mended.
_SETTLED = (Outcome.NOT_DICOM, Outcome.DICOMDIR)


@dataclass(frozen=True, slots=True)
class Offered:
    """A file that the sender has: its path, size and time of change, and its digest where it was computed."""

    path: str
    size: int
    modified: str = ""
    sha256: bytes = b""

    @property
    def key(self) -> str:
        """What identifies it on the sender's disk."""
        return resume_key(self.path, self.size, self.modified)


def resume_key(path: str, size: int, modified: str) -> str:
    """Return what identifies a file of a sender's disk."""
    return hashlib.sha256(f"{path}\0{size}\0{modified}".encode("utf-8", "replace")).hexdigest()


def recorded_lines(delivery: Delivery, keys: Iterable[str]) -> dict[str, DeliveryItem]:
    """Return the lines that files of this delivery have already, by resume key."""
    lines = DeliveryItem.objects.filter(delivery=delivery, resume_key__in=[key for key in keys if key])
    return {line.resume_key: line for line in lines.order_by("-id")}


def recorded_results(delivery: Delivery, keys: Iterable[str]) -> dict[str, IngestResult]:
    """Return what became of files of this delivery that have a line already, by resume key."""
    return {key: _as_result(line) for key, line in recorded_lines(delivery, keys).items()}


def find_known(delivery: Delivery, user: User, offered: Sequence[Offered]) -> list[IngestResult | None]:
    """Say of each offered file what is known of it, None if it has to be sent.

    A file that has no line in this delivery yet gets one, so that the report names every file.
    """
    here = recorded_lines(delivery, (one.key for one in offered))
    rest = {one.key: one for one in offered if one.key not in here}
    new = _sent_before(delivery, user, rest)
    left = [one for key, one in rest.items() if key not in new]
    new |= _same_bytes(scope_of(user), left)
    _record(delivery, list(new.values()))
    return [_as_result(here[one.key]) if one.key in here else new.get(one.key) for one in offered]


def _as_result(line: DeliveryItem) -> IngestResult:
    return IngestResult(
        outcome=Outcome(line.outcome),
        name=line.name,
        size=line.size,
        code=line.code,
        reason=line.reason,
        study_instance_uid=line.study_instance_uid,
        series_instance_uid=line.series_instance_uid,
        sop_instance_uid=line.sop_instance_uid,
        instance_id=line.instance_id,
        resume_key=line.resume_key,
    )


def _sent_before(delivery: Delivery, user: User, rest: dict[str, Offered]) -> dict[str, IngestResult]:
    """Find files in the user's own deliveries of late; an object that has been deleted since is sent again."""
    own = Delivery.objects.filter(user=user, active__gt=timezone.now() - REMEMBERED).exclude(pk=delivery.pk)
    lines = DeliveryItem.objects.filter(delivery__in=own, resume_key__in=list(rest)).select_related("instance")
    known = {}
    for line in lines.order_by("id"):
        kept = line.outcome in KEPT and line.instance is not None and line.instance.removal_id is None
        if kept:
            reason = f"Sent before, on {timezone.localtime(line.received):%Y-%m-%d %H:%M}; not sent again."
            known[line.resume_key] = _known(rest[line.resume_key], line, Outcome.ALREADY_HERE, "sent_before", reason)
        elif line.outcome in _SETTLED:
            known[line.resume_key] = _known(rest[line.resume_key], line, Outcome(line.outcome), line.code, line.reason)
    return known


def _known(one: Offered, line: DeliveryItem, outcome: Outcome, code: str, reason: str) -> IngestResult:
    return IngestResult(
        outcome=outcome,
        name=clean_name(one.path),
        size=one.size,
        code=code,
        reason=reason,
        study_instance_uid=line.study_instance_uid,
        series_instance_uid=line.series_instance_uid,
        sop_instance_uid=line.sop_instance_uid,
        instance_id=line.instance_id,
        resume_key=one.key,
    )


def _same_bytes(scope: Scope, left: Sequence[Offered]) -> dict[str, IngestResult]:
    """Find files by digest, among objects that the user may see: others are not hinted at."""
    digests = {one.sha256 for one in left if one.sha256}
    visible = Instance.objects.visible_to(scope).select_related("series__study", "blob")
    by_digest = {bytes(row.blob.sha256): row for row in visible.filter(blob__sha256__in=digests)} if digests else {}
    missing = digests - by_digest.keys()
    if missing:
        copies = Copy.objects.filter(blob__sha256__in=missing, instance__in=Instance.objects.visible_to(scope))
        for copy in copies.select_related("blob", "instance__series__study"):
            by_digest[bytes(copy.blob.sha256)] = copy.instance
    return {one.key: _here(one, by_digest[one.sha256]) for one in left if one.sha256 in by_digest}


def _here(one: Offered, instance: Instance) -> IngestResult:
    return IngestResult(
        outcome=Outcome.ALREADY_HERE,
        name=clean_name(one.path),
        size=one.size,
        code="same_bytes",
        reason="The same bytes are in the archive; not sent.",
        study_instance_uid=instance.series.study.study_instance_uid,
        series_instance_uid=instance.series.series_instance_uid,
        sop_instance_uid=instance.sop_instance_uid,
        instance_id=instance.pk,
        resume_key=one.key,
    )


def _record(delivery: Delivery, results: list[IngestResult]) -> None:
    if not results:
        return
    rows = Instance.objects.filter(pk__in={result.instance_id for result in results if result.instance_id})
    studies = dict.fromkeys(rows.values_list("series__study_id", flat=True).distinct(), 0)
    with transaction.atomic():
        record_results(delivery, results, studies, timezone.now())
