"""The way of a group of staged files: names in the store, rows in one short transaction, incoming names away."""

import logging
from collections.abc import Iterator, Sequence

from django.db import DatabaseError, OperationalError, transaction

from pacsbrowser.archive import ordering, storage
from pacsbrowser.archive.ingest import collisions, results
from pacsbrowser.archive.ingest.arrival import Arrival
from pacsbrowser.archive.ingest.deliveries import record_results
from pacsbrowser.archive.ingest.results import IngestResult
from pacsbrowser.archive.ingest.writer import GroupWriter, Unforeseen
from pacsbrowser.archive.models import Delivery, Outcome
from pacsbrowser.archive.receive import Staged

logger = logging.getLogger(__name__)

# Objects a transaction: large enough to share one sync, small enough to hold the write lock for less than 20 ms.
GROUP = 50
# References a transaction: reports and key objects name thousands of images, and each is a row.
REFERENCES = 1000
# How often a group is planned again because another process stored an object of the same UID in between.
ATTEMPTS = 5


def ingest(staged: Sequence[Staged], delivery: Delivery) -> list[IngestResult]:
    """Take staged files into the archive and say of each what became of it, in their order.

    Files are committed in groups; when this returns, everything that a result calls kept is durable. One bad object
    is a result and does not take its neighbours along.

    Raises:
        OSError: the disk is full or broken.
        OperationalError: the database cannot be written.
        In both cases nothing of the group at hand is kept or visible; the groups before it are.
    """
    outcome: list[IngestResult] = []
    touched: set[int] = set()
    for group in groups(staged):
        outcome += _ingest_group(group, delivery, touched)
    ordering.settle(touched)
    return outcome


def groups(staged: Sequence[Staged]) -> Iterator[list[Staged]]:
    """Cut into groups in which no object occurs twice, so that each is compared with rows that are written."""
    part: list[Staged] = []
    names: set[tuple[str, str, str] | None] = set()
    references = 0
    for one in staged:
        name, more = _name(one), len(one.header.references) if one.header else 0
        is_full = len(part) == GROUP or references + more > REFERENCES
        if part and (is_full or (name and name in names)):
            yield part
            part, names, references = [], set(), 0
        part.append(one)
        names.add(name)
        references += more
    if part:
        yield part


def _name(staged: Staged) -> tuple[str, str, str] | None:
    header = staged.header
    if header is None:
        return None
    return header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid


def _ingest_group(group: list[Staged], delivery: Delivery, touched: set[int]) -> list[IngestResult]:
    arrivals = [Arrival.of(one) for one in group if one.header]
    try:
        written = _write(arrivals, group, delivery, touched)
    except (OSError, OperationalError):
        _abandon(arrivals)
        raise
    except (DatabaseError, ValueError, UnicodeError):
        logger.exception("a group of %d objects could not be indexed", len(group))
        return _one_by_one(group, arrivals, delivery, touched)
    for arrival in arrivals:
        storage.discard(arrival.incoming)
    return written


def _write(arrivals: list[Arrival], group: list[Staged], delivery: Delivery, touched: set[int]) -> list[IngestResult]:
    for arrival in arrivals:
        arrival.incoming = storage.link_into_store(arrival.incoming, arrival.relative)
    storage.sync_folders({(storage.store_folder() / arrival.relative).parent for arrival in arrivals})
    for attempt in range(ATTEMPTS):
        judgements = collisions.judge(arrivals)
        try:
            with transaction.atomic():
                writer = GroupWriter(delivery, judgements)
                of_arrival = dict(zip(map(id, arrivals), writer.write(arrivals), strict=True))
                by_staged = {id(arrival.staged): of_arrival[id(arrival)] for arrival in arrivals}
                written = [by_staged.get(id(one)) or _refused(one) for one in group]
                record_results(delivery, written, writer.new_in_study, writer.now)
                _drop_superfluous(arrivals, writer.unused)
        except Unforeseen:
            if attempt == ATTEMPTS - 1:
                raise OperationalError("objects of the same UID keep arriving by other ways") from None
            continue
        touched |= writer.touched_series
        break
    return written


def _refused(staged: Staged) -> IngestResult:
    if staged.error is None:
        raise ValueError("a staged file has neither a header nor an error")
    return results.refused(staged, staged.error)


def _drop_superfluous(arrivals: list[Arrival], unused: set[str]) -> None:
    """Under the write lock: make sure that wanted files are in the store, and take unwanted ones out."""
    for arrival in arrivals:
        if arrival.relative in unused:
            storage.discard(storage.store_folder() / arrival.relative)
        else:
            storage.ensure_linked(arrival.incoming, arrival.relative)


def _abandon(arrivals: list[Arrival]) -> None:
    """Remove what a failed group left; what cannot be removed now is left to the sweep at the next start."""
    for arrival in arrivals:
        try:
            storage.sweep_file(arrival.incoming)
        except (OSError, DatabaseError):
            logger.warning("a file of a failed group stays in incoming until the next start")


def _one_by_one(
    group: list[Staged], arrivals: list[Arrival], delivery: Delivery, touched: set[int]
) -> list[IngestResult]:
    """Find the object that spoils its group: each goes in alone, and the one that cannot is a result."""
    by_staged = {id(arrival.staged): arrival for arrival in arrivals}
    outcome = []
    for one in group:
        arrival = by_staged.get(id(one))
        parts = [arrival] if arrival else []
        try:
            outcome += _write(parts, [one], delivery, touched)
        except (OSError, OperationalError):
            _abandon(arrivals)
            raise
        except (DatabaseError, ValueError, UnicodeError):
            outcome.append(_unindexed(one, delivery))
            _abandon(parts)
        else:
            for part in parts:
                storage.discard(part.incoming)
    return outcome


def _unindexed(staged: Staged, delivery: Delivery) -> IngestResult:
    result = IngestResult(
        outcome=Outcome.REJECTED,
        name=staged.original_name,
        size=staged.size,
        code="not_indexed",
        reason=results.NOT_INDEXED,
        resume_key=staged.resume_key,
    )
    with transaction.atomic():
        record_results(delivery, [result], {}, delivery.active)
    return result
