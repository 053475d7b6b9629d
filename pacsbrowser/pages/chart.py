"""The hierarchy chart of a patient and of a study, with the tree beside it, and the chart alone as an SVG file."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.hierarchy import (
    Hierarchy,
    SeriesNode,
    StudyNode,
    find_parts,
    find_patient_hierarchy,
    find_study_hierarchy,
)
from pacsbrowser.archive.inbox import finding_counts
from pacsbrowser.archive.models import Level
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record, record_view
from pacsbrowser.pages.chart_drawing import painted
from pacsbrowser.pages.chart_layout import lay_out
from pacsbrowser.pages.chart_links import Links
from pacsbrowser.pages.chart_tree import part_item, tree_of
from pacsbrowser.pages.lookup import find_patient, find_series, find_study, offers_choice
from pacsbrowser.pages.render import page

# The tree opens a range so many instances at a time.
RANGE_STEP = 100


@require_safe
def patient_chart(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the hierarchy of a patient: all studies, newest first, a page of them at a time."""
    patient, scope = find_patient(request, pk)
    tree = find_patient_hierarchy(patient, scope, request.GET.get("after", ""))
    if request.GET.get("format") == "svg":
        return _file(request, tree, f"hierarchy-patient-{patient.pk}.svg")
    record_view(request, Level.PATIENT, patient.audit_name, "", patient.audit_name)
    return page(request, "pages/patient_chart.html", _context(request, tree, scope))


@require_safe
@offers_choice
def study_chart(request: HttpRequest, study_uid: str) -> HttpResponseBase:
    """Show the hierarchy of a study: its series by number, a page of them at a time."""
    place = find_study(request, study_uid)
    tree = find_study_hierarchy(place.study, place.scope, request.GET.get("after", ""))
    if request.GET.get("format") == "svg":
        return _file(request, tree, f"hierarchy-{place.study.study_instance_uid}.svg", place.study.study_instance_uid)
    record_view(request, Level.STUDY, place.uid, place.uid, place.patient.audit_name)
    context = {**_context(request, tree, place.scope), "study": place.study, "holder_query": place.holder_query}
    return page(request, "pages/study_chart.html", context)


@require_safe
@offers_choice
def chart_range(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponseBase:
    """Return the tree items of a range of a series; a person who opens this address is sent to the series' page."""
    place = find_series(request, study_uid, series_uid)
    study = StudyNode(place.study, is_shared=bool(place.holder_query))
    series, links = SeriesNode(place.series), Links()
    if "HX-Request" not in request.headers:
        return HttpResponseRedirect(links.series(study, series))
    first, last = (_number(request.GET.get(name, "")) for name in ("first", "last"))
    parts, rest = find_parts(place.series, first, last, RANGE_STEP)
    items = [part_item(study, series, part, links) for part in [*parts, *([rest] if rest else [])]]
    return render(request, "includes/chart_items.html", {"items": items})


def _context(request: HttpRequest, tree: Hierarchy, scope: Scope) -> dict[str, Any]:
    by_bytes = request.GET.get("by") == "bytes"
    links = Links()
    return {
        "patient": tree.patient,
        "patient_findings": finding_counts([tree.patient], scope).get(tree.patient.pk, 0),
        "tree": tree,
        "totals": tree.totals,
        "chart": lay_out(tree, links, by_bytes),
        "root": tree_of(tree, links),
        "by_bytes": by_bytes,
    }


def _file(request: HttpRequest, tree: Hierarchy, name: str, study_uid: str = "") -> HttpResponse:
    """Return the drawing as a file of its own, with its colours in it and its links whole."""
    chart = lay_out(tree, Links(request.build_absolute_uri), request.GET.get("by") == "bytes")
    record(
        Action.DOWNLOAD,
        request=request,
        patient=tree.patient.audit_name,
        study=study_uid,
        object=study_uid or tree.patient.audit_name,
        detail={"what": "hierarchy chart"},
    )
    drawing = render_to_string("includes/chart_file.svg", {"chart": chart, "boxes": painted(chart)})
    response = HttpResponse(drawing, content_type="image/svg+xml")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _number(text: str) -> int:
    """Return a position from a URL; what is none finds nothing."""
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 12 else 0
