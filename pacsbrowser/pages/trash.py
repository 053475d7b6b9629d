"""Deleting: objects of any level go into the trash with a reason, come back from it, or are deleted for good."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pacsbrowser.access.decorators import administrator_required
from pacsbrowser.access.scope import scope_of
from pacsbrowser.archive import inbox, removal
from pacsbrowser.archive.models import Level, Removal, Series, Study
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.pages.lookup import (
    NOT_HERE,
    Place,
    find_instance,
    find_patient,
    find_series,
    find_study,
    offers_choice,
)
from pacsbrowser.pages.patient_page import totals
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.render import page
from pacsbrowser.pages.templatetags.dicom_format import counted

PAGE = 50
WHY_LENGTH = 500
NEEDS_REASON = "Say why: the reason is kept with what is deleted and in the audit log."


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def patient_remove(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask for the reason, then put a patient's studies into the trash."""
    patient, scope = find_patient(request, pk)
    counts = totals(patient, Study.objects.visible_to(scope).filter(patient=patient), scope)
    back = reverse("patient_detail", args=[patient.pk])
    context = {
        "patient": patient, "level": Level.PATIENT, "back": back, "studies": counts.studies,
        "series_count": counts.series, "instances": counts.instances, "size": counts.size,
    }  # fmt: skip
    why = reason_of(request)
    if not why:
        return _ask(request, context)
    return _put_into_trash(request, patient, why, reverse("patient_list"))


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
@offers_choice
def study_remove(request: HttpRequest, study_uid: str) -> HttpResponseBase:
    """Ask for the reason, then put a study into the trash."""
    place = find_study(request, study_uid)
    context = {"series_count": place.study.series_count, **_counts(place.study)}
    return _remove(request, place, context, _patient_url(place))


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
@offers_choice
def series_remove(request: HttpRequest, study_uid: str, series_uid: str) -> HttpResponseBase:
    """Ask for the reason, then put a series into the trash."""
    place = find_series(request, study_uid, series_uid)
    context = {"series": place.series, **_counts(place.series)}
    return _remove(request, place, context, _study_url(place) if place.study.series_count > 1 else _patient_url(place))


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
@offers_choice
def instance_remove(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> HttpResponseBase:
    """Ask for the reason, then put an instance into the trash."""
    place = find_instance(request, study_uid, series_uid, instance_uid)
    context = {"series": place.series, "instance": place.instance, "instances": 1, "size": place.instance.blob.size}
    if place.series.instance_count > 1:
        after = reverse("series_detail", args=place.url_arguments[:2]) + place.holder_query
    else:
        after = _study_url(place) if place.study.series_count > 1 else _patient_url(place)
    return _remove(request, place, context, after)


@administrator_required
@require_safe
def removal_list(request: HttpRequest) -> HttpResponse:
    """List what was put into the trash, the latest first."""
    rows = removal.visible_removals(scope_of(request.user)).order_by("-when", "-pk")
    after = request.GET.get("after", "")
    last = Removal.objects.filter(pk=int(after)).first() if inbox.is_key(after) else None
    if last:
        rows = rows.filter(when__lte=last.when).exclude(when=last.when, pk__gte=last.pk)
    found = list(rows[: PAGE + 1])
    more = found[PAGE - 1].pk if len(found) > PAGE else None
    return page(request, "pages/removal_list.html", {"removals": found[:PAGE], "more": more, "continued": bool(last)})


@administrator_required
@require_POST
def removal_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring back what one act of deleting took away."""
    found = _find_removal(request, pk)
    if found.restored or found.purged:
        return _ended(request)
    try:
        count = removal.restore(found, request.user.get_username(), witness_of(request, Action.RESTORE))
    except removal.AlreadyEnded:
        return _ended(request)
    messages.success(request, f"{found.get_level_display()} “{found.label}” is back: {counted(count, 'instance')}.")
    return redirect("removal_list")


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def removal_purge(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once more, then delete for good what is in the trash."""
    found = _find_removal(request, pk)
    if found.restored or found.purged:
        return _ended(request)
    if request.method != "POST" or request.POST.get("sure") != "yes":
        problem = "Tick the box to delete for good." if request.method == "POST" else ""
        return page(request, "pages/removal_purge.html", {"removal": found, "problem": problem})
    try:
        witness = witness_of(request, Action.DELETE, for_good=True)
        count = removal.purge(found, request.user.get_username(), witness)
    except removal.AlreadyEnded:
        return _ended(request)
    messages.success(request, f"{found.get_level_display()} “{found.label}” is deleted for good: {count:,} instances.")
    return redirect("removal_list")


def _ended(request: HttpRequest) -> HttpResponse:
    messages.info(request, "This was restored or deleted for good already.")
    return redirect("removal_list")


def _find_removal(request: HttpRequest, pk: int) -> Removal:
    found = removal.visible_removals(scope_of(request.user)).filter(pk=pk).first()
    if found is None:
        raise Http404(NOT_HERE)
    return found


def reason_of(request: HttpRequest) -> str:
    """Return why something is to be deleted, '' while that was not said."""
    return request.POST.get("why", "").strip()[:WHY_LENGTH] if request.method == "POST" else ""


def _counts(row: Study | Series) -> dict[str, Any]:
    return {"instances": row.instance_count, "size": row.size}


def _study_url(place: Place) -> str:
    return reverse("study_detail", args=place.url_arguments[:1]) + place.holder_query


def _patient_url(place: Place) -> str:
    if place.patient.study_count > 1:
        return reverse("patient_detail", args=[place.patient.pk])
    return reverse("patient_list")


def _own_url(place: Place) -> str:
    return reverse(f"{place.level}_detail", args=place.url_arguments) + place.holder_query


def _ask(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    problem = NEEDS_REASON if request.method == "POST" else ""
    status = 422 if problem else 200
    return page(request, "pages/remove.html", {**context, "problem": problem}, status=status)


def _remove(request: HttpRequest, place: Place, context: dict[str, Any], after: str) -> HttpResponse:
    why = reason_of(request)
    if not why:
        own = {"patient": place.patient, "study": place.study, "place": place, "level": place.level}
        return _ask(request, {**own, "back": _own_url(place), **context})
    return _put_into_trash(request, place.row, why, after)


def _put_into_trash(request: HttpRequest, row: removal.Removable, why: str, after: str) -> HttpResponseRedirect:
    done = removal.remove(row, signed_in(request), why, witness_of(request, Action.DELETE, why=why))
    moved = counted(done.instance_count, "instance")
    messages.success(request, f"{moved} moved to the trash. An administrator can restore what is there.")
    return HttpResponseRedirect(after)


def witness_of(request: HttpRequest, action: Action, **more: Any) -> removal.Witness:
    """Return what adds an audit event for each study, so that the log's filters find it by study and by patient."""

    def record_study(act: Removal, study: Study, count: int) -> None:
        record(
            action,
            request=request,
            patient=study.patient.audit_name,
            study=study.study_instance_uid,
            object=act.uid,
            detail={"level": act.level, "instances": count, "removal": act.pk, **more},
        )

    return record_study
