"""The jobs page: what runs in the background, its progress, cancel and retry."""

from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from pacsbrowser.jobs import work
from pacsbrowser.jobs.models import Job
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.render import page

SHOWN = 100


def _jobs_of(request: HttpRequest) -> QuerySet[Job]:
    """One's own jobs; an administrator reaches everybody's."""
    user = signed_in(request)
    jobs = Job.objects.select_related("owner").order_by("-created", "id")
    return jobs if user.is_administrator else jobs.filter(owner=user)


@require_safe
def job_list(request: HttpRequest) -> HttpResponse:
    """The newest jobs; the page asks for them again by itself."""
    user = signed_in(request)
    everybody = user.is_administrator and request.GET.get("of") == "all"
    jobs = _jobs_of(request) if everybody else _jobs_of(request).filter(owner=user)
    rows = list(jobs.defer("log")[:SHOWN])
    active = any(not row.has_ended for row in rows)
    return page(request, "pages/job_list.html", {"jobs": rows, "active": active, "everybody": everybody})


@require_safe
def job_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One job with its log and result."""
    return page(request, "pages/job_detail.html", {"job": get_object_or_404(_jobs_of(request), pk=pk)})


@require_POST
def job_cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask a job to stop."""
    if not work.cancel(get_object_or_404(_jobs_of(request), pk=pk)):
        messages.info(request, "The job had already ended.")
    return redirect("job_list")


@require_POST
def job_retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Run a failed or cancelled job again."""
    try:
        if not work.retry(get_object_or_404(_jobs_of(request), pk=pk)):
            messages.info(request, "The job is waiting, running or done.")
    except work.NotAllowed as problem:
        messages.error(request, str(problem))
    return redirect("job_list")
