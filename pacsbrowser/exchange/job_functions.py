"""What exchange lets a worker do."""

from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

from pacsbrowser.access.models import User
from pacsbrowser.access.scope import EVERYTHING, Scope
from pacsbrowser.archive.models import Level
from pacsbrowser.archive.selection import Selection
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.exchange.commitment import JOB, report_to
from pacsbrowser.exchange.failures import ExchangeError
from pacsbrowser.exchange.forwarding import FORWARD
from pacsbrowser.exchange.inbound import FETCH, FETCH_LIST, KEYS, Fetching, settle_number
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.outbox import SEND, UNIT, deal_with, scope_of_job, subjects
from pacsbrowser.exchange.storing import NOT_SENT, Sent
from pacsbrowser.jobs.items import Items, list_once
from pacsbrowser.jobs.work import JobDelayed, JobFailed, Progress, job

# What is owed to a node is tried again after half a minute, a minute, and so on up to an hour, for about a day.
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
MOST_TRIES = 30


def node_of(key: int) -> Node:
    """Return the node that a job is about; raises JobFailed where it is not known any more."""
    node = Node.objects.filter(pk=key).first()
    if node is None:
        raise JobFailed("The node is not known any more.")
    return node


@job(JOB, is_transfer=True)
def report_commitment(progress: Progress, node: int, transaction: str, references: list[list[str]]) -> dict[str, Any]:
    """Tell a node which of the objects that it asked about are safe here."""
    row = node_of(node)
    try:
        report_to(row, transaction, [(one[0], one[1]) for one in references])
    except ExchangeError as error:
        _wait(progress, str(error))
    return {"objects": len(references)}


@job(SEND, may_run=lambda owner: owner.may_upload, is_transfer=True)
def send(progress: Progress, node: int, level: str, keys: list[int]) -> dict[str, Any]:
    """Send what was picked; a run that was cut off, and a retry, send only what did not arrive."""
    row, scope = node_of(node), scope_of_job(progress.job)
    list_once(progress, lambda: subjects(Selection(Level(level), tuple(keys), scope)))
    with Items(progress, UNIT) as items:
        if unsent := _send_waiting(row, items, scope):
            raise JobFailed(unsent.reason)
        return items.end()


@job(FORWARD, is_transfer=True)
def forward(progress: Progress, node: int) -> dict[str, Any]:
    """Send what a rule has chosen; what cannot go now is tried again later, waiting longer each time.

    An object that the node refuses for now, or breaks off at, while it takes others, keeps no other waiting: what
    arrives meanwhile gets a job of its own. A node that is not there, or takes nothing, is spared that.
    """
    row = node_of(node)
    with Items(progress, UNIT) as items:
        kept = items.kept
        if unsent := _send_waiting(row, items, EVERYTHING, is_patient=True):
            items.write()
            if items.kept > kept:
                progress.leave_subject()
            _wait(progress, unsent.reason)
        return items.end()


def _send_waiting(node: Node, items: Items, scope: Scope, *, is_patient: bool = False) -> Sent | None:
    """Send what waits, step by step, up to one of which the node took nothing; return one that did not go, if any."""
    first = None
    for some in items.waiting():
        kept = items.kept
        unsent = deal_with(node, some, items, scope, is_patient=is_patient)
        first = first or next(iter(unsent), None)
        if items.kept == kept and any(one.status == NOT_SENT for one in unsent):
            break
    return first


def _wait(progress: Progress, reason: str) -> NoReturn:
    tries = progress.job.delays + 1
    progress.log(f"Try {tries}: {reason}")
    progress.flush()
    if tries >= MOST_TRIES:
        raise JobFailed(reason)
    raise JobDelayed(reason, min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT))


def may_fetch(owner: User) -> bool:
    """Other nodes show all that they have: only who sees everything here may look there."""
    return owner.may_upload and owner.sees_everything


@job(FETCH, may_run=may_fetch, is_transfer=True)
def fetch(progress: Progress, node: int) -> dict[str, Any]:
    """Fetch studies from a node; a run that was cut off, and a retry, fetch only those that did not come whole."""
    row = node_of(node)
    with Items(progress, "studies") as items:
        fetching = Fetching(progress, is_only=items.total == 1)
        for some in items.waiting():
            for item in some:
                _record_fetch(progress, row.name, item.subject)
                items.settle(item, *fetching.fetch(row, item.subject))
        return items.end()


@job(FETCH_LIST, may_run=may_fetch, is_transfer=True)
def fetch_list(progress: Progress, nodes: list[int], kind: str) -> dict[str, Any]:
    """Fetch all studies of a list of accession numbers or Patient IDs from whichever node has them."""
    rows = [node_of(key) for key in nodes]
    with Items(progress, "numbers") as items:
        fetching = Fetching(progress, is_only=False)
        for some in items.waiting():
            for item in some:
                settle_number(item, KEYS[kind], rows, items, fetching, partial(_record_fetch, progress))
        return items.end()


def _record_fetch(progress: Progress, name: str, uid: str) -> None:
    who = progress.job.owner.username if progress.job.owner else ""
    record(Action.FETCH, who=who, door="worker", study=uid, object=uid, detail={"from": name})
