"""The upload page, the form that works without JavaScript, and the report of an upload with its own address."""

from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from django.core.exceptions import TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from pacsbrowser.access.decorators import uploader_required
from pacsbrowser.access.models import User
from pacsbrowser.access.scope import scope_of
from pacsbrowser.archive import report
from pacsbrowser.archive.ingest import audit_delivery, close_delivery, open_delivery
from pacsbrowser.archive.models import Delivery, Door, Outcome
from pacsbrowser.archive.waiting_zips import is_unpacking, jobs_of
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import address_of, record
from pacsbrowser.pages import upload_form
from pacsbrowser.pages.csv_files import send_csv
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.render import page

LINES = 100
STUDIES = 50
RECENT = 5
CSV_COLUMNS = ("File", "Bytes", "Outcome", "Code", "Reason", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
# An upload without a sign of life for longer is not waited for by its report.
STILL = timedelta(minutes=2)


def begin_upload(request: HttpRequest, label: str = "") -> Delivery:
    """Open a delivery for the signed-in user."""
    user = signed_in(request)
    delivery = open_delivery(
        Door.UPLOAD, user.get_username(), user=user, address=address_of(request), label=upload_form.clean_label(label)
    )
    record(Action.UPLOAD, request=request, object=str(delivery.pk))
    return delivery


def own_delivery(request: HttpRequest, pk: UUID) -> Delivery:
    """Return an upload of the signed-in user; anybody else's does not exist.

    Raises:
        Http404: there is none.
    """
    delivery = Delivery.objects.filter(pk=pk, door=Door.UPLOAD, user=signed_in(request)).first()
    if delivery is None:
        raise Http404("There is no such upload.")
    return delivery


def readable_delivery(request: HttpRequest, pk: UUID) -> Delivery:
    """Return an upload that the signed-in user may read about: one's own, and for administrators all.

    Raises:
        Http404: there is none.
    """
    user = signed_in(request)
    if not user.is_administrator:
        return own_delivery(request, pk)
    delivery = Delivery.objects.filter(pk=pk).select_related("user").first()
    if delivery is None:
        raise Http404("There is no such upload.")
    return delivery


@csrf_exempt
@uploader_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """The page; POST takes the form that is sent without JavaScript.

    The CSRF token is checked inside: it is a field of the form, and reading the form needs our upload handler set
    before, so that nobody else's files are written anywhere.
    """
    if request.method != "POST":
        return _show(request)
    request.upload_handlers = [upload_form.StagingHandler(request)]
    try:
        return _receive_form(request)
    except TooManyFilesSent:
        return _show(request, "The form takes 500 files at once. Make a zip of them, or send them in parts.")
    finally:
        upload_form.discard_rest(request)


@csrf_protect
def _receive_form(request: HttpRequest) -> HttpResponse:
    files = upload_form.files_of(request)
    if not files:
        return _show(request, "No file was chosen.")
    delivery = begin_upload(request, upload_form.label_of(files))
    upload_form.take(files, delivery, signed_in(request))
    finish(request, delivery)
    return redirect("upload_report", delivery.pk)


def _show(request: HttpRequest, problem: str = "") -> HttpResponse:
    user = signed_in(request)
    recent = Delivery.objects.filter(door=Door.UPLOAD, user=user, active__gt=timezone.now() - timedelta(days=30))
    context = {"problem": problem, "into": _into(request, user), "recent": recent.order_by("-active", "-id")[:RECENT]}
    return page(request, "pages/upload.html", context, fragment="recent", status=400 if problem else 200)


def _into(request: HttpRequest, user: User) -> Delivery | None:
    """Return the upload of one's own that is to be gone on with (`?into=`)."""
    try:
        key = UUID(request.GET.get("into", ""))
    except ValueError:
        return None
    return Delivery.objects.filter(pk=key, door=Door.UPLOAD, user=user).first()


def finish(request: HttpRequest, delivery: Delivery) -> None:
    """Close a delivery, unless zips of it still wait, and record what it has brought."""
    if not is_unpacking(delivery):
        close_delivery(delivery)
    audit_delivery(delivery, Action.UPLOAD, "web", request)


@require_safe
def upload_report(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What became of each file, the same whenever it is opened; asks for itself again while files still come."""
    delivery = readable_delivery(request, pk)
    return page(request, "pages/upload_report.html", report_context(request, delivery), fragment="report")


def report_context(request: HttpRequest, delivery: Delivery) -> dict[str, Any]:
    """Return what the report shows of a delivery to the signed-in user."""
    user = signed_in(request)
    scope = scope_of(user)
    shown = request.GET.get("show", "")
    after = report.Cursor.parse(request.GET.get("after", ""))
    lines = report.read_lines(delivery, scope, _outcomes(shown), after, LINES + 1)
    counts = report.counts_of(delivery, scope)
    jobs = list(jobs_of(delivery))
    return {
        "delivery": delivery,
        "counts": counts,
        "tiles": [(outcome, counts[outcome]) for outcome in reversed(report.ORDER)],
        "total": sum(counts.values()),
        "to_look_at": sum(counts.values()) - counts[Outcome.STORED],
        "show": shown,
        "lines": lines[:LINES],
        "more": report.Cursor(lines[LINES - 1].outcome, lines[LINES - 1].key) if len(lines) > LINES else None,
        "after": after,
        "jobs": jobs,
        "studies": report.studies_of(delivery, scope, STUDIES),
        "running": any(not job.has_ended for job in jobs),
        "live": any(not job.has_ended for job in jobs)
        or (delivery.finished is None and delivery.active > timezone.now() - STILL),
        "is_own": delivery.user_id == user.pk and user.may_upload,
    }


def _outcomes(shown: str) -> tuple[Outcome, ...]:
    if shown == "all":
        return report.ORDER
    return (Outcome(shown),) if shown in Outcome.values else report.NOT_SIMPLY_STORED


@require_safe
def upload_csv(request: HttpRequest, pk: UUID) -> StreamingHttpResponse:
    """The report as CSV, every file."""
    delivery = readable_delivery(request, pk)
    lines = report.all_lines(delivery, scope_of(signed_in(request)))
    return send_csv(chain([CSV_COLUMNS], map(_csv_row, lines)), f"upload-{delivery.pk}.csv")


def _csv_row(line: report.Line) -> tuple[object, ...]:
    return (
        line.name, line.size, line.outcome.label, line.code, line.reason,
        line.study_instance_uid, line.series_instance_uid, line.sop_instance_uid,
    )  # fmt: skip
