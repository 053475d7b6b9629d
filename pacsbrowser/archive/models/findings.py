"""What is odd about what was received (Finding), and which objects name which others (Reference)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from pacsbrowser.archive.models.levels import UID_LENGTH, Instance, Level, Patient, Series, Study


class FindingQuerySet(models.QuerySet["Finding"]):
    """Findings, limited to those that say something of what can be seen."""

    def live(self) -> FindingQuerySet:
        """Return findings on what is not in the trash. One that several instances have outlives its example."""
        found = self.filter(patient__instance_count__gt=0)
        on_one = Q(level=Level.INSTANCE) | Q(instance_count=1)
        found = found.exclude(on_one, instance__removal__isnull=False)
        return found.exclude(Q(study__instance_count=0) | Q(series__instance_count=0))

    def open(self) -> FindingQuerySet:
        """Return findings that wait for a person: notes do not."""
        return self.filter(state=Finding.State.OPEN).exclude(severity=Finding.Severity.INFO)


class Finding(models.Model):
    """Something a person should know about an object: shown on it, and listed on the Findings page until decided.

    What a header says about itself is recorded once for its series, with the number of instances and one of them as
    the example. A disagreement is recorded on the level whose attribute disagrees, with the `values` seen.
    """

    class Severity(models.TextChoices):
        """How much it matters."""

        INFO = "info", "Note"
        WARNING = "warning", "Warning"
        ERROR = "error", "Problem"

    class State(models.TextChoices):
        """Whether a person has dealt with it."""

        OPEN = "open", "Open"
        DONE = "done", "Done"

    code = models.CharField(max_length=40)
    severity = models.CharField(max_length=8, choices=Severity)
    level = models.CharField(max_length=8, choices=Level)
    keyword = models.CharField(max_length=64, blank=True)
    detail = models.CharField(max_length=1000, blank=True)
    values = models.JSONField(default=list, blank=True)
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="findings")
    study = models.ForeignKey(Study, models.CASCADE, null=True, blank=True, related_name="findings")
    series = models.ForeignKey(Series, models.CASCADE, null=True, blank=True, related_name="findings")
    instance = models.ForeignKey(Instance, models.CASCADE, null=True, blank=True, related_name="findings")
    object_key = models.BigIntegerField()
    # In how many received instances it was seen, like those of `values`: not less when some of them are removed.
    instance_count = models.IntegerField(default=1)
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    decided_by = models.CharField(max_length=150, blank=True)
    decided = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=500, blank=True)

    objects = FindingQuerySet.as_manager()

    class Meta:
        """Unique, so that a repeat adds none; the index serves the list of open findings."""

        constraints = (models.UniqueConstraint(fields=["level", "object_key", "code", "keyword"], name="finding_once"),)
        indexes = (models.Index(fields=["state", "last_seen", "id"], name="finding_by_state"),)

    def __str__(self) -> str:
        return f"{self.code} on {self.level} {self.object_key}"


class Reference(models.Model):
    """An object that an instance names by UID (PS3.3 10.3 and relatives), in the archive or not."""

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="references")
    kind = models.CharField(max_length=32)
    sop_class_uid = models.CharField(max_length=UID_LENGTH, blank=True)
    target_uid = models.CharField(max_length=UID_LENGTH)

    class Meta:
        """The index answers "which objects here refer to this UID"."""

        indexes = (models.Index(fields=["target_uid"], name="reference_by_target"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.target_uid}"
