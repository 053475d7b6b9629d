"""Sending what was ticked to a remote node: which one, then a job with a result for each object."""

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from pacsbrowser.access.decorators import uploader_required
from pacsbrowser.archive.inbox import is_key
from pacsbrowser.audit.models import Action
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.outbox import enqueue_send
from pacsbrowser.pages.people import signed_in
from pacsbrowser.pages.render import page
from pacsbrowser.pages.selection import NothingSelected, carried, go_back, read_selection, record_each


@uploader_required
@require_POST
def selection_send(request: HttpRequest) -> HttpResponseBase:
    """Ask where to, then send what was picked in the background."""
    try:
        selection = read_selection(request)
    except NothingSelected as problem:
        return go_back(request, problem)
    chosen = request.POST.get("node", "")
    node = Node.objects.filter(pk=int(chosen)).first() if is_key(chosen) else None
    if node is None:
        asked = "asked" in request.POST
        context = {**carried(request, selection), "nodes": Node.objects.all(), "problem": asked and "Choose a node."}
        return page(request, "pages/selection_send.html", context, status=422 if asked else 200)
    record_each(request, Action.SEND, selection, to=node.name)
    return redirect("job_detail", enqueue_send(node, selection, signed_in(request)).pk)
