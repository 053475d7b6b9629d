"""Searching other nodes with the form of home, and fetching what they have: what was ticked, or a list of numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe

from pacsbrowser.access.decorators import required
from pacsbrowser.access.scope import scope_of
from pacsbrowser.archive import search as home
from pacsbrowser.archive.inbox import is_key
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.dicom.names import PersonName
from pacsbrowser.dicom.uids import is_storable_uid
from pacsbrowser.dicom.values import sort_date_time
from pacsbrowser.exchange.inbound import KEYS, MOST_NUMBERS, counts_here, enqueue_fetch, enqueue_list
from pacsbrowser.exchange.job_functions import may_fetch
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.questions import answers_names, questions_of
from pacsbrowser.exchange.remote_query import Answer, RemoteStudy, search
from pacsbrowser.pages.list_state import DATES, SEXES, ListState, read_state
from pacsbrowser.pages.number_lists import BadList, SmallFile, decode, read_numbers
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.render import page

MOST_PICKED = 500
# Offered although nothing of them is here yet.
MODALITIES = ("CR", "CT", "DX", "ES", "MG", "MR", "NM", "OT", "PT", "RF", "RTDOSE", "RTPLAN", "SR", "US", "XA")
fetcher_required = required(may_fetch, "This needs the role Uploader, for the studies of all institutions.")


@dataclass(frozen=True, slots=True)
class RemoteRow:
    """A study of another node as the list shows it: how many of its instances are here already."""

    study: RemoteStudy
    here: int
    name: PersonName

    @property
    def state(self) -> str:
        """How it compares: "missing", "same", "fewer" or "more" here, or "some" where the node gives no count."""
        there = self.study.instance_count
        if not self.here:
            return "missing"
        if there is None:
            return "some"
        return "same" if self.here == there else "fewer" if self.here < there else "more"


@fetcher_required
@require_safe
def remote_list(request: HttpRequest) -> HttpResponse:
    """Search other nodes."""
    nodes = list(Node.objects.all())
    chosen = [node for node in nodes if str(node.pk) in request.GET.getlist("node")]
    state = read_state(request.GET, home.STUDIES.sorts, "-date")
    questions = questions_of(state.query, state.filters)
    answers = search(chosen, questions) if questions else []
    rows = _rows(request, state, answers)
    if answers:
        _record(request, state, answers)
    context = {
        **_form(request, state),
        "nodes": nodes,
        "chosen": [node.pk for node in chosen or nodes[:1]],
        "answers": answers,
        "rows": rows,
        "has_answered": any(not one.problem for one in answers),
        "is_empty": "node" in request.GET and not questions,
    }
    return page(request, "pages/remote_list.html", context)


@fetcher_required
@require_POST
def remote_fetch(request: HttpRequest) -> HttpResponse:
    """Fetch the studies that were ticked: a job for each node that has some."""
    picked = _picked(request)
    if not picked:
        messages.info(request, "No study is ticked.")
        return redirect("remote_list")
    user = signed_in(request)
    jobs = [enqueue_fetch(node, uids, user) for node, uids in picked.items()]
    return redirect("job_detail", jobs[0].pk) if len(jobs) == 1 else redirect("job_list")


@csrf_exempt
@fetcher_required
@require_POST
def remote_numbers(request: HttpRequest) -> HttpResponse:
    """Fetch all studies of a list of numbers. The CSRF token is checked inside, once it is clear what may be sent."""
    request.upload_handlers = [SmallFile(request)]
    return _take_numbers(request)


@csrf_protect
def _take_numbers(request: HttpRequest) -> HttpResponse:
    chosen = [int(key) for key in request.POST.getlist("node") if is_key(key)]
    nodes, kind = list(Node.objects.filter(pk__in=chosen)), request.POST.get("kind", "")
    file = request.FILES.get("file")
    text = request.POST.get("numbers", "") + "\n" + (decode(file.read()) if file else "")
    try:
        numbers, refused = read_numbers(text, kind)
        problem = _problem_of(nodes, kind, numbers)
    except BadList as error:
        problem = str(error)
    if problem:
        messages.error(request, problem)
        return redirect("remote_list")
    if refused:
        messages.warning(
            request, f"{len(refused):,} lines were left out: a number has 1 to 64 signs, and no * ? or \\."
        )
    detail = {"list": "numbers", "kind": kind, "count": len(numbers), "nodes": [node.name for node in nodes]}
    record(Action.QUERY, request=request, detail=detail)
    return redirect("job_detail", enqueue_list(nodes, kind, numbers, signed_in(request)).pk)


def _problem_of(nodes: Sequence[Node], kind: str, numbers: Sequence[str]) -> str:
    if not nodes or kind not in KEYS:
        return "Choose a node, and what the numbers are."
    if not numbers:
        return "There is no number in the list."
    return f"A list has up to {MOST_NUMBERS:,} numbers." if len(numbers) > MOST_NUMBERS else ""


def _picked(request: HttpRequest) -> Mapping[Node, list[str]]:
    words = [*request.POST.getlist("pick"), *request.POST.get("elsewhere", "").split(",")]
    uids: dict[int, list[str]] = {}
    for key, _, uid in (word.partition(":") for word in dict.fromkeys(words[:MOST_PICKED])):
        if is_key(key) and is_storable_uid(uid):
            uids.setdefault(int(key), []).append(uid)
    return {node: uids[node.pk] for node in Node.objects.filter(pk__in=uids)}


def _rows(request: HttpRequest, state: ListState, answers: Sequence[Answer]) -> list[RemoteRow]:
    studies = [study for answer in answers for study in answer.studies if answers_names(state.query, study)]
    here = counts_here(scope_of(request.user), [study.uid for study in studies])
    rows = [RemoteRow(one, here.get(one.uid, 0), PersonName.parse(one.values["PatientName"])) for one in studies]
    return sorted(rows, key=lambda row: (_when(row.study), row.study.uid), reverse=True)


def _form(request: HttpRequest, state: ListState) -> dict[str, Any]:
    """Return what the form of the search shows."""
    return {
        "state": state,
        "dates": DATES,
        "sexes": SEXES,
        "modalities": _modalities(request, state),
        "chosen_date": state.get("date") or ("range" if state.filters.has_date else ""),
        "from_day": state.get("from"),
        "to_day": state.get("to"),
        "most_numbers": MOST_NUMBERS,
    }


def _modalities(request: HttpRequest, state: ListState) -> list[str]:
    return sorted({*MODALITIES, *home.find_modalities(scope_of(request.user)), *state.filters.modalities})


def _when(study: RemoteStudy) -> str:
    return sort_date_time(study.values["StudyDate"], study.values["StudyTime"])


def _record(request: HttpRequest, state: ListState, answers: Sequence[Answer]) -> None:
    criteria: dict[str, Any] = {name: " ".join(values) for name, values in state.values.items()}
    found = sum(len(answer.studies) for answer in answers)
    detail = {"list": "remote studies", "nodes": [answer.node.name for answer in answers], **criteria, "found": found}
    record(Action.QUERY, request=request, detail=detail)
