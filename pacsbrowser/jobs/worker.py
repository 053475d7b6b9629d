"""The worker: claims the oldest waiting jobs, runs a few at a time, and takes over what dead workers left."""

import itertools
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from types import FrameType

from django.contrib.sessions.backends.db import SessionStore
from django.db import DatabaseError, close_old_connections, connections
from django.db.models import F, QuerySet
from django.utils import timezone

from pacsbrowser.audit.refusals import add_up
from pacsbrowser.jobs import work
from pacsbrowser.jobs.models import Job, State
from pacsbrowser.jobs.work import (
    HEARTBEAT,
    MAX_ATTEMPTS,
    JobCancelled,
    JobDelayed,
    JobFailed,
    JobLost,
    NotAllowed,
    Progress,
    check_owner,
    end,
    function_of,
    prune,
    stale,
)

logger = logging.getLogger(__name__)

_POLL = 0.5
_TIDY_EVERY = 3600.0
_ADD_UP_EVERY = 10.0
_STOP_WITHIN = 8.0


class Worker:
    """One process that works off jobs, as many at a time as it has lanes.

    The first lane takes no transfers, so that those which wait for slow machines never hold up everything.
    """

    def __init__(self, lanes: int = 1) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"[-100:]
        self._lanes = lanes
        self._claims = itertools.count(1)
        self._stop = threading.Event()
        self._done_at: dict[Callable[[], object], float] = {}

    def run(self) -> None:
        """Work until told to stop; the jobs at hand go back to the queue then."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()
        lanes = [
            threading.Thread(
                target=self._work, args=(number > 0 or self._lanes == 1,), daemon=True, name=f"lane {number}"
            )
            for number in range(self._lanes)
        ]
        for lane in lanes:
            lane.start()
        while not self._stop.wait(_POLL):
            close_old_connections()
            self._look_after()
        deadline = time.monotonic() + _STOP_WITHIN
        for lane in lanes:
            lane.join(max(0.1, deadline - time.monotonic()))
        connections.close_all()

    def stop(self) -> None:
        """Ask the worker to stop at the next safe point."""
        self._stop.set()

    def work_once(self, transfers: bool = True) -> bool:
        """Claim and run one job; false if none is waiting."""
        job_row = self.claim(transfers)
        if job_row is None:
            return False
        self._run(job_row)
        return True

    def claim(self, transfers: bool = True) -> Job | None:
        """Take the oldest waiting job by one conditional UPDATE, so that two lanes never have the same one.

        Each claim has a name of its own: a lane that was taken to be dead must not write into the job's next run.
        """
        waiting = Job.objects.filter(state=State.QUEUED, not_before__lte=timezone.now())
        if not transfers:
            waiting = waiting.exclude(name__in=work.transfers())
        for key in waiting.order_by("not_before").values_list("pk", flat=True)[:5]:
            now, name = timezone.now(), f"{self.name}:{next(self._claims)}"
            mine = Job.objects.filter(pk=key, state=State.QUEUED).update(
                state=State.RUNNING, worker=name, heartbeat=now, started=now, attempts=F("attempts") + 1, rate=0
            )
            if mine:
                return Job.objects.get(pk=key)
        return None

    def _work(self, transfers: bool) -> None:
        """Run jobs in one lane."""
        while not self._stop.is_set():
            close_old_connections()
            try:
                if self.work_once(transfers):
                    continue
            except DatabaseError:
                logger.exception("A job could not be claimed or ended")
            self._stop.wait(_POLL)
        connections.close_all()

    def _look_after(self) -> None:
        """Do what is due beside the jobs."""
        due: list[tuple[Callable[[], object], float]] = [(self.release_dead, 1.0), (_tidy, _TIDY_EVERY)]
        due.append((add_up, _ADD_UP_EVERY))
        due += [(chore.function, chore.every) for chore in work.chores()]
        for function, every in due:
            if time.monotonic() - self._done_at.get(function, -every) < every:
                continue
            self._done_at[function] = time.monotonic()
            try:
                function()
            except Exception:
                logger.exception("%s failed", getattr(function, "__name__", "A chore"))

    def release_dead(self) -> None:
        """Put jobs of dead workers back into the queue; one that has killed its worker too often fails."""
        running = Job.objects.filter(state=State.RUNNING).exclude(worker__startswith=f"{self.name}:")
        dead = {key for key, worker in running.values_list("pk", "worker") if not _may_live(worker)}
        dead |= set(running.filter(stale()).values_list("pk", flat=True))
        for job_row in Job.objects.filter(pk__in=dead):
            self._end(job_row, "The worker process ended while it ran this job.", again=not job_row.cancel_asked)

    def _run(self, job_row: Job) -> None:
        progress = Progress(job_row, self._stop.is_set)
        try:
            function = function_of(job_row.name)
            if function is None:
                raise JobFailed(f"This installation has no job called {job_row.name}.")
            check_owner(job_row)
            result = function(progress, **job_row.parameters)
            progress.flush()
        except JobCancelled:
            self._finish(job_row, State.CANCELLED)
        except JobDelayed as delay:
            self._put_off(job_row, delay)
        except (JobFailed, NotAllowed) as failure:
            self._finish(job_row, State.FAILED, problem=str(failure)[:500])
        except JobLost:
            # stopped, or taken over: if it still is ours, somebody else may go on with it at once
            self._mine(job_row).update(state=State.QUEUED, worker="", attempts=F("attempts") - 1)
        except Exception as error:
            logger.exception("Job %s (%s) failed", job_row.pk, job_row.name)
            self._end(job_row, f"It stopped with an unexpected {type(error).__name__}.", again=True)
        else:
            self._finish(job_row, State.DONE, result=result or {}, problem="")

    def _put_off(self, job_row: Job, delay: JobDelayed) -> None:
        """Run a job again later, unless its owner asked for its end since it last looked."""
        fields = {"problem": str(delay)[:500], "not_before": timezone.now() + delay.wait}
        mine = self._mine(job_row)
        if not mine.filter(cancel_asked=False).update(
            state=State.QUEUED, worker="", attempts=0, delays=F("delays") + 1, **fields
        ):
            end(mine, State.CANCELLED)

    def _finish(self, job_row: Job, state: State, **fields: object) -> None:
        end(self._mine(job_row), state, **fields)

    def _end(self, job_row: Job, problem: str, again: bool) -> None:
        """Try again later, each time waiting longer; or give up."""
        rows = self._mine(job_row)
        if again and job_row.attempts < MAX_ATTEMPTS:
            wait = timedelta(seconds=2 * 4 ** (job_row.attempts - 1))
            rows.update(state=State.QUEUED, worker="", problem=problem, not_before=timezone.now() + wait)
        else:
            state = State.CANCELLED if job_row.cancel_asked else State.FAILED
            end(rows, state, problem=problem)

    def _mine(self, job_row: Job) -> QuerySet[Job]:
        return Job.objects.filter(pk=job_row.pk, state=State.RUNNING, worker=job_row.worker)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT.total_seconds()):
            try:
                Job.objects.filter(state=State.RUNNING, worker__startswith=f"{self.name}:").update(
                    heartbeat=timezone.now()
                )
            except Exception:
                logger.exception("The heartbeat could not be written")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop()


def _tidy() -> None:
    SessionStore.clear_expired()
    prune()


def _may_live(worker: str) -> bool:
    """False if the worker ran on this host and its process is gone; its successor need not wait for silence then."""
    host, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdecimal():
        return True
    if int(pid) == os.getpid():
        # this process has another name, so that one had the number before
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
