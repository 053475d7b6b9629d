"""What the files of a download are called: a folder a series, its files in order, names that any file system takes."""

from collections.abc import Iterable, Iterator

from django.utils import timezone

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import browsing, ordering, storage
from pacsbrowser.archive.models import Instance, Level, Patient, Series, Study
from pacsbrowser.archive.selection import Selection
from pacsbrowser.archive.zipping import Member, safe_name

BATCH = 500


class Folders:
    """Gives each folder a name of its own, also where file systems ignore case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def name(self, *parts: str) -> str:
        """Return the parts as one safe name that was not given before."""
        wanted = "_".join(part for part in map(safe_name, parts) if part) or "unnamed"
        name, number = wanted, 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name.casefold())
        return name


def members_of_selection(selection: Selection) -> Iterator[Member]:
    """Yield the files of what was picked: a folder a patient or study at the top, or the series of the one study."""
    folders = Folders()
    if selection.level is Level.PATIENT:
        for patient in selection.patients:
            top = folders.name(patient.patient_id or f"patient_{patient.pk}")
            yield from members_of_patient(patient, selection.scope, f"{top}/")
    elif selection.level is Level.STUDY:
        for study in selection.studies:
            yield from members_of_study(study, selection.scope, f"{folders.name(*study_parts(study))}/")
    elif selection.level is Level.SERIES:
        for series in selection.series:
            yield from members_of_series(series, f"{folders.name(*series_parts(series))}/")
    else:
        yield from _members_of_instances(selection.instances)


def _members_of_instances(instances: Iterable[Instance]) -> Iterator[Member]:
    folders, tops = Folders(), dict[int, str]()
    for instance in instances:
        series = instance.series
        if series.pk not in tops:
            tops[series.pk] = f"{folders.name(*series_parts(series))}/"
        yield _member(instance, tops[series.pk])


def members_of_patient(patient: Patient, scope: Scope, top: str = "") -> Iterator[Member]:
    """Yield the files of what a viewer may see of a patient: a folder a study, in it one a series."""
    folders = Folders()
    studies = Study.objects.visible_to(scope).filter(patient=patient).order_by("date_sort", "pk")
    for study in list(studies):
        yield from members_of_study(study, scope, f"{top}{folders.name(*study_parts(study))}/")


def members_of_study(study: Study, scope: Scope, top: str = "") -> Iterator[Member]:
    """Yield the files of a study: a folder a series."""
    folders = Folders()
    for series in list(browsing.series_of_study(study, scope)):
        yield from members_of_series(series, top + folders.name(*series_parts(series)) + "/")


def members_of_series(series: Series, top: str = "") -> Iterator[Member]:
    """Yield the files of a series in its order."""
    ordering.ensure_ordered(series)
    for instance in instances_of_series(series):
        yield _member(instance, top)


def _member(instance: Instance, top: str) -> Member:
    number = instance.instance_number_value
    prefix = f"{number:05d}_" if number is not None and number >= 0 else ""
    name = f"{top}{prefix}{safe_name_of_uid(instance.sop_instance_uid)}.dcm"
    return Member(name, storage.blob_path(instance.blob), timezone.localtime(instance.received))


def instances_of_series(series: Series) -> Iterator[Instance]:
    """Yield the live instances in their order, read in batches so that no query stays open while a client is slow."""
    rows = browsing.live_instances(series).select_related("blob").order_by("position", "pk")
    last: Instance | None = None
    while True:
        batch: Iterable[Instance] = list((rows.filter(browsing.beyond(last)) if last else rows)[:BATCH])
        if not batch:
            return
        for last in batch:
            yield last


def study_parts(study: Study) -> tuple[str, ...]:
    """Return what a study's folder is called by: date, description, the end of its UID."""
    return (study.study_date or "undated", study.study_description, study.study_instance_uid[-12:])


def series_parts(series: Series) -> tuple[str, ...]:
    """Return what a series' folder is called by: number, modality, description."""
    value = series.series_number_value
    number = f"{value:03d}" if value is not None and value >= 0 else series.series_number
    return (
        (number, series.modality, series.series_description) if number else (series.modality, series.series_description)
    )


def safe_name_of_uid(uid: str) -> str:
    """Return a UID as a file name; ingest takes only UIDs of harmless characters, but a name of dots is none."""
    return uid.lstrip(".") or "uid"
