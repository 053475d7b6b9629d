"""Patient, Study, Series and Instance: DICOM's hierarchy (PS3.3 A.1.2), one row an object.

Fields carry DICOM's keywords in snake case. Foreign keys are `patient`, `study` and `series`, so `study.patient_id` is
the key of a row; the Patient ID (0010,0020) is always `study.patient.patient_id`.

What is counted or derived here (counts, modalities, `last_study`, the `*_sort` and `*_search` columns) is computed
from what is stored and is written by `archive.ingest`, `archive.counters` and `archive.removal` alone. Sort columns
are never null; '' sorts as "not given". Text is at most 256 characters: what is longer is cut here and whole in the
file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from pacsbrowser.access.scope import Scope

if TYPE_CHECKING:
    from pacsbrowser.archive.models.files import Removal

UID_LENGTH = 64
TEXT_LENGTH = 256
# An identity key is a prefix, an issuer and a Patient ID, or a prefix and a study's UID.
IDENTITY_LENGTH = 2 * TEXT_LENGTH + 8


# A study of which something came within so long is still being received.
BUSY = timedelta(seconds=5)


class Level(models.TextChoices):
    """The levels of the hierarchy (PS3.4 C.3)."""

    PATIENT = "patient", "Patient"
    STUDY = "study", "Study"
    SERIES = "series", "Series"
    INSTANCE = "instance", "Instance"


class PatientQuerySet(models.QuerySet["Patient"]):
    """Patients, limited to what a viewer may see."""

    def visible_to(self, scope: Scope) -> PatientQuerySet:
        """Return patients with at least one live study in `scope`."""
        live = self.filter(instance_count__gt=0)
        if scope.everything:
            return live
        return live.filter(Exists(Study.objects.visible_to(scope).filter(patient=OuterRef("pk"))))


class StudyQuerySet(models.QuerySet["Study"]):
    """Studies, limited to what a viewer may see."""

    def visible_to(self, scope: Scope) -> StudyQuerySet:
        """Return live studies in `scope`; a scope is decided per study."""
        live = self.filter(instance_count__gt=0)
        return live if scope.everything else live.filter(in_scope(scope))

    def being_received(self) -> StudyQuerySet:
        """Return studies of which objects came in these seconds: what can wait leaves the machine to their senders."""
        return self.filter(received__gt=timezone.now() - BUSY)

    def shared_uids(self, uids: Iterable[str]) -> set[str]:
        """Return those of some Study Instance UIDs that more than one of these studies has."""
        held = self.filter(study_instance_uid__in=set(uids)).order_by().values("study_instance_uid")
        shared = held.annotate(holders=Count("pk")).filter(holders__gt=1)
        return set(shared.values_list("study_instance_uid", flat=True))


class SeriesQuerySet(models.QuerySet["Series"]):
    """Series, limited to what a viewer may see."""

    def visible_to(self, scope: Scope) -> SeriesQuerySet:
        """Return live series of studies in `scope`."""
        live = self.filter(instance_count__gt=0)
        return live if scope.everything else live.filter(in_scope(scope, "study__"))


class InstanceQuerySet(models.QuerySet["Instance"]):
    """Instances, limited to what a viewer may see."""

    def live(self) -> InstanceQuerySet:
        """Return instances that are not in the trash."""
        return self.filter(removal=None)

    def visible_to(self, scope: Scope) -> InstanceQuerySet:
        """Return live instances of studies in `scope`."""
        live = self.live()
        return live if scope.everything else live.filter(in_scope(scope, "series__study__"))


def in_scope(scope: Scope, path: str = "") -> Q:
    """Return the condition on a study, reached over `path`, that a limited `scope` sets."""
    return Q(**{f"{path}institution_name__in": sorted(scope.institutions)})


class Patient(models.Model):
    """A patient, identified by Patient ID and Issuer of Patient ID; without an ID, by the one study it has."""

    patient_id = models.CharField(max_length=TEXT_LENGTH, blank=True)
    issuer_of_patient_id = models.CharField(max_length=TEXT_LENGTH, blank=True)
    identity_key = models.CharField(max_length=IDENTITY_LENGTH, unique=True)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="merged")

    patient_name = models.CharField(max_length=TEXT_LENGTH, blank=True)
    name_display = models.CharField(max_length=TEXT_LENGTH, blank=True)
    name_others = models.CharField(max_length=TEXT_LENGTH, blank=True)
    name_sort = models.CharField(max_length=TEXT_LENGTH, blank=True)
    name_search = models.CharField(max_length=2 * TEXT_LENGTH, blank=True)
    id_search = models.CharField(max_length=TEXT_LENGTH, blank=True)
    patient_birth_date = models.CharField(max_length=TEXT_LENGTH, blank=True)
    birth_date = models.DateField(null=True, blank=True)
    patient_sex = models.CharField(max_length=TEXT_LENGTH, blank=True)

    last_study = models.CharField(max_length=14, blank=True)
    last_study_row = models.ForeignKey(
        "Study", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    modalities = models.CharField(max_length=TEXT_LENGTH, blank=True)
    study_count = models.IntegerField(default=0)
    series_count = models.IntegerField(default=0)
    instance_count = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0)
    finding_count = models.IntegerField(default=0)
    created = models.DateTimeField()

    objects = PatientQuerySet.as_manager()

    class Meta:
        """Each index serves one sort order of the patient list."""

        indexes = (
            models.Index(fields=["name_sort", "id"], name="patient_by_name"),
            models.Index(fields=["patient_id", "id"], name="patient_by_id"),
            models.Index(fields=["id_search", "id"], name="patient_by_id_search"),
            models.Index(fields=["last_study", "id"], name="patient_by_last_study"),
            models.Index(fields=["patient_birth_date", "id"], name="patient_by_birth_date"),
            models.Index(fields=["patient_sex", "id"], name="patient_by_sex"),
            models.Index(fields=["study_count", "id"], name="patient_by_studies"),
            models.Index(fields=["modalities", "id"], name="patient_by_modalities"),
        )

    def __str__(self) -> str:
        return f"patient {self.pk}"

    @property
    def audit_name(self) -> str:
        """What the audit trail calls the patient: the Patient ID, else the key of the row, never nothing."""
        return self.patient_id or f"No ID, patient {self.pk}"


class NameWord(models.Model):
    """A folded word of any group of a patient's name; a search for a name walks these by prefix."""

    word = models.CharField(max_length=TEXT_LENGTH)
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="name_words")

    class Meta:
        """One row a word and patient."""

        constraints = (models.UniqueConstraint(fields=["word", "patient"], name="name_word_once"),)

    def __str__(self) -> str:
        return f"word of patient {self.patient_id}"


class Study(models.Model):
    """A study, one row for each received patient identity that its UID came with.

    `patient` is the patient it is shown under; `received_identity_key` is what its objects said.
    """

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="studies")
    study_instance_uid = models.CharField(max_length=UID_LENGTH)
    uid_reversed = models.CharField(max_length=UID_LENGTH)
    received_identity_key = models.CharField(max_length=IDENTITY_LENGTH)

    study_date = models.CharField(max_length=TEXT_LENGTH, blank=True)
    study_time = models.CharField(max_length=TEXT_LENGTH, blank=True)
    study_id = models.CharField(max_length=TEXT_LENGTH, blank=True)
    accession_number = models.CharField(max_length=TEXT_LENGTH, blank=True)
    study_description = models.CharField(max_length=TEXT_LENGTH, blank=True)
    referring_physician_name = models.CharField(max_length=TEXT_LENGTH, blank=True)
    institution_name = models.CharField(max_length=TEXT_LENGTH, blank=True)
    timezone_offset_from_utc = models.CharField(max_length=TEXT_LENGTH, blank=True)

    date_sort = models.CharField(max_length=14, blank=True)
    name_sort = models.CharField(max_length=TEXT_LENGTH, blank=True)
    patient_id_sort = models.CharField(max_length=TEXT_LENGTH, blank=True)
    description_search = models.CharField(max_length=TEXT_LENGTH, blank=True)
    accession_search = models.CharField(max_length=TEXT_LENGTH, blank=True)
    referring_sort = models.CharField(max_length=TEXT_LENGTH, blank=True)
    institution_sort = models.CharField(max_length=TEXT_LENGTH, blank=True)

    modalities = models.CharField(max_length=TEXT_LENGTH, blank=True)
    series_count = models.IntegerField(default=0)
    instance_count = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0)
    finding_count = models.IntegerField(default=0)
    created = models.DateTimeField()
    received = models.DateTimeField()

    objects = StudyQuerySet.as_manager()

    class Meta:
        """Each index serves one sort order or one search key of the study list."""

        constraints = (
            models.UniqueConstraint(fields=["study_instance_uid", "received_identity_key"], name="study_once"),
        )
        indexes = (
            models.Index(fields=["patient", "date_sort", "id"], name="study_of_patient"),
            models.Index(fields=["uid_reversed"], name="study_by_uid_end"),
            models.Index(fields=["date_sort", "id"], name="study_by_date"),
            models.Index(fields=["name_sort", "id"], name="study_by_name"),
            models.Index(fields=["patient_id_sort", "id"], name="study_by_patient_id"),
            models.Index(fields=["modalities", "id"], name="study_by_modalities"),
            models.Index(fields=["description_search", "id"], name="study_by_description"),
            models.Index(fields=["accession_search", "id"], name="study_by_accession"),
            models.Index(fields=["referring_sort", "id"], name="study_by_referring"),
            models.Index(fields=["institution_sort", "id"], name="study_by_institution"),
            models.Index(fields=["institution_name", "date_sort", "id"], name="study_in_scope"),
            models.Index(fields=["series_count", "id"], name="study_by_series"),
            models.Index(fields=["instance_count", "id"], name="study_by_instances"),
            models.Index(fields=["received", "id"], name="study_by_arrival"),
        )

    def __str__(self) -> str:
        return self.study_instance_uid


class StudyModality(models.Model):
    """A modality of a study with the study's date, so that "CT, newest first" walks one index."""

    modality = models.CharField(max_length=TEXT_LENGTH)
    date_sort = models.CharField(max_length=14, blank=True)
    study = models.ForeignKey(Study, models.CASCADE, related_name="study_modalities")

    class Meta:
        """The index answers the modality filter in the order of the study list."""

        constraints = (models.UniqueConstraint(fields=["study", "modality"], name="study_modality_once"),)
        indexes = (models.Index(fields=["modality", "date_sort", "study"], name="study_by_modality_date"),)

    def __str__(self) -> str:
        return self.modality


class Series(models.Model):
    """A series of one study.

    `lowest_number`, `highest_number` and `missing_count` (free places between them) hold while the rule is
    "instance_number". `order_rule` names how `Instance.position` was computed (`dicom.order`), '' when that is still
    to be done.
    `change_seq` counts the writes to the series: what is derived from it is stamped with the number it was made at.
    """

    study = models.ForeignKey(Study, models.PROTECT, related_name="series_set")
    series_instance_uid = models.CharField(max_length=UID_LENGTH)
    uid_reversed = models.CharField(max_length=UID_LENGTH)

    modality = models.CharField(max_length=TEXT_LENGTH, blank=True)
    series_number = models.CharField(max_length=TEXT_LENGTH, blank=True)
    series_number_value = models.BigIntegerField(null=True, blank=True)
    series_description = models.CharField(max_length=TEXT_LENGTH, blank=True)
    series_date = models.CharField(max_length=TEXT_LENGTH, blank=True)
    series_time = models.CharField(max_length=TEXT_LENGTH, blank=True)
    body_part_examined = models.CharField(max_length=TEXT_LENGTH, blank=True)
    laterality = models.CharField(max_length=TEXT_LENGTH, blank=True)
    protocol_name = models.CharField(max_length=TEXT_LENGTH, blank=True)
    manufacturer = models.CharField(max_length=TEXT_LENGTH, blank=True)
    manufacturer_model_name = models.CharField(max_length=TEXT_LENGTH, blank=True)
    station_name = models.CharField(max_length=TEXT_LENGTH, blank=True)
    institution_name = models.CharField(max_length=TEXT_LENGTH, blank=True)
    frame_of_reference_uid = models.CharField(max_length=UID_LENGTH, blank=True)
    performed_procedure_step_start_date = models.CharField(max_length=TEXT_LENGTH, blank=True)
    performed_procedure_step_start_time = models.CharField(max_length=TEXT_LENGTH, blank=True)

    instance_count = models.IntegerField(default=0)
    frame_count = models.BigIntegerField(default=0)
    lowest_number = models.BigIntegerField(null=True, blank=True)
    highest_number = models.BigIntegerField(null=True, blank=True)
    missing_count = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0)
    finding_count = models.IntegerField(default=0)
    change_seq = models.BigIntegerField(default=0)
    order_rule = models.CharField(max_length=16, blank=True)
    created = models.DateTimeField()
    received = models.DateTimeField()

    objects = SeriesQuerySet.as_manager()

    class Meta:
        """A series UID is unique within its study; the same UID elsewhere is another row and a finding."""

        verbose_name_plural = "series"
        constraints = (models.UniqueConstraint(fields=["series_instance_uid", "study"], name="series_once"),)
        indexes = (
            models.Index(fields=["uid_reversed"], name="series_by_uid_end"),
            models.Index(
                fields=["frame_of_reference_uid"],
                name="series_by_frame_of_reference",
                condition=~Q(frame_of_reference_uid=""),
            ),
        )

    def __str__(self) -> str:
        return self.series_instance_uid


class Instance(models.Model):
    """A SOP instance: an image or any other composite object, with the file that lists and protocols serve.

    `removal` is null while it is live. `position` is its place in the series under `Series.order_rule`.
    `content_digest` is that of transfer syntax and data set, empty until another object comes under the same UID.
    """

    series = models.ForeignKey(Series, models.PROTECT, related_name="instances", db_index=False)
    sop_instance_uid = models.CharField(max_length=UID_LENGTH)
    sop_class_uid = models.CharField(max_length=UID_LENGTH, blank=True)
    transfer_syntax_uid = models.CharField(max_length=UID_LENGTH, blank=True)
    instance_number = models.CharField(max_length=TEXT_LENGTH, blank=True)
    instance_number_value = models.BigIntegerField(null=True, blank=True)
    slice_position = models.FloatField(null=True, blank=True)
    acquired = models.CharField(max_length=32, blank=True)
    number_of_frames = models.BigIntegerField(default=1)
    rows = models.IntegerField(null=True, blank=True)
    columns = models.IntegerField(null=True, blank=True)
    bits_allocated = models.IntegerField(null=True, blank=True)
    position = models.BigIntegerField(default=0)

    blob = models.OneToOneField("Blob", models.PROTECT, related_name="instance")
    content_digest = models.BinaryField(max_length=32)
    is_whole = models.BooleanField(default=True)
    has_pixel_data = models.BooleanField(default=False)
    delivery = models.ForeignKey("Delivery", models.PROTECT, related_name="instances")
    original_name = models.CharField(max_length=1024, blank=True)
    received = models.DateTimeField()
    removal: models.ForeignKey[Removal | None, Removal | None] = models.ForeignKey(
        "Removal", models.PROTECT, null=True, blank=True, related_name="instances", db_index=False
    )

    objects = InstanceQuerySet.as_manager()

    class Meta:
        """The unique constraint also answers a search for a SOP Instance UID; the index, a page of a series."""

        constraints = (models.UniqueConstraint(fields=["sop_instance_uid", "series"], name="instance_once"),)
        indexes = (
            models.Index(fields=["series", "position", "id"], name="instance_in_series"),
            models.Index(fields=["removal"], name="instance_in_trash", condition=Q(removal__isnull=False)),
        )

    def __str__(self) -> str:
        return self.sop_instance_uid
