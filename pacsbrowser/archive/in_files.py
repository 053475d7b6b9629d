"""Attributes that the index does not keep: which may be asked for at which level, and reading them from the files."""

import time
from collections.abc import Sequence

from django.db.models import OuterRef, Subquery

from pacsbrowser.archive.derived.metadata import instance_metadata
from pacsbrowser.archive.models import Instance, Level, Series, Study
from pacsbrowser.archive.search import ObjectRow
from pacsbrowser.dicom import attributes
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.json_paths import tag_of

# Files are read for so many results at once, and for so many candidates where an attribute in them has to match.
MOST_READ = 200
MOST_CANDIDATES = 500
# Of processor time for all of them together; objects of usual size take a few milliseconds each.
MOST_SECONDS = 4.0
# Attributes of the study and series besides those that are known to the archive (PS3.3 C.7.2, C.7.3).
_OF_STUDY = frozenset((
    *attributes.PATIENT, *attributes.STUDY, "ReferencedStudySequence", "ProcedureCodeSequence",
    "ReasonForPerformedProcedureCodeSequence", "AdmittingDiagnosesDescription", "RequestingService",
    "IssuerOfPatientIDQualifiersSequence", "IssuerOfAccessionNumberSequence", "ConsultingPhysicianName",
))  # fmt: skip
_OF_SERIES = frozenset((
    *attributes.SERIES, "RequestAttributesSequence", "PerformedProcedureStepID", "PerformedProcedureStepDescription",
    "PerformedProtocolCodeSequence", "ReferencedPerformedProcedureStepSequence", "SeriesDescriptionCodeSequence",
    "AnatomicalOrientationType", "ClinicalTrialSeriesID",
))  # fmt: skip


def may_be_read(level: Level, path: Sequence[str]) -> bool:
    """Say whether an attribute can be said of an object of this level: any of an instance, of others their own.

    All attributes of the group 0010 describe the patient.
    """
    if level is Level.INSTANCE or tag_of(path[0]).startswith("0010"):
        return True
    return path[0] in _OF_STUDY or (level is Level.SERIES and path[0] in _OF_SERIES)


class TooMuchToRead(Exception):
    """The files are so large that reading them all would take too long."""


class FileReader:
    """Reads data sets of one level for one request: each once, and all within the time that a request may take."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._until = time.thread_time() + MOST_SECONDS
        self._models: dict[int, JsonModel] = {}

    def read(self, rows: Sequence[ObjectRow]) -> dict[int, JsonModel]:
        """Return, by the key of each row, the data set of the instance, or of the first of the study or series.

        Raises:
            TooMuchToRead: nothing is returned rather than some of it, or a search would find less than there is.
        """
        first = _first_instances(self._level, [row.id for row in rows if row.id not in self._models])
        found = Instance.objects.live().select_related("blob", "series__study").in_bulk(set(first.values()))
        for key, instance in first.items():
            if time.thread_time() > self._until:
                raise TooMuchToRead
            if instance in found:
                self._models[key] = _read(found[instance])
        return self._models


def _first_instances(level: Level, keys: list[int]) -> dict[int, int]:
    if level is Level.INSTANCE:
        return {key: key for key in keys}
    live = Instance.objects.live().order_by("series_id", "position", "pk").values("pk")
    if level is Level.SERIES:
        rows = Series.objects.filter(pk__in=keys).annotate(first=Subquery(live.filter(series=OuterRef("pk"))[:1]))
        return {key: first for key, first in rows.values_list("pk", "first") if first}
    inside = live.filter(series__study=OuterRef("pk"))
    studies = Study.objects.filter(pk__in=keys).annotate(first=Subquery(inside[:1]))
    return {key: first for key, first in studies.values_list("pk", "first") if first}


def _read(instance: Instance) -> JsonModel:
    try:
        return instance_metadata(instance).model
    except (DicomError, OSError):
        # the file is damaged or gone, which check_archive says; the index still answers
        return {}
