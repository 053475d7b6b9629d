"""The way of a group of staged files: names in the store, rows in one short transaction, incoming names away."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.db import DatabaseError, OperationalError, transaction
from django.utils import timezone

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


@dataclass(slots=True, eq=False)
class Consigned:
    """A staged file with the delivery it came by; `result` once it is durable or refused."""

    staged: Staged
    delivery: Delivery
    result: IngestResult | None = None


def write_all(consigned: Sequence[Consigned]) -> None:
    """Take staged files into the archive, group by group, and set the result of each.

    One bad object is a result and does not take its neighbours along.

    Raises:
        OSError: the disk is full or broken.
        OperationalError: the database cannot be written.
        In both cases nothing of the group at hand is kept or visible; the groups before it have their results.
    """
    unordered: set[int] = set()
    for group in groups(consigned):
        _write_group(group, unordered)
    if unordered:
        ordering.settle(unordered)


def groups(consigned: Sequence[Consigned]) -> Iterator[list[Consigned]]:
    """Cut into groups in which no object occurs twice, so that each is compared with rows that are written."""
    part: list[Consigned] = []
    names: set[tuple[str, str, str] | None] = set()
    references = 0
    for one in consigned:
        header = one.staged.header
        name, more = _name(one.staged), len(header.references) if header else 0
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


def _write_group(group: list[Consigned], unordered: set[int]) -> None:
    arrivals = {id(one): Arrival.of(one.staged, one.delivery) for one in group if one.staged.header}
    try:
        _write(group, arrivals, unordered)
    except (OSError, OperationalError):
        _abandon(arrivals.values())
        raise
    except (DatabaseError, ValueError, UnicodeError):
        logger.exception("a group of %d objects could not be indexed", len(group))
        _write_one_by_one(group, arrivals, unordered)
        return
    for arrival in arrivals.values():
        storage.discard(arrival.incoming)


def _write(group: Sequence[Consigned], by_item: dict[int, Arrival], unordered: set[int]) -> None:
    """Link the files, then write the rows of a group in one transaction and set its results."""
    arrivals = [by_item[id(one)] for one in group if id(one) in by_item]
    for arrival in arrivals:
        arrival.incoming = storage.link_into_store(arrival.incoming, arrival.relative)
    # names before contents: what writes the contents out mostly takes the names along
    for arrival in arrivals:
        arrival.durable = storage.sync_content(arrival.incoming, arrival.relative)
    storage.sync_names(arrival.relative for arrival in arrivals)
    # Hardly ever has another file the place of an arrival; only the transaction that meets one asks for a comparison.
    verdicts: collisions.Verdicts = {}
    for attempt in range(ATTEMPTS):
        try:
            with transaction.atomic():
                writer = GroupWriter(verdicts)
                written = iter(writer.write(arrivals))
                found = [next(written) if id(one) in by_item else _refused(one.staged) for one in group]
                _record(group, found, writer)
                _drop_superfluous(arrivals, writer.unused)
        except Unforeseen:
            if attempt == ATTEMPTS - 1:
                raise OperationalError("objects of the same UID keep arriving by other ways") from None
            verdicts = collisions.judge(arrivals)
            continue
        break
    unordered |= writer.unordered
    for one, result in zip(group, found, strict=True):
        one.result = result


def _record(group: Sequence[Consigned], found: Sequence[IngestResult], writer: GroupWriter) -> None:
    """Write each delivery's part of the results."""
    parts: dict[UUID, tuple[Delivery, list[IngestResult]]] = {}
    for one, result in zip(group, found, strict=True):
        parts.setdefault(one.delivery.pk, (one.delivery, []))[1].append(result)
    for key, (delivery, own) in parts.items():
        record_results(delivery, own, writer.new_in_study[key], writer.now)


def _refused(staged: Staged) -> IngestResult:
    if staged.error is None:
        raise ValueError("a staged file has neither a header nor an error")
    return results.refused(staged, staged.error)


def _drop_superfluous(arrivals: Sequence[Arrival], unused: set[str]) -> None:
    """Under the write lock: make sure that wanted files are in the store, and take unwanted ones out."""
    for arrival in arrivals:
        if arrival.relative in unused:
            storage.discard(storage.store_folder() / arrival.relative)
        else:
            storage.ensure_linked(arrival.incoming, arrival.relative, arrival.durable)


def _abandon(arrivals: Iterable[Arrival]) -> None:
    """Remove what a failed group left; what cannot be removed now is left to the sweep at the next start."""
    for arrival in arrivals:
        try:
            storage.sweep_file(Path(arrival.incoming))
        except (OSError, DatabaseError):
            logger.warning("a file of a failed group stays in incoming until the next start")


def _write_one_by_one(group: list[Consigned], by_item: dict[int, Arrival], unordered: set[int]) -> None:
    """Find the object that spoils its group: each goes in alone, and the one that cannot is a result."""
    for one in group:
        own = {id(one): by_item[id(one)]} if id(one) in by_item else {}
        try:
            _write([one], own, unordered)
        except (OSError, OperationalError):
            _abandon(by_item.values())
            raise
        except (DatabaseError, ValueError, UnicodeError):
            one.result = _unindexed(one.staged, one.delivery)
            _abandon(own.values())
        else:
            for arrival in own.values():
                storage.discard(arrival.incoming)


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
        record_results(delivery, [result], {}, timezone.now())
    return result
