"""Downloads: the original file of an instance, a zip of a series, study or patient, and lists of instances as CSV.

Each is recorded in the audit log when it begins. A file can be asked for in parts (RFC 9110, section 14), so that a
download that was cut off goes on; its ETag is the digest of the bytes, which never change.
"""

from collections.abc import Iterable, Iterator
from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from pacsbrowser.archive import browsing, export_names, ordering, storage
from pacsbrowser.archive.models import Blob, Copy, Instance, Series
from pacsbrowser.archive.outgoing import blob_pieces
from pacsbrowser.archive.zipping import Member, safe_name, stream_zip
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.bodies import send_ranged, unchanged
from pacsbrowser.pages.csv_files import send_csv
from pacsbrowser.pages.lookup import (
    NOT_HERE,
    Place,
    find_instance,
    find_patient,
    find_series,
    find_study,
    offers_choice,
)

COLUMNS = (
    "study_instance_uid", "series_instance_uid", "series_number", "modality", "series_description",
    "sop_instance_uid", "sop_class_uid", "instance_number", "position", "number_of_frames", "rows", "columns",
    "transfer_syntax_uid", "size", "sha256", "received", "original_name",
)  # fmt: skip


@require_safe
@offers_choice
def instance_file(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Send the file of an instance, byte for byte as it was received."""
    place = find_instance(request, study_uid, series_uid, instance_uid)
    return _send_blob(request, place, place.instance.blob, f"{export_names.safe_name_of_uid(place.uid)}.dcm")


@require_safe
@offers_choice
def copy_file(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str, pk: int) -> HttpResponseBase:
    """Send another object that was received under the UID of this instance."""
    place = find_instance(request, study_uid, series_uid, instance_uid)
    copy = Copy.objects.filter(instance=place.instance, pk=pk).select_related("blob").first()
    if copy is None:
        raise Http404(NOT_HERE)
    name = f"{export_names.safe_name_of_uid(place.uid)}_{copy.kind}_{copy.pk}.dcm"
    return _send_blob(request, place, copy.blob, name)


@require_safe
def patient_zip(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send what the viewer may see of a patient as one zip."""
    patient, scope = find_patient(request, pk)
    detail = {"level": "patient", "what": "zip"}
    record(Action.DOWNLOAD, request=request, patient=patient.audit_name, object=patient.audit_name, detail=detail)
    name = safe_name(patient.patient_id, f"patient_{patient.pk}")
    return send_zip(export_names.members_of_patient(patient, scope), f"{name}.zip")


@require_safe
@offers_choice
def study_zip(request: HttpRequest, study_uid: str) -> HttpResponseBase:
    """Send a study as one zip with a folder a series."""
    place = find_study(request, study_uid)
    _record(request, place, "zip")
    return send_zip(export_names.members_of_study(place.study, place.scope), f"{_uid_name(place)}.zip")


@require_safe
@offers_choice
def series_zip(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponseBase:
    """Send a series as one zip."""
    place = find_series(request, study_uid, series_uid)
    _record(request, place, "zip")
    folder = export_names.Folders().name(*export_names.series_parts(place.series))
    return send_zip(export_names.members_of_series(place.series, f"{folder}/"), f"{_uid_name(place)}.zip")


@require_safe
@offers_choice
def study_csv(request: HttpRequest, study_uid: str) -> HttpResponseBase:
    """Send the list of a study's instances."""
    place = find_study(request, study_uid)
    _record(request, place, "list of instances")
    return send_csv(_rows(place, list(browsing.series_of_study(place.study, place.scope))), f"{_uid_name(place)}.csv")


@require_safe
@offers_choice
def series_csv(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponseBase:
    """Send the list of a series' instances."""
    place = find_series(request, study_uid, series_uid)
    _record(request, place, "list of instances")
    return send_csv(_rows(place, [place.series]), f"{_uid_name(place)}.csv")


def _rows(place: Place, series: list[Series]) -> Iterator[Iterable[object]]:
    yield COLUMNS
    for one in series:
        ordering.ensure_ordered(one)
        for instance in export_names.instances_of_series(one):
            yield _row(place, one, instance)


def _row(place: Place, series: Series, instance: Instance) -> tuple[object, ...]:
    return (
        place.study.study_instance_uid, series.series_instance_uid, series.series_number, series.modality,
        series.series_description, instance.sop_instance_uid, instance.sop_class_uid, instance.instance_number,
        instance.position, instance.number_of_frames, instance.rows, instance.columns, instance.transfer_syntax_uid,
        instance.blob.size, bytes(instance.blob.sha256).hex(), instance.received, instance.original_name,
    )  # fmt: skip


def _uid_name(place: Place) -> str:
    return export_names.safe_name_of_uid(place.uid)


def _record(request: HttpRequest, place: Place, what: str) -> None:
    record(
        Action.DOWNLOAD,
        request=request,
        patient=place.patient.audit_name,
        study=place.study.study_instance_uid,
        object=place.uid,
        detail={"level": place.level.value, "what": what},
    )


def send_zip(members: Iterable[Member], name: str) -> StreamingHttpResponse:
    """Answer with a zip of these files, written while it is sent."""
    response = StreamingHttpResponse(stream_zip(members), content_type="application/zip")
    # a Patient ID may have letters that a header has not
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


def _send_blob(request: HttpRequest, place: Place, blob: Blob, name: str) -> HttpResponseBase:
    etag = f'"{bytes(blob.sha256).hex()}"'
    same = unchanged(request, etag, {})
    if same is not None:
        return same
    if not storage.blob_path(blob).is_file():
        raise Http404("The file of this instance is not in the store. An administrator can check the archive.")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    response = send_ranged(
        request, lambda first, last: blob_pieces(blob, first, last), blob.size, "application/dicom", etag, headers
    )
    if response.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        _record(request, place, "file")
    return response
