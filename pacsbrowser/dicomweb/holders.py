"""The instances that an address names, of all studies of that UID that the caller may see: the union of the holders.

An address below holders/<key>/ is about one of them (`Call.holder`).
"""

from collections.abc import Iterator, Sequence

from django.db.models import QuerySet

from pacsbrowser.archive.held import SENT, find_held
from pacsbrowser.archive.models import Instance, Series, Study
from pacsbrowser.audit.record import record_download, record_view
from pacsbrowser.dicomweb.problems import not_found
from pacsbrowser.dicomweb.resource import Call

BATCH = 200


def instances_of(call: Call, study: str, series: str = "", instance: str = "") -> QuerySet[Instance]:
    """Return the live instances that the caller may see."""
    rows = Instance.objects.visible_to(call.scope).filter(series__study__study_instance_uid=study)
    if call.holder is not None:
        rows = rows.filter(series__study=call.holder)
    if series:
        rows = rows.filter(series__series_instance_uid=series)
    if instance:
        rows = rows.filter(sop_instance_uid=instance)
    return rows


def series_of(call: Call, study: str, series: str = "") -> list[Series]:
    """Return the series that the caller may see, by their numbers.

    Raises:
        Problem: 404, there is none.
    """
    rows = Series.objects.visible_to(call.scope).filter(study__study_instance_uid=study)
    if call.holder is not None:
        rows = rows.filter(study=call.holder)
    if series:
        rows = rows.filter(series_instance_uid=series)
    found = list(rows.select_related("study__patient").order_by("study_id", "series_number_value", "pk"))
    if not found:
        raise not_found()
    return found


def one_instance(call: Call, study: str, series: str, instance: str) -> Instance:
    """Return the instance, of several holders the first.

    Raises:
        Problem: 404, there is none.
    """
    return held_instances(call, study, series, instance)[0]


def held_instances(call: Call, study: str, series: str, instance: str) -> list[Instance]:
    """Return the instance of every holder, in the order of their arrival, with its file and its parents.

    Raises:
        Problem: 404, there is none.
    """
    found = find_held(call.scope, study, series, instance)
    if call.holder is not None:
        found = [one for one in found if one.series.study_id == call.holder]
    if not found:
        raise not_found()
    return found


def keys_of(rows: QuerySet[Instance]) -> list[int]:
    """Return the keys of instances, series by series in their order.

    Raises:
        Problem: 404, there is none.
    """
    return [key for key, _ in keys_with_files(rows)]


def keys_with_files(rows: QuerySet[Instance]) -> list[tuple[int, int]]:
    """Return the keys of instances and of their files, in the same order; equal lists are equal contents.

    Raises:
        Problem: 404, there is none.
    """
    keys = list(rows.order_by("series_id", "position", "pk").values_list("pk", "blob_id"))
    if not keys:
        raise not_found()
    return keys


def read_batches(keys: Sequence[int]) -> Iterator[Instance]:
    """Yield instances by their keys, in batches, so that no query stays open while a client is slow."""
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        found = Instance.objects.live().select_related("blob", "series__study").only(*SENT).in_bulk(some)
        yield from (found[key] for key in some if key in found)


def note_view(call: Call, level: str, instance: Instance) -> None:
    """Record that a study was looked at."""
    study = instance.series.study
    record_view(call.request, level, instance.sop_instance_uid, study.study_instance_uid, study.patient.audit_name)


def note_series_view(call: Call, level: str, series: Series) -> None:
    """Record that the metadata of a study were read."""
    patient = series.study.patient.audit_name
    record_view(call.request, level, series.series_instance_uid, series.study.study_instance_uid, patient)


def note_download(call: Call, level: str, uid: str, study: Study) -> None:
    """Record that objects of a study were fetched."""
    record_download(call.request, level, uid, study.study_instance_uid, study.patient.audit_name)
