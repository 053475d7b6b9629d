"""What exchange lets a worker do."""

from datetime import timedelta
from typing import Any

from pacsbrowser.access.scope import EVERYTHING
from pacsbrowser.archive.models import Level
from pacsbrowser.archive.selection import Selection
from pacsbrowser.exchange.commitment import JOB, report_to
from pacsbrowser.exchange.failures import ExchangeError
from pacsbrowser.exchange.forwarding import FORWARD
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.outbox import SEND, UNIT, deal_with, scope_of_job, subjects
from pacsbrowser.jobs.items import Items, list_once
from pacsbrowser.jobs.work import JobDelayed, JobFailed, Progress, job

# Forwarding is tried again after half a minute, a minute, and so on up to an hour, for about a day.
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
        progress.log(str(error))
        progress.flush()
        raise
    return {"objects": len(references)}


@job(SEND, may_run=lambda owner: owner.may_upload, is_transfer=True)
def send(progress: Progress, node: int, level: str, keys: list[int]) -> dict[str, Any]:
    """Send what was picked; a run that was cut off, and a retry, send only what did not arrive."""
    row, scope = node_of(node), scope_of_job(progress.job)
    list_once(progress, lambda: subjects(Selection(Level(level), tuple(keys), scope)))
    with Items(progress, UNIT) as items:
        for some in items.waiting():
            if unsent := deal_with(row, some, items, scope):
                raise JobFailed(unsent[0].reason)
        return items.end()


@job(FORWARD, is_transfer=True)
def forward(progress: Progress, node: int) -> dict[str, Any]:
    """Send what a rule has chosen; what cannot go now is tried again later, waiting longer each time."""
    row = node_of(node)
    with Items(progress, UNIT) as items:
        for some in items.waiting():
            if unsent := deal_with(row, some, items, EVERYTHING):
                items.write()
                _wait(progress, unsent[0].reason)
        return items.end()


def _wait(progress: Progress, reason: str) -> None:
    tries = progress.job.attempts
    progress.log(f"Try {tries}: {reason}")
    progress.flush()
    if tries >= MOST_TRIES:
        raise JobFailed(reason)
    raise JobDelayed(reason, min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT))
