"""Answering with a page, or with the fragment of it that htmx asked for; and what every page shows around itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject

from pacsbrowser.access.models import User
from pacsbrowser.jobs.models import Job, State


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    fragment: str = "results",
    status: int = 200,
) -> HttpResponse:
    """Render the page, or its part `fragment` where htmx asks for a swap.

    Back and Forward also send HX-Request when htmx has no copy of the page: they get the whole page.
    """
    name = f"{template}#{fragment}" if wants_fragment(request) else template
    response = render(request, name, dict(context or {}), status=status)
    patch_vary_headers(response, ["HX-Request"])
    response.headers["Cache-Control"] = "private, no-store"
    return response


def wants_fragment(request: HttpRequest) -> bool:
    """True for a swap of a part of the page that the browser already shows."""
    htmx = request.htmx  # type: ignore[attr-defined]
    return bool(htmx and not htmx.boosted and not htmx.history_restore_request)


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the rail. `inside` names the views below it, on which it is marked as well."""

    name: str
    label: str
    icon: str
    for_role: str = "viewer"
    inside: tuple[str, ...] = ()
    end: bool = False
    wide: bool = False


_PATIENT_PAGES = (
    "patient_detail", "patient_chart", "study_list", "study_detail", "study_chart", "series_detail", "instance_detail",
    "uid_holders", "instance_tags", "series_references", "copy_compare",
    "patient_remove", "study_remove", "series_remove", "instance_remove", "selection_remove", "selection_uids",
    "selection_send",
)  # fmt: skip

PLACES = (
    Place("patient_list", "Patients", "patients", inside=_PATIENT_PAGES),
    Place("upload", "Upload", "upload", for_role="uploader", inside=("upload_report",)),
    Place("remote_list", "Fetch", "search", for_role="fetcher"),
    Place("arrivals", "Arrivals", "download"),
    Place("finding_list", "Findings", "flag", inside=("finding_detail",)),
    Place("job_list", "Jobs", "jobs", inside=("job_detail",)),
    Place(
        "node_list",
        "Nodes",
        "send",
        for_role="administrator",
        wide=True,
        inside=("node_add", "node_detail", "node_remove", "rule_add", "rule_detail"),
    ),
    Place("event_list", "Audit", "audit", for_role="administrator", wide=True),
    Place("user_list", "Users", "patient", for_role="administrator", inside=("user_detail", "user_add"), wide=True),
    Place("removal_list", "Trash", "trash", for_role="administrator", wide=True),
    Place("help", "Help", "info", inside=("conformance",), end=True),
)


def places_of(user: User, current: str) -> list[dict[str, Any]]:
    """The entries of the rail that this user may open."""
    allowed = {"viewer"} | ({"uploader"} if user.may_upload else set())
    if user.may_upload and user.sees_everything:
        allowed.add("fetcher")
    if user.is_administrator:
        allowed.add("administrator")
    shown = []
    for place in PLACES:
        if place.for_role not in allowed:
            continue
        here = current == place.name or current in place.inside
        shown.append({"place": place, "url": reverse(place.name), "current": here})
    return shown


def house(request: HttpRequest) -> dict[str, Any]:
    """Context of every page: the rail, running jobs, theme; worked out only where a template asks for it."""
    match = request.resolver_match
    current = match.url_name or "" if match else ""
    user = getattr(request, "user", None)
    if not isinstance(user, User) and not (user is not None and user.is_authenticated):
        return {"places": [], "theme": "", "demo": is_demo()}
    return {
        "places": SimpleLazyObject(lambda: places_of(user, current)),
        "running_jobs": SimpleLazyObject(lambda: running_jobs(user)),
        "theme": user.theme,
        "demo": is_demo(),
    }


def is_demo() -> bool:
    """True where `start --demo` has loaded demonstration data."""
    return (settings.PACSBROWSER_DATA / "demo").exists()


def running_jobs(user: User) -> dict[str, int]:
    """How many jobs of somebody run or wait, and how far they are together, in per cent; 0 jobs: none."""
    rows = Job.objects.filter(owner=user, state__in=[State.QUEUED, State.RUNNING]).values_list("done", "total")
    parts = [done / total if total else 0.0 for done, total in rows]
    return {"count": len(parts), "percent": round(100 * sum(parts) / len(parts)) if parts else 0}
