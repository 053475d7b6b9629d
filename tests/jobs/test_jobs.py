"""Jobs run once, survive their worker, and can be cancelled and retried."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from pacsbrowser.access.models import Role, User
from pacsbrowser.jobs import work
from pacsbrowser.jobs.models import ENDED, Job, State
from pacsbrowser.jobs.work import JobDelayed, JobFailed, Progress, cancel, enqueue, job, retry
from pacsbrowser.jobs.worker import Worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_functions")]


def test_a_job_runs_and_says_how_far_it_is() -> None:
    @job("count")
    def count(progress: Progress, upto: int) -> dict[str, Any]:
        progress.set_total(upto, "files")
        for _ in range(upto):
            progress.advance()
        progress.log("counted")
        return {"counted": upto}

    row = enqueue("count", None, "Count to 7", upto=7)
    assert Worker().work_once()
    row.refresh_from_db()
    assert (row.state, row.done, row.total, row.unit) == (State.DONE, 7, 7, "files")
    assert (row.result, row.log, row.attempts) == ({"counted": 7}, "counted\n", 1)
    assert not Worker().work_once()


def test_a_name_is_registered_once() -> None:
    job("one")(lambda progress: None)
    with pytest.raises(ValueError, match="Two job functions"):
        job("one")(lambda progress: {})
    with pytest.raises(ValueError, match="No job function"):
        enqueue("another", None, "?")


def test_two_workers_never_have_the_same_job() -> None:
    job("one")(lambda progress: None)
    enqueue("one", None, "One")
    first, second = Worker(), Worker()
    assert first.claim() is not None
    assert second.claim() is None


def test_an_error_is_tried_again_later_and_then_fails() -> None:
    @job("bad")
    def bad(progress: Progress) -> None:
        raise RuntimeError("with a patient's name in it")

    row = enqueue("bad", None, "Bad")
    worker = Worker()
    for attempt in range(1, work.MAX_ATTEMPTS + 1):
        assert worker.work_once()
        row.refresh_from_db()
        assert row.attempts == attempt
        assert not worker.work_once() or row.state != State.QUEUED
        assert "patient" not in row.problem
        Job.objects.update(not_before=timezone.now())
    assert row.state == State.FAILED and "RuntimeError" in row.problem


def test_a_plain_failure_is_final_until_somebody_retries() -> None:
    good = []

    @job("once")
    def once(progress: Progress) -> None:
        if not good:
            raise JobFailed("The zip is cut off.")

    row = enqueue("once", None, "Once")
    worker = Worker()
    worker.work_once()
    row.refresh_from_db()
    assert (row.state, row.problem) == (State.FAILED, "The zip is cut off.")
    good.append(True)
    assert retry(row) and not retry(row)
    worker.work_once()
    row.refresh_from_db()
    assert (row.state, row.problem) == (State.DONE, "")


def test_who_has_lost_the_right_to_a_job_does_not_run_it(client: Client) -> None:
    ran = []
    job("send", may_run=lambda owner: owner.may_upload)(lambda progress: ran.append(True))
    owner = User.objects.create_user("owner", password="x", role=Role.UPLOADER)
    waiting, failed = enqueue("send", owner, "Waiting"), enqueue("send", owner, "Failed")
    Job.objects.filter(pk=failed.pk).update(state=State.FAILED)
    User.objects.filter(pk=owner.pk).update(role=Role.VIEWER)
    client.force_login(owner)
    page = client.post(reverse("job_retry", args=[failed.pk]), follow=True).content.decode()
    assert "may not do this any more" in page
    assert Worker().work_once() and not Worker().work_once()
    waiting.refresh_from_db()
    assert waiting.state == State.FAILED and "may not do this any more" in waiting.problem
    assert not ran
    User.objects.filter(pk=owner.pk).update(role=Role.UPLOADER)
    client.post(reverse("job_retry", args=[failed.pk]))
    assert Worker().work_once() and ran


def test_of_two_jobs_that_end_at_once_one_is_the_last() -> None:
    left = []

    def ended(row: Job) -> None:
        left.append(Job.objects.filter(subject=row.subject).exclude(state__in=ENDED).count())

    job("zip", ended=ended)(lambda progress: None)
    first, second = Worker(), Worker()
    for _ in range(2):
        enqueue("zip", None, "Zip", "delivery")
    enqueue("zip", None, "Zip", "another")
    jobs = [first.claim(), second.claim()]
    for worker, row in zip((first, second), jobs, strict=True):
        assert row is not None
        worker._run(row)
    assert left == [1, 0]
    third = Job.objects.get(subject="another")
    assert cancel(third) and left == [1, 0, 0]


def test_jobs_that_ended_long_ago_are_deleted() -> None:
    job("one")(lambda progress: None)
    old, new, waiting = (enqueue("one", None, name) for name in ("old", "new", "waiting"))
    long_ago = timezone.now() - timedelta(days=91)
    Job.objects.update(created=long_ago)
    Job.objects.exclude(pk=waiting.pk).update(state=State.DONE, finished=timezone.now())
    Job.objects.filter(pk=old.pk).update(finished=long_ago)
    assert work.prune() == 1
    assert set(Job.objects.all()) == {new, waiting}


def test_cancelling() -> None:
    @job("long")
    def long(progress: Progress) -> None:
        assert cancel(progress.job)
        progress.check_cancelled()
        raise AssertionError("it went on")

    waiting = enqueue("long", None, "Waiting")
    assert cancel(waiting)
    waiting.refresh_from_db()
    assert waiting.state == State.CANCELLED
    assert not cancel(waiting)
    running = enqueue("long", None, "Running")
    Worker().work_once()
    running.refresh_from_db()
    assert running.state == State.CANCELLED


def test_a_stopped_worker_gives_its_job_back() -> None:
    worker = Worker()

    @job("long")
    def long(progress: Progress) -> None:
        worker.stop()
        progress.check_cancelled()

    row = enqueue("long", None, "Long")
    worker.work_once()
    row.refresh_from_db()
    assert (row.state, row.attempts, row.worker) == (State.QUEUED, 0, "")


def test_a_silent_worker_loses_its_job() -> None:
    job("one")(lambda progress: None)
    row = enqueue("one", None, "One")
    stopped = Worker()
    stopped.name = "elsewhere:1:aa"
    claimed = stopped.claim()
    assert claimed is not None
    Worker().release_dead()
    row.refresh_from_db()
    assert row.state == State.RUNNING, "another host's worker is taken to live while its heart beats"
    Job.objects.update(heartbeat=timezone.now() - work.STALE - timedelta(seconds=1))
    Worker().release_dead()
    row.refresh_from_db()
    assert row.state == State.QUEUED
    with pytest.raises(work.JobLost):
        Progress(claimed).advance()


def test_a_job_may_ask_to_be_run_later() -> None:
    @job("forward")
    def forward(progress: Progress) -> None:
        raise JobDelayed("Nobody answers.", timedelta(minutes=5))

    row = enqueue("forward", None, "Forward")
    worker = Worker()
    assert worker.work_once() and not worker.work_once()
    row.refresh_from_db()
    assert (row.state, row.problem, row.attempts, row.worker) == (State.QUEUED, "Nobody answers.", 0, "")
    assert row.delays == 1
    assert timedelta(minutes=4) < row.not_before - timezone.now() < timedelta(minutes=6)


def test_a_job_that_is_cancelled_while_it_puts_itself_off_ends() -> None:
    @job("forward")
    def forward(progress: Progress) -> None:
        assert cancel(progress.job)
        raise JobDelayed("Nobody answers.", timedelta(hours=1))

    row = enqueue("forward", None, "Forward")
    assert Worker().work_once()
    row.refresh_from_db()
    assert row.state == State.CANCELLED and row.finished


def test_planned_delays_use_up_no_attempts() -> None:
    """However often a job has put itself off, its worker may die as often as with any other."""
    fails = [JobDelayed("nobody there", timedelta(hours=1))] * 5 + [RuntimeError()] * (work.MAX_ATTEMPTS - 1)

    @job("later")
    def later(progress: Progress) -> None:
        if fails:
            raise fails.pop(0)

    row = enqueue("later", None, "Later")
    for _ in range(len(fails)):
        assert Worker().work_once()
        row.refresh_from_db()
        assert row.state == State.QUEUED
        Job.objects.update(not_before=timezone.now())
    assert (row.delays, row.attempts) == (5, work.MAX_ATTEMPTS - 1)
    assert Worker().work_once()
    row.refresh_from_db()
    assert row.state == State.DONE
    Job.objects.update(state=State.FAILED)
    assert retry(row)
    row.refresh_from_db()
    assert (row.delays, row.attempts) == (0, 0)


def test_one_lane_is_kept_for_what_is_no_transfer() -> None:
    job("send", is_transfer=True)(lambda progress: None)
    job("unpack")(lambda progress: None)
    sending, unpacking = enqueue("send", None, "Send"), enqueue("unpack", None, "Unpack")
    worker = Worker(2)
    first = worker.claim(transfers=False)
    assert first is not None and first.pk == unpacking.pk
    assert worker.claim(transfers=False) is None
    second = worker.claim()
    assert second is not None and second.pk == sending.pk
    assert first.worker != second.worker


def test_a_lane_that_lost_its_job_does_not_write_into_the_next_run() -> None:
    job("one")(lambda progress: None)
    row = enqueue("one", None, "One")
    worker = Worker(2)
    lost = worker.claim()
    assert lost is not None
    Job.objects.update(state=State.QUEUED, worker="")
    again = worker.claim()
    assert again is not None and again.pk == row.pk
    with pytest.raises(work.JobLost):
        Progress(lost).advance()
    Progress(again).advance()


def test_rate_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(work.time, "monotonic", lambda: now[0])
    job("one")(lambda progress: None)
    enqueue("one", None, "One")
    row = Worker().claim()
    assert row is not None
    progress = Progress(row)
    progress.set_total(1000, "objects", done=400)
    for _ in range(20):
        now[0] += 1
        progress.advance(10)
    row.refresh_from_db()
    assert (row.done, row.rate, row.remaining) == (600, 10.0, 40.0)
