"""The jobs page: what runs in the background, its progress and its items, cancel and retry."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from pacsbrowser.archive.inbox import is_key
from pacsbrowser.jobs import work
from pacsbrowser.jobs.items import LISTED, count_items
from pacsbrowser.jobs.models import ENDED, ItemState, Job, State
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.render import page, running_jobs

SHOWN = 100
ITEMS = 100
# In this order a job's page offers them.
STATES = (ItemState.FAILED, ItemState.WARNING, ItemState.DONE, ItemState.WAITING)


def _jobs_of(request: HttpRequest) -> QuerySet[Job]:
    """One's own jobs; an administrator reaches everybody's."""
    user = signed_in(request)
    jobs = Job.objects.select_related("owner").order_by("-created", "id")
    return jobs if user.is_administrator else jobs.filter(owner=user)


@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """The newest jobs; while one of them runs, the page asks for them again by itself."""
    user = signed_in(request)
    everybody = user.is_administrator and request.GET.get("of") == "all"
    jobs = _jobs_of(request) if everybody else _jobs_of(request).filter(owner=user)
    rows = list(jobs.defer("log", "parameters")[:SHOWN])
    counts = Counter(row.state for row in rows)
    active = bool(counts[State.RUNNING] or counts[State.QUEUED])
    return page(
        request,
        "pages/job_list.html",
        {"jobs": rows, "active": active, "everybody": everybody, "counts": {str(key): n for key, n in counts.items()}},
    )


@require_safe
def job_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One job with its log, its result, and what became of each of its items: the failed ones first."""
    job = get_object_or_404(_jobs_of(request), pk=pk)
    context = {"job": job, "results": _results(job), **_items(job, request.GET.get("state", ""), request.GET)}
    return page(request, "pages/job_detail.html", context)


@require_safe
def job_indicator(request: HttpRequest) -> HttpResponse:
    """How far one's own running jobs are, for the bar of every page; once they have ended, how the last one did."""
    user = signed_in(request)
    last = Job.objects.filter(owner=user, state__in=ENDED).order_by("-created").first()
    return page(request, "includes/job_indicator.html", {"running": running_jobs(user), "last": last}, fragment="bar")


def _results(job: Job) -> list[tuple[str, object]]:
    return [
        (key.replace("_", " "), value)
        for key, value in job.outcome.items()
        if value not in ("", None) and key != LISTED
    ]


def _items(job: Job, state: str, query: QueryDict) -> dict[str, Any]:
    """Return a page of a job's items: of one state, or of all."""
    counts = count_items(job)
    if not any(counts.values()):
        return {}
    state = state if state in counts else ItemState.FAILED if counts[ItemState.FAILED] else ""
    rows = job.items.filter(state=state) if state else job.items.all()
    after = query.get("after", "")
    if is_key(after):
        rows = rows.filter(pk__gt=int(after))
    found = list(rows.order_by("pk")[: ITEMS + 1])
    tabs = [(value, ItemState(value).label, counts[value]) for value in STATES if counts[value]]
    return {
        "items": found[:ITEMS],
        "item_tabs": tabs,
        "item_state": state,
        "more_items": found[ITEMS - 1].pk if len(found) > ITEMS else None,
    }


@require_POST
def job_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask a job to stop."""
    if not work.cancel(get_object_or_404(_jobs_of(request), pk=pk)):
        messages.info(request, "The job had already ended.")
    return redirect("job_detail", pk)


@require_POST
def job_retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Run a failed or cancelled job again."""
    try:
        if not work.retry(get_object_or_404(_jobs_of(request), pk=pk)):
            messages.info(request, "The job is waiting, running or done.")
    except work.NotAllowed as problem:
        messages.error(request, str(problem))
    return redirect("job_detail", pk)
