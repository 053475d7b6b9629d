"""What a person has picked from a list: rows of one level by their keys, limited to what the person may see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count, F, QuerySet, Sum

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Instance, Level, Patient, Series, Study

# A list is picked from by hand; who wants more than this narrows a search and takes its CSV.
MOST = 5_000
Picked = Patient | Study | Series | Instance
_IN_STUDY = (F("series_number_value").asc(nulls_last=True), "pk")


@dataclass(frozen=True, slots=True)
class Totals:
    """What lies below a selection; `size` in bytes."""

    studies: int
    instances: int
    size: int


@dataclass(frozen=True)
class Selection:
    """Rows of one level. Keys that mean nothing, or nothing to this viewer, are passed over."""

    level: Level
    keys: tuple[int, ...]
    scope: Scope

    @cached_property
    def patients(self) -> list[Patient]:
        """The patients that were picked, by name."""
        rows = Patient.objects.visible_to(self.scope).filter(pk__in=self._keys_of(Level.PATIENT))
        return list(rows.order_by("name_sort", "pk"))

    @cached_property
    def studies(self) -> list[Study]:
        """The studies that were picked, or those of the patients that were."""
        rows = Study.objects.visible_to(self.scope).select_related("patient")
        if self.level is Level.PATIENT:
            return list(rows.filter(patient__in=self.patients).order_by("patient__name_sort", "patient", "date_sort"))
        return list(rows.filter(pk__in=self._keys_of(Level.STUDY)).order_by("date_sort", "pk"))

    @cached_property
    def series(self) -> list[Series]:
        """The series that were picked, in the order of their studies' pages."""
        rows = Series.objects.visible_to(self.scope).filter(pk__in=self._keys_of(Level.SERIES))
        return list(rows.select_related("study__patient").order_by("study", *_IN_STUDY))

    @cached_property
    def instances(self) -> list[Instance]:
        """The instances that were picked, in the order of their series."""
        rows = Instance.objects.visible_to(self.scope).filter(pk__in=self._keys_of(Level.INSTANCE))
        return list(rows.select_related("blob", "series__study__patient").order_by("series", "position", "pk"))

    @property
    def rows(self) -> Sequence[Picked]:
        """What was picked."""
        if self.level is Level.PATIENT:
            return self.patients
        if self.level is Level.STUDY:
            return self.studies
        return self.series if self.level is Level.SERIES else self.instances

    @cached_property
    def totals(self) -> Totals:
        """What lies below."""
        if self.level in (Level.PATIENT, Level.STUDY):
            rows = self.studies
            return Totals(len(rows), sum(row.instance_count for row in rows), sum(row.size for row in rows))
        live = self.live_instances().aggregate(
            studies=Count("series__study", distinct=True), instances=Count("pk"), size=Sum("blob__size")
        )
        return Totals(live["studies"], live["instances"], live["size"] or 0)

    def live_instances(self) -> QuerySet[Instance]:
        """Return the instances below, series by series in their order."""
        rows = Instance.objects.visible_to(self.scope)
        if self.level in (Level.PATIENT, Level.STUDY):
            rows = rows.filter(series__study__in=[study.pk for study in self.studies])
        elif self.level is Level.SERIES:
            rows = rows.filter(series__in=[series.pk for series in self.series])
        else:
            rows = rows.filter(pk__in=self.keys)
        return rows.order_by("series__study", "series", "position", "pk")

    def studies_touched(self) -> Iterator[tuple[Study, str]]:
        """Yield each study that something was picked of, and the UID of what was picked where that is one object."""
        uids: dict[int, list[str]] = {}
        studies: dict[int, Study] = {}
        for study, uid in self._study_of_each():
            studies.setdefault(study.pk, study)
            uids.setdefault(study.pk, []).append(uid)
        for key, study in studies.items():
            yield study, uids[key][0] if len(uids[key]) == 1 else ""

    def uids(self) -> list[str]:
        """Return what the picked objects are identified by: Patient IDs, or UIDs."""
        if self.level is Level.PATIENT:
            return [patient.patient_id for patient in self.patients if patient.patient_id]
        return [uid for _, uid in self._study_of_each()]

    def _study_of_each(self) -> Iterator[tuple[Study, str]]:
        if self.level in (Level.PATIENT, Level.STUDY):
            yield from ((study, study.study_instance_uid) for study in self.studies)
        elif self.level is Level.SERIES:
            yield from ((series.study, series.series_instance_uid) for series in self.series)
        else:
            yield from ((one.series.study, one.sop_instance_uid) for one in self.instances)

    def _keys_of(self, level: Level) -> tuple[int, ...]:
        return self.keys if self.level is level else ()
