"""What became of each thing that a job deals with: kept, taken up again, and gone with the job."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pacsbrowser.jobs import work
from pacsbrowser.jobs.items import Items, add_items
from pacsbrowser.jobs.models import ItemState, Job, JobItem, State
from pacsbrowser.jobs.work import Progress, enqueue, job, retry
from pacsbrowser.jobs.worker import Worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_functions")]


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


def test_jobs_take_their_items_along() -> None:
    job("one")(lambda progress: None)
    row = enqueue("one", None, "Old")
    add_items(row, [("1", "")] * 3)
    Job.objects.update(state=State.DONE, finished=timezone.now() - timedelta(days=91))
    assert work.prune() == 1 and not JobItem.objects.exists()
