"""Jobs as code sees them: register a function, enqueue it, follow it, cancel or retry it.

    @job("unpack")
    def unpack(progress: Progress, path: str) -> dict[str, object]: ...

    enqueue("unpack", owner=user, title="Unpack scans.zip", path="incoming/…")

A function may be run again after a crash, so it must be able to go on from what it finds.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone

from pacsbrowser.jobs.models import ENDED, ItemState, Job, JobItem, State

JobFunction = Callable[..., dict[str, Any] | None]

MAX_ATTEMPTS = 3
# A worker writes its heartbeat every few seconds; one that is silent for longer is taken to be dead.
HEARTBEAT = timedelta(seconds=5)
STALE = timedelta(seconds=30)
# Ended jobs are kept for so long.
KEPT = timedelta(days=90)
_WRITE_EVERY = 0.5
_LOG_LINE = 500
_DELETED_AT_ONCE = 1000
# The rate is that of the last so many seconds.
_RATE_OVER = 15.0


@dataclass(frozen=True, slots=True)
class _Registered:
    function: JobFunction
    is_transfer: bool
    may_run: Callable[[Any], bool]
    ended: Callable[[Job], object]


_functions: dict[str, _Registered] = {}
_chores: list["Chore"] = []


@dataclass(frozen=True, slots=True)
class Chore:
    """What the worker does by itself every so many seconds; it must be short."""

    function: Callable[[], object]
    every: float


class JobFailed(Exception):
    """Raised by a job function for an end that a retry would not change; its text is shown to the owner."""


class JobCancelled(Exception):
    """Raised inside a job function when its owner asked it to stop."""


class JobLost(Exception):
    """Raised inside a job function when another worker has taken the job over."""


class JobDelayed(Exception):
    """Raised inside a job function that wants to be run again later; its text says why, `wait` how long."""

    def __init__(self, reason: str, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(reason)


class NotAllowed(Exception):
    """The owner of a job may not do any more what it does."""


def job(
    name: str,
    may_run: Callable[[Any], bool] = lambda owner: True,
    ended: Callable[[Job], object] = lambda job_row: None,
    *,
    is_transfer: bool = False,
) -> Callable[[JobFunction], JobFunction]:
    """Register a function under a name, so that lower floors and other processes can ask for it.

    Args:
        name: what the function is asked for by.
        may_run: whether a user may do this; asked again at each run and retry, for rights may have been taken away.
        ended: called in the transaction in which a job ends, however it ends: of two that end at once, one is the last.
        is_transfer: mostly waits for another machine; a worker always keeps a place for what is none.
    """

    def register(function: JobFunction) -> JobFunction:
        if _functions.setdefault(name, _Registered(function, is_transfer, may_run, ended)).function is not function:
            raise ValueError(f"Two job functions are called {name!r}.")
        return function

    return register


def function_of(name: str) -> JobFunction | None:
    """The function registered under a name."""
    registered = _functions.get(name)
    return registered.function if registered else None


def transfers() -> list[str]:
    """The names of functions that mostly wait for another machine."""
    return [name for name, registered in _functions.items() if registered.is_transfer]


def chore(every: float) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Register what the worker does by itself every so many seconds. Several workers may do it at the same time."""

    def register(function: Callable[[], object]) -> Callable[[], object]:
        _chores.append(Chore(function, every))
        return function

    return register


def chores() -> list[Chore]:
    """What the worker does by itself."""
    return list(_chores)


def check_owner(job_row: Job) -> None:
    """Make sure that the owner still may do what a job does; a job of the system has none.

    Raises:
        NotAllowed: the owner's rights do not suffice.
    """
    registered = _functions.get(job_row.name)
    if registered and job_row.owner is not None and not registered.may_run(job_row.owner):
        raise NotAllowed("Whoever started this job may not do this any more.")


def enqueue(
    name: str,
    owner: AbstractBaseUser | None,
    title: str,
    subject: str = "",
    *,
    not_before: datetime | None = None,
    **parameters: Any,
) -> Job:
    """Ask for a job; it runs as soon as a worker is free, but not before its time. The parameters must be JSON."""
    if name not in _functions:
        raise ValueError(f"No job function is called {name!r}.")
    return Job.objects.create(
        name=name,
        subject=subject,
        owner=owner,  # type: ignore[misc]
        title=title[:256],
        parameters=parameters,
        not_before=not_before or timezone.now(),
    )


def cancel(job_row: Job) -> bool:
    """Cancel a waiting job at once, ask a running one to stop; false if it had ended."""
    waiting = Job.objects.filter(pk=job_row.pk, state=State.QUEUED)
    if end(waiting, State.CANCELLED):
        return True
    return bool(Job.objects.filter(pk=job_row.pk, state=State.RUNNING).update(cancel_asked=True))


def end(rows: QuerySet[Job], state: State, **fields: Any) -> bool:
    """End the job that a query finds; false if it finds none."""
    with transaction.atomic():
        job_row = rows.first()
        if job_row is None:
            return False
        rows.update(state=state, finished=timezone.now(), **fields)
        if registered := _functions.get(job_row.name):
            registered.ended(job_row)
    return True


def prune() -> int:
    """Delete jobs that ended long ago; return how many."""
    old = list(Job.objects.filter(state__in=ENDED, finished__lt=timezone.now() - KEPT).values_list("pk", flat=True))
    while keys := JobItem.objects.filter(job__in=old).values_list("pk", flat=True)[:_DELETED_AT_ONCE]:
        JobItem.objects.filter(pk__in=list(keys)).delete()
    return Job.objects.filter(pk__in=old).delete()[0]


def retry(job_row: Job) -> bool:
    """Run a failed or cancelled job again, of its items only what failed; false if it is in another state.

    Raises:
        NotAllowed: the owner's rights do not suffice any more.
    """
    check_owner(job_row)
    with transaction.atomic():
        JobItem.objects.filter(job=job_row, state=ItemState.FAILED).update(state=ItemState.WAITING, reason="")
        return bool(
            Job.objects.filter(pk=job_row.pk, state__in=[State.FAILED, State.CANCELLED]).update(
                state=State.QUEUED,
                attempts=0,
                delays=0,
                cancel_asked=False,
                problem="",
                failed=0,
                rate=0,
                not_before=timezone.now(),
                finished=None,
                worker="",
            )
        )


class Progress:
    """What a job function says while it runs. Every call may raise JobCancelled or JobLost: a place to stop at."""

    def __init__(self, job_row: Job, should_stop: Callable[[], bool] = lambda: False) -> None:
        self.job = job_row
        self._should_stop = should_stop
        self._done = 0
        self._lines: list[str] = []
        self._written = 0.0
        self._marks: deque[tuple[float, int]] = deque()

    def set_total(self, total: int, unit: str = "", done: int = 0) -> None:
        """Say how much there is to do, and how much of it an earlier run has `done`, which does not count as speed."""
        self._done = done
        self._marks.clear()
        self._write(total=total, unit=unit)

    def show(self, done: int, total: int, unit: str) -> None:
        """Say how far it is by numbers that somebody else counts; written twice a second at most."""
        self._done = done
        if time.monotonic() - self._written >= _WRITE_EVERY:
            self._write(total=total, unit=unit)

    def leave_subject(self) -> None:
        """Say that this is not the job of its subject any more: what comes for that gets another one."""
        self._write(subject="")

    def set_failed(self, failed: int) -> None:
        """Say how much of it has failed."""
        self._write(failed=failed)

    def advance(self, by: int = 1) -> None:
        """Say that some of it is done; written to the database twice a second at most."""
        self._done += by
        if time.monotonic() - self._written >= _WRITE_EVERY:
            self._write()

    def log(self, line: str) -> None:
        """Add a line to the job's log. No patient data: administrators read it."""
        self._lines.append(line.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:_LOG_LINE])
        if time.monotonic() - self._written >= _WRITE_EVERY:
            self._write()

    def check_cancelled(self) -> None:
        """Stop here if the owner asked for it, or if another worker has the job now."""
        self._write()

    def flush(self) -> None:
        """Write what has been said so far."""
        self._write()

    def _write(self, **fields: Any) -> None:
        if self._should_stop():
            raise JobLost
        if self._lines:
            fields["log"] = Concat(F("log"), Value("".join(f"{line}\n" for line in self._lines)))
        self._written = time.monotonic()
        fields |= {"done": self._done, "rate": self._rate()}
        mine = Job.objects.filter(pk=self.job.pk, worker=self.job.worker, state=State.RUNNING)
        if not mine.update(heartbeat=timezone.now(), **fields):
            raise JobLost
        self._lines.clear()
        if Job.objects.filter(pk=self.job.pk, cancel_asked=True).exists():
            raise JobCancelled

    def _rate(self) -> float:
        """Return how much was done in a second lately."""
        now = self._written
        self._marks.append((now, self._done))
        while len(self._marks) > 2 and self._marks[1][0] < now - _RATE_OVER:
            self._marks.popleft()
        since, done = self._marks[0]
        return (self._done - done) / (now - since) if now - since >= 1 else 0.0


def stale() -> Q:
    """Running jobs whose worker has been silent for too long."""
    return Q(state=State.RUNNING, heartbeat__lt=timezone.now() - getattr(settings, "JOB_STALE", STALE))
