"""The table of events. Users, patients and studies are held as text, so that no deletion breaks the trail."""

from typing import Any, NoReturn

from django.db import models
from django.utils import timezone


class Action(models.TextChoices):
    """What was done; the words follow the events of PS3.15 A.5.3."""

    LOGIN = "login", "Log in"
    LOGIN_FAILED = "login_failed", "Log in failed"
    LOGOUT = "logout", "Log out"
    UPLOAD = "upload", "Upload"
    INGEST = "ingest", "Import on the server"
    QUERY = "query", "Search"
    VIEW = "view", "View"
    DOWNLOAD = "download", "Download"
    DELETE = "delete", "Delete"
    RESTORE = "restore", "Restore"
    USER_CHANGE = "user_change", "Account changed"
    AUDIT_READ = "audit_read", "Audit log read"
    DECIDE = "decide", "Finding decided"
    ASSOCIATE = "associate", "Association"
    SEND = "send", "Send to a node"
    FETCH = "fetch", "Fetch from a node"
    COMMIT = "commit", "Storage commitment"
    NODE_CHANGE = "node_change", "Node changed"
    START = "start", "Start"
    STOP = "stop", "Stop"


class Result(models.TextChoices):
    """How it ended."""

    SUCCESS = "success", "done"
    REFUSED = "refused", "refused"
    FAILED = "failed", "failed"


class AppendOnlyError(Exception):
    """Somebody tried to change or delete an event."""


def _refuse() -> NoReturn:
    raise AppendOnlyError("Audit events are append-only: they are neither changed nor deleted.")


class EventQuerySet(models.QuerySet["Event"]):
    """Events can be read and added; the database refuses the rest as well."""

    def update(self, **kwargs: Any) -> int:
        """Refuse."""
        _refuse()

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refuse."""
        _refuse()


class Event(models.Model):
    """One act of one person or system. Event ids grow with time, so they order the trail."""

    time = models.DateTimeField(default=timezone.now, editable=False)
    action = models.CharField(max_length=20, choices=Action.choices)
    outcome = models.CharField(max_length=10, choices=Result.choices, default=Result.SUCCESS)
    who = models.CharField(max_length=150, blank=True)
    user_id = models.BigIntegerField(null=True, editable=False)
    role = models.CharField(max_length=20, blank=True)
    address = models.CharField(max_length=64, blank=True)
    door = models.CharField(max_length=20, blank=True)
    patient = models.CharField(max_length=256, blank=True)
    study = models.CharField(max_length=64, blank=True)
    object = models.CharField(max_length=256, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        """Each index serves one filter of the audit page, newest first; the last one `record_view`."""

        indexes = [
            models.Index(fields=["time"], name="event_time"),
            models.Index(fields=["action", "id"], name="event_action"),
            models.Index(fields=["outcome", "id"], name="event_outcome"),
            models.Index(fields=["who", "id"], name="event_who"),
            models.Index(fields=["patient", "id"], name="event_patient"),
            models.Index(fields=["study", "id"], name="event_study"),
            models.Index(fields=["user_id", "action", "study", "time"], name="event_seen"),
        ]

    def __str__(self) -> str:
        return f"{self.time:%Y-%m-%d %H:%M:%S} {self.who} {self.action} {self.outcome}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the event; refuse to change one."""
        if not self._state.adding:
            _refuse()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refuse."""
        _refuse()


class Refusal(models.Model):
    """How often somebody was refused in a minute, `more` than the first time; until that is in the log."""

    minute = models.DateTimeField()
    action = models.CharField(max_length=20)
    door = models.CharField(max_length=20)
    address = models.CharField(max_length=64)
    reason = models.CharField(max_length=100)
    more = models.PositiveIntegerField(default=0)

    class Meta:
        """One row for all that is alike."""

        constraints = (
            models.UniqueConstraint(fields=["minute", "action", "door", "address", "reason"], name="refusal_once"),
        )

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M} {self.address} {self.reason}"
