"""What the upload module of the browser talks to: begin, ask what is known, send files, finish. JSON in and out.

Files come as multipart/related, one part a file, because Django would read a multipart/form-data body as a whole before
it looks at the CSRF token in the header. Each part names its file:

    Content-Location: percent-encoded path below the dropped folder
    Content-Length: size of the file
    X-Modified: time of change on the sender's disk, in milliseconds
"""

import errno
import json
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from django.db import OperationalError
from django.http import HttpRequest, JsonResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_POST

from pacsbrowser.access.decorators import uploader_required
from pacsbrowser.access.models import User
from pacsbrowser.access.scope import scope_of
from pacsbrowser.archive import report, storage
from pacsbrowser.archive.ingest import IngestResult, ingest, reopen_delivery
from pacsbrowser.archive.models import Delivery
from pacsbrowser.archive.multipart import (
    MultipartError,
    MultipartReader,
    Part,
    SlowBody,
    boundary_of,
)
from pacsbrowser.archive.receive import Joined, Staged, read_full, stage
from pacsbrowser.archive.resume import MOST_OFFERED, Offered, find_known, recorded_results, resume_key
from pacsbrowser.archive.timed_reader import TimedReader
from pacsbrowser.archive.waiting_zips import find_jobs, receive_zip
from pacsbrowser.archive.zip_files import HEAD, ArchiveProblem, is_zip, other_archive
from pacsbrowser.archive.zips import refused
from pacsbrowser.jobs.models import Job
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.upload import begin_upload, finish, own_delivery

MAX_PARTS = 1000
# No file is larger; what claims to be has a size that is none.
MAX_SIZE = 1 << 60
# How many batches are written to the database at once; the others wait with their bodies on disk.
_ingesting = threading.BoundedSemaphore(2)

DISK_FULL = "The server's disk is full. An administrator has to make room; then continue, nothing is sent twice."
NOT_NOW = "The server cannot write at the moment."


@uploader_required
@require_POST
def upload_begin(request: HttpRequest) -> JsonResponse:
    """Open a delivery and say where to send."""
    delivery = begin_upload(request, str(_json(request).get("label", "")))
    return JsonResponse(addresses(delivery), status=201)


def addresses(delivery: Delivery) -> dict[str, str]:
    """Return where a delivery's files go and its report is."""
    return {
        "id": str(delivery.pk),
        "files": reverse("upload_files", args=[delivery.pk]),
        "known": reverse("upload_known", args=[delivery.pk]),
        "finish": reverse("upload_finish", args=[delivery.pk]),
        "report": reverse("upload_report", args=[delivery.pk]),
        "csv": reverse("upload_csv", args=[delivery.pk]),
    }


@uploader_required
@require_POST
def upload_known(request: HttpRequest, pk: UUID) -> JsonResponse:
    """Say which of up to 500 files need not be sent, in their order; null for the others."""
    delivery, user = own_delivery(request, pk), signed_in(request)
    try:
        offered = [_offered(one) for one in _json(request).get("files", [])[:MOST_OFFERED]]
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError):
        return JsonResponse({"error": "The list of files cannot be read."}, status=400)
    jobs = find_jobs(delivery, [one.key for one in offered])
    known = find_known(delivery, user, [one for one in offered if one.key not in jobs])
    told = iter(_told(known, user))
    answers = [_job_line(one.path, one.size, jobs[one.key]) if one.key in jobs else next(told) for one in offered]
    return JsonResponse({"files": answers})


def _offered(one: dict[str, Any]) -> Offered:
    digest = bytes.fromhex(one.get("sha256", ""))
    if len(digest) not in (0, 32):
        raise ValueError("no SHA-256")
    size = int(one["size"])
    if not 0 <= size <= MAX_SIZE:
        raise ValueError("no size of a file")
    return Offered(str(one["path"]), size, str(one.get("modified", "")), digest)


@uploader_required
@require_POST
def upload_finish(request: HttpRequest, pk: UUID) -> JsonResponse:
    """Close the delivery; more may still come, which opens it again."""
    delivery = own_delivery(request, pk)
    if delivery.finished is None:
        finish(request, delivery)
    return JsonResponse(addresses(delivery))


@uploader_required
@require_POST
def upload_files(request: HttpRequest, pk: UUID) -> JsonResponse:
    """Take one batch. What was wholly received before a body broke off is kept; the unfinished part never is."""
    delivery, user = own_delivery(request, pk), signed_in(request)
    batch = _Batch(delivery, user)
    body = TimedReader(request)
    problem: MultipartError | None = None
    try:
        boundary = boundary_of(request.headers.get("Content-Type", ""))
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        for part in MultipartReader(body, boundary, content_length=length, max_parts=MAX_PARTS):
            batch.receive(part)
    except MultipartError as error:
        problem = error
    except (OSError, OperationalError) as error:
        batch.discard()
        return _cannot(error)
    except BaseException:
        batch.discard()
        raise
    finally:
        body.close()
    return _answer(batch, problem)


def _answer(batch: "_Batch", problem: MultipartError | None) -> JsonResponse:
    try:
        answer: dict[str, Any] = {"files": batch.ingest()}
    except (OSError, OperationalError) as error:
        return _cannot(error)
    finally:
        batch.discard()
    if problem is None:
        return JsonResponse(answer)
    answer["error"] = str(problem)
    response = JsonResponse(answer, status=408 if isinstance(problem, SlowBody) else 400)
    response["Connection"] = "close"
    return response


def _cannot(error: Exception) -> JsonResponse:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return JsonResponse({"error": DISK_FULL if full else NOT_NOW}, status=507 if full else 503)


class _Batch:
    """The files of one request, in order."""

    def __init__(self, delivery: Delivery, user: User) -> None:
        self._delivery = delivery
        self._user = user
        self._received: list[Staged | dict[str, Any]] = []

    def receive(self, part: Part) -> None:
        """Stage one part, or put a zip aside for the worker."""
        path = unquote(part.headers.get("content-location", ""), errors="replace")
        size = part.headers.get("content-length", "")
        if len(size) > len(str(MAX_SIZE)):
            raise MultipartError("A part has a malformed header.")
        key = resume_key(path, int(size), part.headers.get("x-modified", "")) if size.isdecimal() else ""
        first = read_full(part, HEAD)
        source = Joined(first, part)
        if problem := other_archive(first):
            self._received.append(refused(path, int(size or 0) if size.isdecimal() else 0, problem, key))
        elif is_zip(first):
            self._received.append(self._take_zip(source, path, key))
        else:
            self._received.append(_of_declared_size(stage(source, path, key), size))

    def _take_zip(self, source: Joined, path: str, key: str) -> dict[str, Any]:
        """A zip that is sent again after a lost answer has its job already."""
        if job := find_jobs(self._delivery, [key]).get(key):
            return _job_line(path, 0, job)
        job, size = receive_zip(source, path, key, self._delivery, self._user)
        return _job_line(path, size, job)

    def ingest(self) -> list[dict[str, Any]]:
        """Give all to the archive and return a line for each, in order."""
        staged = [one for one in self._received if isinstance(one, Staged)]
        with _ingesting:
            reopen_delivery(self._delivery)
            results = _ingest_new(staged, self._delivery)
        told = iter([line or {} for line in _told(results, self._user)])
        return [next(told) if isinstance(one, Staged) else one for one in self._received]

    def discard(self) -> None:
        """Remove what did not get into the archive; what did has lost its incoming name."""
        for one in self._received:
            if isinstance(one, Staged) and one.header:
                storage.discard(one.path)


def _of_declared_size(staged: Staged, declared: str) -> Staged:
    if not declared.isdecimal() or int(declared) == staged.size:
        return staged
    if staged.header:
        storage.discard(staged.path)
    problem = ArchiveProblem("changed", "The file changed while it was sent. Send it again.")
    return refused(staged.original_name, staged.size, problem)


def _ingest_new(staged: Sequence[Staged], delivery: Delivery) -> list[IngestResult]:
    """Ingest, but for files that have their line already: the answer to them was lost, and they were sent again."""
    before = recorded_results(delivery, [one.resume_key for one in staged])
    before = {key: result for key, result in before.items() if result.is_kept}
    new = iter(ingest([one for one in staged if one.resume_key not in before], delivery))
    return [before[one.resume_key] if one.resume_key in before else next(new) for one in staged]


def _told(results: Sequence[IngestResult | None], user: User) -> list[dict[str, Any] | None]:
    """Return each result as this user may know it."""
    lines = iter(report.as_told([one for one in results if one is not None], scope_of(user)))
    return [None if one is None else _line(next(lines)) for one in results]


def _line(line: report.Line) -> dict[str, Any]:
    return {
        "name": line.name,
        "size": line.size,
        "outcome": line.outcome.value,
        "label": line.outcome.label,
        "code": line.code,
        "reason": line.reason,
        "study": line.study_instance_uid,
        "series": line.series_instance_uid,
        "instance": line.sop_instance_uid,
        "url": _url(line),
    }


def _url(line: report.Line) -> str:
    if not line.has_page:
        return ""
    uids = [line.study_instance_uid, line.series_instance_uid, line.sop_instance_uid]
    try:
        return reverse("instance_detail", args=uids)
    except NoReverseMatch:
        return ""


def _job_line(path: str, size: int, job: Job) -> dict[str, Any]:
    return {"name": path, "size": size, "outcome": "unpacking", "label": "Zip", "job": str(job.pk), "reason": ""}


def _json(request: HttpRequest) -> dict[str, Any]:
    try:
        value = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
