"""The inbox of findings: what is odd about what was received, with both sides, until a person has dealt with it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pacsbrowser.access.decorators import administrator_required, uploader_required
from pacsbrowser.access.scope import Scope, scope_of
from pacsbrowser.archive import findings, inbox
from pacsbrowser.archive.decisions import make_primary
from pacsbrowser.archive.models import Copy, Finding, Level
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.pages import comparing
from pacsbrowser.pages.csv_files import send_csv
from pacsbrowser.pages.finding_page import detail_context
from pacsbrowser.pages.lookup import NOT_HERE, InstancePlace, find_instance, offers_choice
from pacsbrowser.pages.render import page
from pacsbrowser.pages.study_page import banner
from pacsbrowser.pages.wording import finding_lines, sentence, title

PAGE = 40
MOST_IN_CSV = 100_000
WHY_LENGTH = 500
NEEDS_REASON = "Say why: the reason is kept with the finding and in the audit log."
CSV_COLUMNS = (
    "code", "title", "severity", "level", "state", "keyword", "what", "seen_in", "first_seen", "last_seen",
    "study_instance_uid", "series_instance_uid", "sop_instance_uid", "decided_by", "decided", "decision",
)  # fmt: skip


@require_safe
def finding_list(request: HttpRequest) -> HttpResponse:
    """List findings, latest first, by the filters of the URL."""
    context = _list_context(request)
    return page(request, "pages/finding_list.html", context, fragment="more" if "after" in request.GET else "inbox")


@require_safe
def finding_csv(request: HttpRequest) -> HttpResponseBase:
    """Send the findings that the filters leave as CSV."""
    rows = inbox.inbox(scope_of(request.user), request.GET.dict())[:MOST_IN_CSV]
    record(Action.DOWNLOAD, request=request, detail={"what": "findings"})
    return send_csv([CSV_COLUMNS, *map(_csv_row, rows)], "findings.csv")


@require_safe
def finding_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a finding with both sides, beside the list it is in."""
    scope = scope_of(request.user)
    finding = _find(scope, pk)
    context = {**_list_context(request), **detail_context(finding, scope)}
    return page(request, "pages/finding_detail.html", context, fragment="detail")


@uploader_required
@require_POST
def finding_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark a finding as dealt with, or put it back among the open ones; either needs a reason."""
    finding = _find(scope_of(request.user), pk)
    why, reopen = request.POST.get("why", "").strip()[:WHY_LENGTH], request.POST.get("do") == "reopen"
    if not why:
        messages.error(request, NEEDS_REASON)
        return redirect("finding_detail", pk=pk)
    change = findings.reopen if reopen else findings.decide
    change(finding, request.user.get_username(), why)
    _record_decision(request, finding, "opened again" if reopen else "done", why)
    messages.success(request, "The finding is open again." if reopen else "The finding is marked as done.")
    return redirect("finding_detail", pk=pk)


@require_safe
@offers_choice
def copy_compare(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str, pk: int) -> HttpResponseBase:
    """Show an instance and another object of its UID side by side."""
    place = find_instance(request, study_uid, series_uid, instance_uid)
    copy = _find_copy(place, pk)
    every = request.GET.get("all") == "1"
    comparison = comparing.compare(place.instance, copy, comparing.MOST if every else comparing.SHOWN)
    context = {
        "place": place, "patient": place.patient, "study": place.study, "series": place.series,
        "instance": place.instance, "copy": copy, "comparison": comparison, "every": every, **banner(place),
    }  # fmt: skip
    return page(request, "pages/copy_compare.html", context)


@administrator_required
@require_http_methods(["POST"])
@offers_choice
def copy_show(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str, pk: int) -> HttpResponseBase:
    """Show a copy in place of what its instance shows now."""
    place = find_instance(request, study_uid, series_uid, instance_uid)
    copy, why = _find_copy(place, pk), request.POST.get("why", "").strip()[:WHY_LENGTH]
    if not why:
        messages.error(request, NEEDS_REASON)
        arguments = [*place.url_arguments, pk]
        return redirect(reverse("copy_compare", args=arguments) + place.holder_query)
    try:
        make_primary(copy, request.user.get_username(), why)
    except (DicomError, OSError):
        messages.error(request, "The file of this copy cannot be read, so it cannot be shown.")
    except Copy.DoesNotExist:
        messages.info(request, "Somebody has chosen another copy meanwhile.")
    else:
        detail = {"what": "copy shown", "why": why, "sha256": bytes(copy.blob.sha256).hex()}
        patient, study = place.patient.audit_name, place.study.study_instance_uid
        record(Action.DECIDE, request=request, patient=patient, study=study, object=place.uid, detail=detail)
        messages.success(request, "Lists and protocols show the other copy from now on. The first is kept.")
    return redirect(reverse("instance_detail", args=place.url_arguments) + place.holder_query + "#copies")


def _list_context(request: HttpRequest) -> dict[str, Any]:
    scope, wanted = scope_of(request.user), request.GET.dict()
    state = wanted.get("state") or Finding.State.OPEN
    rows = list(inbox.after(inbox.inbox(scope, wanted), wanted.get("after", ""))[: PAGE + 1])
    kinds = sorted((title(code), code, count) for code, count in inbox.counts_by_code(scope, state).items())
    return {
        "lines": finding_lines(rows[:PAGE]),
        "more": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "continued": "after" in wanted,
        "kinds": kinds,
        "total": sum(count for _, _, count in kinds),
        "wanted": {**wanted, "state": state},
        "kept": {name: wanted[name] for name in ("patient", "study", "series", "instance") if wanted.get(name)},
        "severities": Finding.Severity.choices,
        "levels": Level.choices,
        "states": [*Finding.State.choices, ("all", "All")],
    }


def _find(scope: Scope, pk: int) -> Finding:
    rows = inbox.live_findings(scope).select_related("patient", "study", "series", "instance")
    finding = rows.filter(pk=pk).first()
    if finding is None:
        raise Http404(NOT_HERE)
    return finding


def _find_copy(place: InstancePlace, pk: int) -> Copy:
    copy = (
        Copy.objects.filter(instance=place.instance, pk=pk).select_related("blob", "delivery", "delivery__user").first()
    )
    if copy is None:
        raise Http404(NOT_HERE)
    return copy


def _record_decision(request: HttpRequest, finding: Finding, what: str, why: str) -> None:
    record(
        Action.DECIDE,
        request=request,
        patient=finding.patient.audit_name,
        study=finding.study.study_instance_uid if finding.study else "",
        detail={"finding": finding.pk, "code": finding.code, "what": what, "why": why},
    )


def _csv_row(finding: Finding) -> tuple[object, ...]:
    return (
        finding.code, title(finding.code), finding.severity, finding.level, finding.state, finding.keyword,
        sentence(finding), finding.instance_count, finding.first_seen, finding.last_seen,
        finding.study.study_instance_uid if finding.study else "",
        finding.series.series_instance_uid if finding.series else "",
        finding.instance.sop_instance_uid if finding.instance else "",
        finding.decided_by, finding.decided, finding.decision,
    )  # fmt: skip
