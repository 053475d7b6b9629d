"""The tables of jobs, and of the single things that a job deals with."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone


class State(models.TextChoices):
    """Where a job is in its life."""

    QUEUED = "queued", "Waiting"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


ENDED = (State.DONE, State.FAILED, State.CANCELLED)


class Job(models.Model):
    """One piece of work. `worker` names who has it; only that worker may write its progress."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=60)
    # what it works on, where its jobs are asked for: the key of a row of another table
    subject = models.CharField(max_length=64, blank=True, default="")
    title = models.CharField(max_length=256)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    parameters = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    unit = models.CharField(max_length=20, blank=True)
    # of `unit` in a second, over the last while
    rate = models.FloatField(default=0)
    failed = models.PositiveIntegerField(default=0)
    # how often in a row it was begun and not ended; `delays`: how often it has put itself off
    attempts = models.PositiveSmallIntegerField(default=0)
    delays = models.PositiveSmallIntegerField(default=0)
    cancel_asked = models.BooleanField(default=False)
    worker = models.CharField(max_length=128, blank=True)
    heartbeat = models.DateTimeField(null=True)
    not_before = models.DateTimeField(default=timezone.now)
    problem = models.CharField(max_length=500, blank=True)
    log = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        """For claiming the oldest waiting job, the two lists of the jobs page, newest first, and a subject's jobs."""

        indexes = [
            models.Index(fields=["state", "not_before"], name="job_claim"),
            models.Index(fields=["-created", "id"], name="job_newest"),
            models.Index(fields=["owner", "-created"], name="job_mine"),
            models.Index(fields=["subject", "created"], name="job_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.get_state_display()})"

    @property
    def has_ended(self) -> bool:
        """Nothing will happen to it by itself any more."""
        return self.state in ENDED

    @property
    def tries(self) -> int:
        """How often it was begun since somebody asked for it."""
        return self.attempts + self.delays

    @property
    def remaining(self) -> float | None:
        """Seconds that the rest takes at the present rate; None where that cannot be said."""
        if self.state != State.RUNNING or self.rate <= 0 or not self.total:
            return None
        return max(self.total - self.done, 0) / self.rate

    @property
    def duration(self) -> float | None:
        """Seconds from the last start to the end."""
        return (self.finished - self.started).total_seconds() if self.started and self.finished else None

    @property
    def outcome(self) -> dict[str, Any]:
        """What the function returned; empty before the end."""
        return dict(self.result)


class ItemState(models.TextChoices):
    """What became of one of the things that a job deals with."""

    WAITING = "waiting", "Waiting"
    DONE = "done", "Done"
    WARNING = "warning", "Done, with a remark"
    FAILED = "failed", "Failed"


class JobItem(models.Model):
    """One thing that a job deals with: an object to send, a study to fetch. A retry takes up only what has failed."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="items", db_index=False)
    # what the job's function knows it by: the key of a row, or a UID
    subject = models.CharField(max_length=64)
    label = models.CharField(max_length=256, blank=True)
    state = models.CharField(max_length=10, choices=ItemState.choices, default=ItemState.WAITING)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        """For what still waits, and for the counts and the lists of the job's page."""

        indexes = [models.Index(fields=["job", "state", "id"], name="job_item_state")]

    def __str__(self) -> str:
        return f"item {self.pk}"
