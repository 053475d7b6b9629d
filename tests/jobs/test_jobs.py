"""Jobs run once, survive their worker, and can be cancelled and retried."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from pacsbrowser.access.models import Role, User
from pacsbrowser.jobs import work
from pacsbrowser.jobs.items import Items, add_items
from pacsbrowser.jobs.models import ENDED, ItemState, Job, JobItem, State
from pacsbrowser.jobs.work import JobDelayed, JobFailed, Progress, cancel, enqueue, job, retry
from pacsbrowser.jobs.worker import Worker
from pacsbrowser.pages.templatetags.humane import time_span

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_functions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(work, "_functions", {})
    yield


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


def test_pages(client: Client) -> None:
    mine = User.objects.create_user("mine", password="x")
    other = User.objects.create_user("other", password="x")
    boss = User.objects.create_user("boss", password="x", role=Role.ADMINISTRATOR)
    job("one")(lambda progress: None)
    row = enqueue("one", mine, "Unpack <b>x</b>.zip")
    client.force_login(mine)
    text = client.get(reverse("job_list")).content.decode()
    assert "Unpack &lt;b&gt;x" in text and "every 2s" in text
    fragment = client.get(reverse("job_list"), headers={"HX-Request": "true"}).content.decode()
    assert fragment.lstrip().startswith("<section") and "app-bar" not in fragment
    restored = client.get(
        reverse("job_list"), headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    ).content.decode()
    assert "app-bar" in restored
    client.force_login(other)
    assert "Unpack" not in client.get(reverse("job_list")).content.decode()
    for name in ("job_detail", "job_cancel", "job_retry"):
        method = client.get if name == "job_detail" else client.post
        assert method(reverse(name, args=[row.pk])).status_code == 404
    client.force_login(boss)
    assert "Unpack" in client.get(reverse("job_list"), {"of": "all"}).content.decode()
    client.post(reverse("job_cancel", args=[row.pk]))
    row.refresh_from_db()
    assert row.state == State.CANCELLED
    client.post(reverse("job_retry", args=[row.pk]))
    row.refresh_from_db()
    assert row.state == State.QUEUED


def test_each_item_keeps_what_became_of_it_and_a_retry_takes_up_what_failed() -> None:
    dealt_with: list[str] = []

    @job("send")
    def send(progress: Progress) -> dict[str, Any]:
        with Items(progress, "objects") as items:
            for some in items.waiting():
                for item in some:
                    dealt_with.append(item.subject)
                    bad = item.subject == "3" and len(dealt_with) <= 5
                    items.settle(item, ItemState.FAILED if bad else ItemState.DONE, "no\x00room" if bad else "")
            return items.end()

    row = enqueue("send", None, "Send")
    assert add_items(row, [(str(number), f"object {number}") for number in range(5)]) == 5
    Worker().work_once()
    row.refresh_from_db()
    assert (row.state, row.problem, row.done, row.total, row.failed) == (State.FAILED, "1 of 5 failed.", 5, 5, 1)
    assert row.items.get(state=ItemState.FAILED).reason == "no\N{REPLACEMENT CHARACTER}room"
    assert retry(row)
    Worker().work_once()
    row.refresh_from_db()
    assert (row.state, row.failed, row.result) == (State.DONE, 0, {"done": 5})
    assert dealt_with == ["0", "1", "2", "3", "4", "3"]


def test_a_job_that_was_cut_off_goes_on_with_what_still_waits() -> None:
    dealt_with: list[str] = []

    @job("send")
    def send(progress: Progress) -> dict[str, Any]:
        with Items(progress, "objects") as items:
            for some in items.waiting():
                for item in some:
                    dealt_with.append(item.subject)
                    items.settle(item, ItemState.DONE)
                    if len(dealt_with) == 3:
                        raise RuntimeError("cut off")
            return items.end()

    row = enqueue("send", None, "Send")
    add_items(row, [(str(number), "") for number in range(6)])
    worker = Worker()
    worker.work_once()
    Job.objects.update(not_before=timezone.now())
    worker.work_once()
    row.refresh_from_db()
    assert (row.state, row.done, row.attempts) == (State.DONE, 6, 2)
    assert dealt_with == [str(number) for number in range(6)]


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


def test_jobs_take_their_items_along() -> None:
    job("one")(lambda progress: None)
    row = enqueue("one", None, "Old")
    add_items(row, [("1", "")] * 3)
    Job.objects.update(state=State.DONE, finished=timezone.now() - timedelta(days=91))
    assert work.prune() == 1 and not JobItem.objects.exists()


def test_the_page_of_a_job_shows_what_failed_first(client: Client) -> None:
    mine = User.objects.create_user("mine", password="x")
    job("one")(lambda progress: None)
    row = enqueue("one", mine, "Send")
    add_items(row, [(str(number), f"object <{number}>") for number in range(150)])
    row.items.filter(subject="7").update(state=ItemState.FAILED, reason="out of <resources>")
    client.force_login(mine)
    address = reverse("job_detail", args=[row.pk])
    text = client.get(address).content.decode()
    assert "object &lt;7&gt;" in text and "out of &lt;resources&gt;" in text and "object &lt;8&gt;" not in text
    text = client.get(address, {"state": "waiting"}).content.decode()
    assert "object &lt;0&gt;" in text and "Further items" in text
    after = row.items.get(subject="100").pk
    text = client.get(address, {"state": "waiting", "after": after}).content.decode()
    assert "object &lt;101&gt;" in text and "Further items" not in text


def test_polling_ends_with_the_last_job(client: Client) -> None:
    mine = User.objects.create_user("mine", password="x")
    job("one")(lambda progress: progress.set_total(4))
    client.force_login(mine)
    enqueue("one", mine, "Send")
    assert "every 2s" in client.get(reverse("job_list")).content.decode()
    text = client.get(reverse("help")).content.decode()
    assert "1 job, 0 %" in text and 'hx-get="/jobs/running"' in text
    Worker().work_once()
    assert "every" not in client.get(reverse("job_list")).content.decode()
    assert "/jobs/running" not in client.get(reverse("help")).content.decode()
    text = client.get(reverse("job_indicator"), headers={"HX-Request": "true"}).content.decode()
    assert "Job done" in text and "every" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "less than 1 s"), (6, "6 s"), (112, "1 min 52 s"), (3600, "1 h"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_spans_of_time(seconds: float, text: str) -> None:
    assert time_span(seconds) == text
