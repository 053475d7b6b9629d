"""The table of jobs."""

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
    attempts = models.PositiveSmallIntegerField(default=0)
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
    def outcome(self) -> dict[str, Any]:
        """What the function returned; empty before the end."""
        return dict(self.result)
