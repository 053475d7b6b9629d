"""A job that deals with many single things: what became of each is kept, so that a retry takes up what failed."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from django.db import transaction
from django.db.models import Count

from pacsbrowser.jobs.models import ItemState, Job, JobItem
from pacsbrowser.jobs.work import JobFailed, Progress

_ADDED_AT_ONCE = 500
_READ_AT_ONCE = 2_000
_WRITE_EVERY = 0.5
_MOST_UNWRITTEN = 200
_REASON = 300
# In the result of a job that has not ended: its items are complete.
LISTED = "listed"


def add_items(job: Job, items: Iterable[tuple[str, str]]) -> int:
    """Give a job its items, pairs of subject and label, in the order they are to be dealt with; return how many."""
    rows = [JobItem(job=job, subject=subject, label=label[:256]) for subject, label in items]
    for start in range(0, len(rows), _ADDED_AT_ONCE):
        JobItem.objects.bulk_create(rows[start : start + _ADDED_AT_ONCE])
    return len(rows)


def list_once(progress: Progress, items: Callable[[], Iterable[tuple[str, str]]]) -> None:
    """Give a job its items when it runs first; what a run that was cut off has listed is listed anew."""
    job = progress.job
    if job.result.get(LISTED):
        return
    while keys := list(JobItem.objects.filter(job=job).values_list("pk", flat=True)[:_READ_AT_ONCE]):
        JobItem.objects.filter(pk__in=keys).delete()
    add_items(job, items())
    progress.check_cancelled()
    Job.objects.filter(pk=job.pk).update(result={LISTED: True})


def count_items(job: Job) -> dict[str, int]:
    """Return how many items are in each state."""
    counts = JobItem.objects.filter(job=job).order_by().values_list("state").annotate(found=Count("pk"))
    return dict.fromkeys(ItemState.values, 0) | dict(counts)


class Items:
    """The items of a job that runs. What became of them is written twice a second: after a crash a few come again."""

    def __init__(self, progress: Progress, unit: str) -> None:
        self._progress = progress
        self._unwritten: list[JobItem] = []
        self._written = time.monotonic()
        self._failed_said = 0
        self.counts = count_items(progress.job)
        progress.set_total(self.total, unit, self.total - self.counts[ItemState.WAITING])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._write_states()

    @property
    def total(self) -> int:
        """The number of items, whatever became of them."""
        return sum(self.counts.values())

    @property
    def failed(self) -> int:
        """The number of items that have failed."""
        return self.counts[ItemState.FAILED]

    @property
    def kept(self) -> int:
        """The number of items that were done, with a remark or without."""
        return self.counts[ItemState.DONE] + self.counts[ItemState.WARNING]

    def waiting(self) -> Iterator[Sequence[JobItem]]:
        """Yield what still waits, in steps; items that are added meanwhile come as well."""
        last = 0
        while True:
            self.write()
            rows = JobItem.objects.filter(job=self._progress.job, state=ItemState.WAITING, pk__gt=last)
            found = list(rows.order_by("pk")[:_READ_AT_ONCE])
            if not found:
                return
            last = found[-1].pk
            yield found

    def settle(self, item: JobItem, state: ItemState, reason: str = "") -> None:
        """Say what became of an item."""
        item.state = state
        self.remark(item, reason)
        self.counts[state] += 1
        self.counts[ItemState.WAITING] -= 1
        if len(self._unwritten) >= _MOST_UNWRITTEN or time.monotonic() - self._written >= _WRITE_EVERY:
            self.write()
        self._progress.advance()

    def remark(self, item: JobItem, reason: str) -> None:
        """Say something of an item without settling it."""
        item.reason = reason.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:_REASON]
        self._unwritten.append(item)

    def end(self) -> dict[str, int]:
        """Return the counts as the job's result.

        Raises:
            JobFailed: an item has failed, or was not dealt with; a retry takes up those.
        """
        self.write()
        if self.failed:
            raise JobFailed(f"{self.failed:,} of {self.total:,} failed.")
        if waiting := self.counts[ItemState.WAITING]:
            raise JobFailed(f"{waiting:,} of {self.total:,} are left.")
        return {state: count for state, count in self.counts.items() if count}

    def write(self) -> None:
        """Write down what became of the items so far."""
        self._write_states()
        if self.failed != self._failed_said:
            self._failed_said = self.failed
            self._progress.set_failed(self.failed)

    def _write_states(self) -> None:
        alike: dict[tuple[str, str], list[int]] = {}
        for item in self._unwritten:
            alike.setdefault((item.state, item.reason), []).append(item.pk)
        with transaction.atomic():
            for (state, reason), keys in alike.items():
                JobItem.objects.filter(pk__in=keys).update(state=state, reason=reason)
        self._unwritten.clear()
        self._written = time.monotonic()
