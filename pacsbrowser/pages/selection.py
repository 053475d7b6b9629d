"""What can be done with the rows that a person has ticked: one zip, a list of UIDs, the trash."""

import re
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from pacsbrowser.access.decorators import administrator_required
from pacsbrowser.access.scope import scope_of
from pacsbrowser.archive import export_names, removal
from pacsbrowser.archive.models import Level
from pacsbrowser.archive.selection import MOST, Selection
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.jobs.work import enqueue
from pacsbrowser.pages.downloads import send_zip
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.render import page
from pacsbrowser.pages.templatetags.dicom_format import counted
from pacsbrowser.pages.trash import NEEDS_REASON, reason_of, witness_of

# What takes longer than a page is done in the background.
AT_ONCE = 2_000
_EVENTS_AT_ONCE = 100
_LIST_NAME = re.compile(r"[a-z]+(-\d+)?\Z")


class NothingSelected(Exception):
    """No row, or too many; the text says which, for the person."""


def read_selection(request: HttpRequest) -> Selection:
    """Return what a form says was picked: `pick` for each row of the page, `elsewhere` for those of other pages.

    Raises:
        NothingSelected: nothing that this person may see, or more than `MOST`.
    """
    words = [*request.POST.getlist("pick"), *request.POST.get("elsewhere", "").split(",")]
    keys = tuple(dict.fromkeys(int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 19))
    level = request.POST.get("level", "")
    if len(keys) > MOST:
        raise NothingSelected(f"More than {MOST:,} rows are selected. Do it in parts.")
    if level not in Level.values or not keys:
        raise NothingSelected("Nothing is selected.")
    selection = Selection(Level(level), keys, scope_of(request.user))
    if not selection.rows:
        raise NothingSelected("What was selected is not here any more.")
    return selection


def go_back(request: HttpRequest, problem: NothingSelected) -> HttpResponseRedirect:
    """Return to the page that the form was on, and say there why nothing was done."""
    messages.info(request, str(problem))
    return HttpResponseRedirect(back_of(request))


def back_of(request: HttpRequest) -> str:
    """Return the address of the list that was picked from; of this site in any case."""
    back = request.POST.get("back", "")
    is_ours = back.startswith("/") and url_has_allowed_host_and_scheme(back, None)
    return back if is_ours else "/"


def carried(request: HttpRequest, selection: Selection) -> dict[str, Any]:
    """Return what a page that asks something first has to carry along in its form."""
    name = request.POST.get("list", "")
    return {
        "selection": selection,
        "keys": ",".join(map(str, selection.keys)),
        "list": name if _LIST_NAME.match(name) else "",
        "back": back_of(request),
    }


def record_each(request: HttpRequest, action: Action, selection: Selection, **detail: Any) -> None:
    """Add an event for each study that is touched, so that the log's filters find it by study and by patient."""
    about = {"level": selection.level.value, "selected": len(selection.rows), **detail}
    touched = list(selection.studies_touched())
    for start in range(0, len(touched), _EVENTS_AT_ONCE):
        with transaction.atomic():
            for study, uid in touched[start : start + _EVENTS_AT_ONCE]:
                patient, own = study.patient.audit_name, study.study_instance_uid
                record(action, request=request, patient=patient, study=own, object=uid or own, detail=about)


@require_POST
def selection_zip(request: HttpRequest) -> HttpResponseBase:
    """Send what was picked as one zip."""
    try:
        selection = read_selection(request)
    except NothingSelected as problem:
        return go_back(request, problem)
    record_each(request, Action.DOWNLOAD, selection, what="zip")
    name = counted(len(selection.rows), selection.level.value).replace(",", "").replace(" ", "_")
    return send_zip(export_names.members_of_selection(selection), f"{name}.zip")


@require_POST
def selection_uids(request: HttpRequest) -> HttpResponseBase:
    """Show the Patient IDs or UIDs of what was picked; a script gets them as plain text to copy them."""
    try:
        selection = read_selection(request)
    except NothingSelected as problem:
        return go_back(request, problem)
    record_each(request, Action.DOWNLOAD, selection, what="list of UIDs")
    uids = selection.uids()
    if request.headers.get("Accept") == "text/plain":
        return HttpResponse("\n".join(uids), content_type="text/plain; charset=utf-8")
    return page(request, "pages/selection_uids.html", {**carried(request, selection), "uids": "\n".join(uids)})


@administrator_required
@require_POST
def selection_remove(request: HttpRequest) -> HttpResponseBase:
    """Ask for the reason, then put what was picked into the trash; much of it in the background."""
    try:
        selection = read_selection(request)
    except NothingSelected as problem:
        return go_back(request, problem)
    why, is_asked = reason_of(request), "asked" in request.POST
    if not (why and is_asked):
        context = {**carried(request, selection), "problem": NEEDS_REASON if is_asked else ""}
        return page(request, "pages/selection_remove.html", context, status=422 if is_asked else 200)
    if selection.totals.instances > AT_ONCE:
        return _remove_in_background(request, selection, why)
    user, witness = signed_in(request), witness_of(request, Action.DELETE, why=why)
    moved = sum(removal.remove(row, user, why, witness).instance_count for row in selection.rows)
    messages.success(request, f"{counted(moved, 'instance')} moved to the trash. An administrator can restore them.")
    return HttpResponseRedirect(back_of(request))


def _remove_in_background(request: HttpRequest, selection: Selection, why: str) -> HttpResponse:
    title = f"Move {counted(len(selection.rows), selection.level.value)} to the trash"
    keys = [row.pk for row in selection.rows]
    job = enqueue("remove", signed_in(request), title, level=selection.level.value, keys=keys, why=why)
    return redirect("job_detail", job.pk)
