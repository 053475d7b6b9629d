"""Where objects came from: one Delivery a transfer, with what became of each file that was not simply stored."""

import uuid

from django.conf import settings
from django.db import models

from pacsbrowser.archive.models.levels import UID_LENGTH, Instance, Study


class Outcome(models.TextChoices):
    """What became of a received file."""

    STORED = "stored", "Stored"
    ALREADY_HERE = "already_here", "Already here"
    VARIANT = "variant", "Variant"
    CONFLICT = "conflict", "Conflict"
    DICOMDIR = "dicomdir", "DICOMDIR skipped"
    NOT_DICOM = "not_dicom", "Not DICOM"
    REJECTED = "rejected", "Rejected"


# What the archive holds when it has said so.
KEPT = (Outcome.STORED, Outcome.ALREADY_HERE, Outcome.VARIANT, Outcome.CONFLICT)


class Door(models.TextChoices):
    """The way in that an object took."""

    UPLOAD = "upload", "Upload page"
    COMMAND = "command", "Command line"
    STOW = "stow", "DICOMweb"
    DIMSE = "dimse", "DIMSE"
    DEMO = "demo", "Demonstration data"


class Delivery(models.Model):
    """One transfer: an upload, a run of the `ingest` command, a STOW-RS client's session, an association."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    door = models.CharField(max_length=8, choices=Door)
    who = models.CharField(max_length=150, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    address = models.CharField(max_length=64, blank=True)
    label = models.CharField(max_length=200, blank=True)
    started = models.DateTimeField()
    active = models.DateTimeField()
    finished = models.DateTimeField(null=True, blank=True)
    size = models.BigIntegerField(default=0)
    stored = models.IntegerField(default=0)
    already_here = models.IntegerField(default=0)
    variant = models.IntegerField(default=0)
    conflict = models.IntegerField(default=0)
    dicomdir = models.IntegerField(default=0)
    not_dicom = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)

    class Meta:
        """The index serves the Arrivals page, latest activity first."""

        verbose_name_plural = "deliveries"
        indexes = (models.Index(fields=["active", "id"], name="delivery_by_activity"),)

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def received_count(self) -> int:
        """The number of files that came, whatever became of them."""
        return sum(getattr(self, outcome.value) for outcome in Outcome)


class DeliveryItem(models.Model):
    """A file of a delivery. Every file of an upload has one; elsewhere only files that were not simply stored.

    `resume_key` identifies a file of the sender's disk (path, size and time) within one delivery.
    """

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="items", db_index=False)
    name = models.CharField(max_length=1024, blank=True)
    size = models.BigIntegerField(default=0)
    outcome = models.CharField(max_length=12, choices=Outcome)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=1000, blank=True)
    resume_key = models.CharField(max_length=64, blank=True)
    study_instance_uid = models.CharField(max_length=UID_LENGTH, blank=True)
    series_instance_uid = models.CharField(max_length=UID_LENGTH, blank=True)
    sop_instance_uid = models.CharField(max_length=UID_LENGTH, blank=True)
    instance = models.ForeignKey(Instance, models.SET_NULL, null=True, related_name="+")
    received = models.DateTimeField()

    class Meta:
        """The indexes serve the report of a delivery and the question what of it came before."""

        indexes = (
            models.Index(fields=["delivery", "outcome", "id"], name="item_of_delivery"),
            models.Index(fields=["delivery", "resume_key"], name="item_to_resume"),
        )

    def __str__(self) -> str:
        return f"item {self.pk}"


class DeliveryStudy(models.Model):
    """A study that a delivery brought objects of, and how many were new."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="delivery_studies", db_index=False)
    study = models.ForeignKey(Study, models.CASCADE, related_name="delivery_studies")
    instance_count = models.IntegerField(default=0)

    class Meta:
        """One row a delivery and study."""

        verbose_name_plural = "delivery studies"
        constraints = (models.UniqueConstraint(fields=["delivery", "study"], name="delivery_study_once"),)

    def __str__(self) -> str:
        return f"study {self.study_id} in delivery {self.delivery_id}"
