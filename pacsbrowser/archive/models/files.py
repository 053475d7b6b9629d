"""The files: received bytes (Blob), further copies under one UID (Copy), the trash (Removal), deletion for good."""

from django.conf import settings
from django.db import models

from pacsbrowser.archive.models.levels import UID_LENGTH, Instance, Level


class Blob(models.Model):
    """A received file, byte for byte. `path` is relative to the store."""

    sha256 = models.BinaryField(max_length=32, unique=True)
    path = models.CharField(max_length=200)
    size = models.BigIntegerField()

    def __str__(self) -> str:
        return self.path


class Tombstone(models.Model):
    """A file whose rows are deleted and that is to be unlinked: what a crash leaves is done at the next start."""

    path = models.CharField(max_length=200, unique=True)

    def __str__(self) -> str:
        return self.path


class Copy(models.Model):
    """A further object received under the UID of an instance: another encoding of it, or other content."""

    class Kind(models.TextChoices):
        """How the copy differs from the instance that is shown."""

        VARIANT = "variant", "Variant"
        CONFLICT = "conflict", "Conflict"

    instance = models.ForeignKey(Instance, models.CASCADE, related_name="copies")
    kind = models.CharField(max_length=8, choices=Kind)
    blob = models.OneToOneField(Blob, models.PROTECT, related_name="copy")
    transfer_syntax_uid = models.CharField(max_length=UID_LENGTH, blank=True)
    content_digest = models.BinaryField(max_length=32)
    is_whole = models.BooleanField(default=True)
    delivery = models.ForeignKey("Delivery", models.PROTECT, related_name="copies")
    original_name = models.CharField(max_length=1024, blank=True)
    received = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} of {self.instance_id}"


class Removal(models.Model):
    """An act of putting objects into the trash: who, when, why. Restoring it makes its instances live again."""

    level = models.CharField(max_length=8, choices=Level)
    label = models.CharField(max_length=300)
    uid = models.CharField(max_length=UID_LENGTH, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    who = models.CharField(max_length=150)
    when = models.DateTimeField()
    why = models.CharField(max_length=500, blank=True)
    instance_count = models.IntegerField()
    size = models.BigIntegerField()
    restored_by = models.CharField(max_length=150, blank=True)
    restored = models.DateTimeField(null=True, blank=True)
    purged_by = models.CharField(max_length=150, blank=True)
    purged = models.DateTimeField(null=True, blank=True)

    class Meta:
        """The index serves the trash page, newest first."""

        indexes = (models.Index(fields=["when", "id"], name="removal_by_time"),)

    def __str__(self) -> str:
        return f"removal {self.pk}"
