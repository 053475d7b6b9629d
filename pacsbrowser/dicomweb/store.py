"""STOW-RS (PS3.18 10.5): objects come as parts of a stream, go into the archive in batches, each gets its result."""

import errno
import shutil
import time
from uuid import UUID

from django.conf import settings
from django.db import OperationalError
from django.http import HttpResponse

from pacsbrowser.archive import report, storage
from pacsbrowser.archive.ingest import ingest, resume_delivery
from pacsbrowser.archive.models import Delivery, DeliveryStudy, Door
from pacsbrowser.archive.multipart import (
    MultipartError,
    MultipartReader,
    Part,
    SlowBody,
    TruncatedBody,
    boundary_of,
    parse_content_type,
)
from pacsbrowser.archive.receive import Readable, Staged, stage
from pacsbrowser.archive.timed_reader import TimedReader
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import SEEN_AGAIN, address_of, record, was_recorded
from pacsbrowser.dicomweb.accept import DICOM, DICOM_JSON, DICOM_XML, JSON, RELATED, Offer
from pacsbrowser.dicomweb.problems import Problem
from pacsbrowser.dicomweb.resource import Call
from pacsbrowser.dicomweb.store_answer import Stored, store_answer

BATCH = 25
MAX_PARTS = 100_000
# Leave the disk so much when a body's length is compared with what is free.
RESERVE = 64 * 1024 * 1024

_UNSUPPORTED = (
    'Send multipart/related; type="application/dicom", or one object as application/dicom. '
    "Storing from metadata (application/dicom+json, application/dicom+xml) is not offered."
)


def store_instances(call: Call, study: str = "") -> HttpResponse:
    """Store the objects of the body; with a study in the path, only its objects.

    What was wholly received before a body breaks off is kept; the unfinished part never is.
    """
    if not call.caller.may_store:
        raise Problem(403, "Storing needs the role Uploader, and a token with the scope store.")
    offer = call.choose(Offer(DICOM_JSON), Offer(DICOM_XML), Offer(JSON))
    kind = _kind_of_body(call)
    _check_room(call)
    transfer = _Transfer(call, study)
    try:
        _receive(call, kind, transfer)
    except (OSError, OperationalError) as error:
        raise _cannot(error) from error
    finally:
        transfer.discard()
    if not transfer.results:
        raise Problem(400, "The body holds no object.")
    return store_answer(call, offer, transfer.results)


def _kind_of_body(call: Call) -> str:
    """Return multipart/related or application/dicom; anything else is 415, and so is a body that is compressed."""
    if call.request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
        raise Problem(415, "A body has to come without Content-Encoding.", headers={"Accept-Encoding": "identity"})
    content_type, parameters = parse_content_type(call.request.META.get("CONTENT_TYPE", ""))
    inner = parameters.get("type", DICOM).lower()
    if content_type == DICOM or (content_type == RELATED and inner == DICOM):
        return content_type
    raise Problem(415, _UNSUPPORTED, headers={"Accept": f'{RELATED}; type="{DICOM}", {DICOM}'})


def _length(call: Call) -> int | None:
    text = call.request.META.get("CONTENT_LENGTH") or ""
    return int(text) if text.isascii() and text.isdecimal() else None


def _check_room(call: Call) -> None:
    """Refuse at once what the disk has no room for (413)."""
    free = shutil.disk_usage(settings.PACSBROWSER_DATA).free - RESERVE
    if (_length(call) or 0) > free:
        raise Problem(413, f"The body is larger than the {max(free, 0):,} bytes that are free.")


def _receive(call: Call, kind: str, transfer: "_Transfer") -> None:
    length = _length(call)
    # Without a length the body is chunked; Django would read nothing of it.
    source: Readable = call.request if length is not None else call.request.META["wsgi.input"]
    body = TimedReader(source, length=length)
    try:
        if kind == DICOM:
            transfer.take(_whole(body, length), 1)
        else:
            boundary = boundary_of(call.request.META.get("CONTENT_TYPE", ""))
            reader = MultipartReader(body, boundary, content_length=length, max_parts=MAX_PARTS)
            for place, part in enumerate(reader, 1):
                transfer.take_part(part, place)
        transfer.flush()
    except MultipartError as error:
        transfer.flush()
        raise _broken(error, transfer) from error
    finally:
        body.close()


def _whole(body: Readable, length: int | None) -> Readable:
    if length is None:
        raise Problem(411, "One object without multipart/related needs a Content-Length.")
    return _Measured(body, length)


class _Measured:
    """A body that has to have its declared length."""

    def __init__(self, source: Readable, length: int) -> None:
        self._source = source
        self._left = length

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; raise TruncatedBody at an end that comes too early."""
        data = self._source.read(size)
        self._left -= len(data)
        if not data and self._left > 0:
            raise TruncatedBody("The transfer broke off before its end.")
        return data


def _broken(error: MultipartError, transfer: "_Transfer") -> Problem:
    status = 408 if isinstance(error, SlowBody) else 400
    kept = sum(one.is_kept for one in transfer.results)
    said = f" {kept:,} objects that came whole before are kept." if kept else ""
    return Problem(status, f"{error}{said}", headers={"Connection": "close"}, kept=kept)


def _cannot(error: Exception) -> Problem:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full:
        return Problem(507, "The server's disk is full. What was not confirmed is not kept.")
    return Problem(503, "The server cannot write at the moment. What was not confirmed is not kept.")


# When this process saw in the audit trail that a delivery added to a study.
_recorded: dict[tuple[UUID, str], float] = {}
_SEEN_AGAIN = SEEN_AGAIN.total_seconds()
_MOST_RECORDED = 10_000


class _Transfer:
    """The objects of one request, staged in order and ingested batch by batch."""

    def __init__(self, call: Call, study: str) -> None:
        self._call = call
        self._study = study
        self._staged: list[Staged] = []
        self._delivery: Delivery | None = None
        self.results: list[Stored] = []

    def take_part(self, part: Part, place: int) -> None:
        """Stage one part, unless its Content-Type says that it is something else."""
        content_type = parse_content_type(part.headers.get("content-type", DICOM))[0]
        if content_type not in (DICOM, "application/octet-stream"):
            self.flush()
            self.results.append(Stored.not_dicom(f"Part {place} is {content_type}, not {DICOM}."))
            return
        self.take(part, place, part.headers.get("content-location", ""))

    def take(self, source: Readable, place: int, location: str = "") -> None:
        """Stage one object; one of another study than the path's is refused (PS3.18 10.5.1)."""
        staged = stage(source, location or f"part {place}")
        if self._study and staged.header and staged.header.study_instance_uid != self._study:
            storage.discard(staged.path)
            self.flush()
            self.results.append(Stored.of_other_study(staged.header))
            return
        self._staged.append(staged)
        if len(self._staged) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Give what is staged to the archive."""
        if not self._staged:
            return
        batch, self._staged = self._staged, []
        user = self._call.caller.user
        if self._delivery is None:
            self._delivery = resume_delivery(
                Door.STOW, user, address=address_of(self._call.request), label=self._call.caller.token
            )
        try:
            results = ingest(batch, self._delivery)
        finally:
            _discard(batch)
        told = report.told_outcomes(results, self._call.scope)
        self.results += map(Stored.of, results, told)
        self._record({one.study_instance_uid for one in results if one.is_kept})

    def _record(self, studies: set[str]) -> None:
        """One audit event a study and delivery in some minutes, however many requests and batches it takes."""
        if self._delivery is None:
            return
        for study in sorted(studies):
            key, now = (self._delivery.pk, study), time.monotonic()
            if now - _recorded.get(key, -_SEEN_AGAIN) >= _SEEN_AGAIN:
                self._record_study(study)
                if len(_recorded) >= _MOST_RECORDED:
                    _recorded.clear()
                _recorded[key] = now

    def _record_study(self, study: str) -> None:
        if was_recorded(Action.UPLOAD, self._call.request, study, object=str(self._delivery)):
            return
        holders = DeliveryStudy.objects.filter(delivery=self._delivery, study__study_instance_uid=study)
        holder = holders.select_related("study__patient").first()
        record(
            Action.UPLOAD,
            request=self._call.request,
            patient=holder.study.patient.audit_name if holder else "",
            study=study,
            object=str(self._delivery),
        )

    def discard(self) -> None:
        """Remove what was staged and not ingested."""
        batch, self._staged = self._staged, []
        _discard(batch)


def _discard(batch: list[Staged]) -> None:
    """Remove what did not get into the archive; what did has lost its incoming name."""
    for one in batch:
        if one.header:
            storage.discard(one.path)
