"""Sending in the background: which objects a job has to send, by which protocol, and what became of each."""

from collections.abc import Callable, Iterator, Sequence

from pacsbrowser.access.models import User
from pacsbrowser.access.scope import EVERYTHING, Scope, scope_of
from pacsbrowser.archive.models import Instance, Level
from pacsbrowser.archive.selection import Selection
from pacsbrowser.exchange import stow
from pacsbrowser.exchange.models import Kind, Node
from pacsbrowser.exchange.scu import echo
from pacsbrowser.exchange.sending import send_instances
from pacsbrowser.exchange.storing import NOT_SENT, Sent
from pacsbrowser.exchange.web import ping
from pacsbrowser.jobs.items import Items
from pacsbrowser.jobs.models import ItemState, Job, JobItem
from pacsbrowser.jobs.work import enqueue

SEND = "send"
UNIT = "objects"
NOT_HERE = "It is not here any more."


def verify(node: Node) -> None:
    """Verify that a node answers, by its protocol; raises ExchangeError with the reason."""
    if node.kind == Kind.DICOMWEB:
        ping(node)
    else:
        echo(node)


def enqueue_send(node: Node, selection: Selection, owner: User) -> Job:
    """Ask for the sending of what was picked."""
    rows = selection.rows
    what = f"{len(rows):,} {selection.level.value}" if len(rows) == 1 else _several(len(rows), selection.level)
    keys = [row.pk for row in rows]
    return enqueue(SEND, owner, f"Send {what} to {node.name}", node=node.pk, level=selection.level.value, keys=keys)


def _several(number: int, level: Level) -> str:
    nouns = {Level.PATIENT: "patients", Level.STUDY: "studies", Level.SERIES: "series", Level.INSTANCE: "instances"}
    return f"{number:,} {nouns[level]}"


def subjects(selection: Selection) -> Iterator[tuple[str, str]]:
    """Yield key and UID of each object of a selection, as the items of a job."""
    rows = selection.live_instances().values_list("pk", "sop_instance_uid")
    return ((str(key), uid) for key, uid in rows.iterator(chunk_size=5_000))


def transmit(node: Node, keys: Sequence[int], should_stop: Callable[[], bool] = lambda: False) -> Iterator[Sent]:
    """Send objects to a node by its protocol and yield what became of each."""
    if node.kind == Kind.DICOMWEB:
        return stow.store_instances(node, keys, should_stop)
    return send_instances(node, keys, should_stop=should_stop)


def scope_of_job(job: Job) -> Scope:
    """Return what a job may send: what its owner may see; a job of the system, everything."""
    return scope_of(job.owner) if job.owner else EVERYTHING


def deal_with(
    node: Node, some: Sequence[JobItem], items: Items, scope: Scope, *, is_patient: bool = False
) -> list[Sent]:
    """Send some items and settle them, but for those that did not go at all, which are returned.

    What broke the connection gets a remark, and goes last the next time: it must not be in the way of others for good.

    Args:
        is_patient: nor those that the node has no room for at the moment.
    """
    here = set(
        Instance.objects.visible_to(scope)
        .filter(pk__in=[int(item.subject) for item in some])
        .values_list("pk", flat=True)
    )
    waiting: dict[int, JobItem] = {}
    # what has a remark broke the connection when it was tried before
    for item in sorted(some, key=lambda one: bool(one.reason)):
        if int(item.subject) in here:
            waiting[int(item.subject)] = item
        else:
            items.settle(item, ItemState.FAILED, NOT_HERE)
    unsent = []
    for sent in transmit(node, list(waiting)):
        item = waiting[sent.key]
        if sent.status == NOT_SENT or (is_patient and sent.may_go_later):
            unsent.append(sent)
        else:
            items.settle(item, _state(sent), sent.reason)
        if sent.is_suspect:
            items.remark(item, sent.reason)
    return unsent


def _state(sent: Sent) -> ItemState:
    if sent.is_warning:
        return ItemState.WARNING
    return ItemState.DONE if sent.is_kept else ItemState.FAILED
