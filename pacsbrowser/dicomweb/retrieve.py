"""WADO-RS: studies, series and instances as DICOM (PS3.18 10.4.1), in multipart/related, one file, or a zip.

The Accept header decides on the transfer syntax as well: none asked means Explicit VR Little Endian, "*" the bytes as
they are stored. What cannot be decoded is refused when nothing else would be sent; beside others it goes as stored,
and its part says so.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpResponse, HttpResponseBase

from pacsbrowser.archive import removal, storage
from pacsbrowser.archive.export_names import members_of_study, safe_name_of_uid
from pacsbrowser.archive.models import Instance, Series, Study
from pacsbrowser.archive.outgoing import (
    DecodingError,
    DicomError,
    Outgoing,
    blob_pieces,
    explicit_object,
    stored_object,
)
from pacsbrowser.archive.zipping import Member, stream_zip
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.dicom.part10 import EXPLICIT_UID
from pacsbrowser.dicom.transfer_syntaxes import DECODABLE, EXPLICIT, NATIVE, NOT_FOR_WEB, STORED, choose_form
from pacsbrowser.dicomweb.accept import DICOM, RELATED, MediaRange, not_acceptable
from pacsbrowser.dicomweb.delivery import entity_tag, send_parts, send_ranged, send_stream, unchanged
from pacsbrowser.dicomweb.holders import (
    held_instances,
    instances_of,
    keys_of,
    keys_with_files,
    note_download,
    read_batches,
)
from pacsbrowser.dicomweb.multipart import Part
from pacsbrowser.dicomweb.problems import Problem, not_found
from pacsbrowser.dicomweb.resource import Call

ZIP = "application/zip"
PARTS, SINGLE = "parts", "single"


@dataclass(frozen=True, slots=True)
class Wish:
    """A container (parts, a single object, a zip), and the transfer syntaxes wanted in it, the best first."""

    container: str
    syntaxes: tuple[str, ...]


def retrieve(call: Call, study: str, series: str = "", instance: str = "") -> HttpResponseBase:
    """Send what the address names, of all holders that the caller may see."""
    if instance:
        return _retrieve_instance(call, study, series, instance)
    rows = instances_of(call, study, series)
    stored = set(rows.order_by().values_list("transfer_syntax_uid", flat=True).distinct())
    if not stored:
        raise not_found()
    wish = _choose(call, stored, is_one=False)
    holders = Study.objects.visible_to(call.scope).filter(study_instance_uid=study).select_related("patient")
    _note(call, holders, series or study, "series" if series else "study")
    found = keys_with_files(rows)
    etag = entity_tag(found, wish, is_weak=True)
    same = unchanged(call, etag)
    if same is not None:
        return same
    if wish.container == ZIP:
        return _send_zip(call, etag, study, series)
    base = call.base
    parts = (_part(base, one, wish.syntaxes) for one in read_batches([key for key, _ in found]))
    return send_parts(call, parts, DICOM, etag)


def _retrieve_instance(call: Call, study: str, series: str, instance: str) -> HttpResponseBase:
    held = held_instances(call, study, series, instance)
    wish = _choose(call, {one.transfer_syntax_uid for one in held}, is_one=True)
    _note(call, (one.series.study for one in held), instance, "instance")
    form = choose_form(held[0].transfer_syntax_uid, wish.syntaxes)
    # The boundary of parts is another each time, so only their content is said to be the same.
    etag = entity_tag([bytes(one.blob.sha256) for one in held], form, wish, is_weak=wish.container != SINGLE)
    same = unchanged(call, etag)
    if same is not None:
        return same
    if wish.container == ZIP:
        return _send_zip(call, etag, study, series, instance)
    if wish.container == SINGLE:
        return _send_single(call, held[0], wish.syntaxes, etag)
    return send_parts(call, _parts(call, held, wish), DICOM, etag)


def remove(call: Call, study: str, series: str = "", instance: str = "") -> HttpResponseBase:
    """Put what the address names into the trash; for administrators alone. Every holder is meant."""
    if not call.caller.may_delete:
        raise Problem(403, "Only an administrator may delete, with a token that may store.")
    rows = _rows_to_remove(call, study, series, instance)
    if not rows:
        raise not_found()
    for row in rows:
        holder = row if isinstance(row, Study) else (row.study if isinstance(row, Series) else row.series.study)
        removed = removal.remove(row, call.caller.user, "Deleted over DICOMweb")
        record(
            Action.DELETE, request=call.request, patient=holder.patient.audit_name, study=study,
            object=instance or series or study, detail={"instances": removed.instance_count, "removal": removed.pk},
        )  # fmt: skip
    return HttpResponse(status=204)


def _rows_to_remove(call: Call, study: str, series: str, instance: str) -> list[Study | Series | Instance]:
    if instance:
        found = instances_of(call, study, series, instance)
        return list(found.select_related("blob", "series__study__patient"))
    if series:
        rows = Series.objects.visible_to(call.scope).filter(study__study_instance_uid=study)
        return list(rows.filter(series_instance_uid=series).select_related("study__patient"))
    studies = Study.objects.visible_to(call.scope).filter(study_instance_uid=study)
    return list(studies.select_related("patient"))


def _choose(call: Call, stored: set[str], is_one: bool) -> Wish:
    """Return the first wish of the client that all objects meet, else one that some meet; raise 406 without one."""
    wishes = list(_wishes(call.accepted(), is_one))
    for wish in wishes:
        if wish.container == ZIP or all(choose_form(one, wish.syntaxes) for one in stored):
            return wish
    for wish in wishes:
        # an unnamed transfer syntax was not insisted on
        if "" in wish.syntaxes and any(choose_form(one, wish.syntaxes) for one in stored):
            return wish
    raise not_acceptable(_offers(stored, is_one))


def _wishes(ranges: Sequence[MediaRange], is_one: bool) -> Iterator[Wish]:
    """Yield a wish for each container, in the order in which they are first named."""
    wanted: dict[str, list[str]] = {}
    for one in ranges:
        if one.takes_parts(DICOM):
            container = PARTS
        elif one.type == ZIP:
            container = ZIP
        elif is_one and one.takes(DICOM):
            container = SINGLE
        else:
            continue
        wanted.setdefault(container, []).append(one.transfer_syntax)
    return (Wish(container, tuple(syntaxes)) for container, syntaxes in wanted.items())


def _offers(stored: set[str], is_one: bool) -> Iterator[str]:
    """Yield what can be had of these objects."""
    syntaxes = sorted(stored - NOT_FOR_WEB)
    if all(one in NATIVE or one in DECODABLE for one in stored):
        syntaxes = sorted({*syntaxes, EXPLICIT_UID})
    for syntax in [*(syntaxes if len(stored) == 1 else [EXPLICIT_UID] if EXPLICIT_UID in syntaxes else []), "*"]:
        yield f'{RELATED}; type="{DICOM}"; transfer-syntax={syntax}'
        if is_one:
            yield f"{DICOM}; transfer-syntax={syntax}"
    yield ZIP


def open_outgoing(instance: Instance, syntaxes: tuple[str, ...]) -> Outgoing:
    """Open an object in the form that is wanted.

    Raises:
        Problem: 410 where its file is gone, 406 where its pixels cannot be decoded.
    """
    form = choose_form(instance.transfer_syntax_uid, syntaxes) or STORED
    try:
        return explicit_object(instance) if form == EXPLICIT else stored_object(instance)
    except FileNotFoundError:
        raise Problem(410, "The file of this object is not in the store.") from None
    except OSError:
        raise Problem(503, "The store cannot be read at the moment.") from None
    except (DecodingError, DicomError) as error:
        stored = f'{RELATED}; type="{DICOM}"; transfer-syntax=*'
        reason = f"The object cannot be sent in Explicit VR Little Endian ({error}). On offer: {stored}."
        raise Problem(406, reason, offers=[stored]) from error


def _part(base: str, instance: Instance, syntaxes: tuple[str, ...]) -> Part:
    """Return the part of one object among others; what cannot be decoded goes as it is stored."""
    try:
        outgoing = open_outgoing(instance, syntaxes)
    except Problem as problem:
        if problem.status != 406:
            raise
        outgoing = open_outgoing(instance, ("*",))
    return Part(f"{DICOM}; transfer-syntax={outgoing.transfer_syntax_uid}", outgoing.pieces, _location(base, instance))


def _location(base: str, instance: Instance) -> str:
    series = instance.series
    return (
        f"{base}/studies/{series.study.study_instance_uid}/series/{series.series_instance_uid}"
        f"/instances/{instance.sop_instance_uid}"
    )


def send_object(call: Call, instance: Instance, syntaxes: tuple[str, ...]) -> HttpResponseBase:
    """Send one object alone, as WADO-URI does."""
    form = choose_form(instance.transfer_syntax_uid, syntaxes)
    etag = entity_tag(bytes(instance.blob.sha256), form)
    return unchanged(call, etag) or _send_single(call, instance, syntaxes, etag)


def _parts(call: Call, held: Sequence[Instance], wish: Wish) -> Iterator[Part]:
    """Return the parts of the holders of one instance; of one alone, a failure is told before anything is sent."""
    if len(held) > 1:
        return iter([_part(call.base, one, wish.syntaxes) for one in held])
    outgoing = open_outgoing(held[0], wish.syntaxes)
    content_type = f"{DICOM}; transfer-syntax={outgoing.transfer_syntax_uid}"
    return iter([Part(content_type, outgoing.pieces, _location(call.base, held[0]))])


def _send_single(call: Call, instance: Instance, syntaxes: tuple[str, ...], etag: str) -> HttpResponseBase:
    """Send one object as one body; a stored file can be asked for in parts."""
    outgoing = open_outgoing(instance, syntaxes)
    content_type = f"{DICOM}; transfer-syntax={outgoing.transfer_syntax_uid}"
    if not outgoing.is_file or outgoing.length is None:
        return send_stream(call, outgoing.pieces, content_type, etag)
    return send_ranged(
        call, lambda first, last: blob_pieces(instance.blob, first, last), outgoing.length, content_type, etag
    )


def _send_zip(call: Call, etag: str, study: str, series: str, instance: str = "") -> HttpResponseBase:
    """Send the stored files as a zip, a folder a series."""
    response = send_stream(call, stream_zip(_members(call, study, series, instance)), ZIP, etag)
    name = safe_name_of_uid(instance or series or study)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    return response


def _members(call: Call, study: str, series: str, instance: str) -> Iterator[Member]:
    if not series:
        holders = list(Study.objects.visible_to(call.scope).filter(study_instance_uid=study).order_by("pk"))
        for number, holder in enumerate(holders, 1):
            yield from members_of_study(holder, call.scope, f"{number}/" if len(holders) > 1 else "")
        return
    taken: set[str] = set()
    for one in read_batches(keys_of(instances_of(call, study, series, instance))):
        name = safe_name_of_uid(one.sop_instance_uid)
        if name in taken:
            name = f"{name}_{one.pk}"
        taken.add(name)
        yield Member(f"{name}.dcm", storage.blob_path(one.blob), one.received)


def _note(call: Call, holders: Iterable[Study], uid: str, level: str) -> None:
    for holder in holders:
        note_download(call, level, uid, holder)
