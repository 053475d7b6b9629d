"""Fetching in the background: picked studies, or all studies of a list of accession numbers or Patient IDs."""

from collections.abc import Callable, Sequence
from functools import cache

from django.db import transaction
from django.db.models import Max

from pacsbrowser.access.models import User
from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.ingest import open_delivery
from pacsbrowser.archive.models import Delivery, Door, Study
from pacsbrowser.exchange.failures import ExchangeError
from pacsbrowser.exchange.fetching import Fetched, fetch_study
from pacsbrowser.exchange.models import Kind, Node, Origin
from pacsbrowser.exchange.remote_query import RemoteStudy, find_studies
from pacsbrowser.jobs.items import Items, add_items
from pacsbrowser.jobs.models import ItemState, Job, JobItem
from pacsbrowser.jobs.work import Progress, enqueue

FETCH, FETCH_LIST = "fetch", "fetch_list"
# A list is worked off number by number; of one number more studies than these are none of one patient.
MOST_OF_ONE = 100
MOST_NUMBERS = 2_000
KEYS = {"accession": "AccessionNumber", "patient": "PatientID"}


def counts_here(scope: Scope, uids: Sequence[str]) -> dict[str, int]:
    """Return how many instances are here of studies by their UID; of one that several patients have, the most."""
    rows = Study.objects.visible_to(scope).filter(study_instance_uid__in=uids).order_by().values("study_instance_uid")
    return dict(rows.annotate(most=Max("instance_count")).values_list("study_instance_uid", "most"))


def enqueue_fetch(node: Node, uids: Sequence[str], owner: User) -> Job:
    """Ask for the fetching of studies from a node."""
    title = f"Fetch {len(uids):,} {'study' if len(uids) == 1 else 'studies'} from {node.name}"
    with transaction.atomic():
        job = enqueue(FETCH, owner, title, node=node.pk)
        add_items(job, [(uid, uid) for uid in uids])
    return job


def enqueue_list(nodes: Sequence[Node], kind: str, numbers: Sequence[str], owner: User) -> Job:
    """Ask for the fetching of all studies that nodes have of accession numbers or Patient IDs."""
    what = "accession number" if kind == "accession" else "Patient ID"
    names = ", ".join(node.name for node in nodes)
    title = f"Fetch {len(numbers):,} {what}{'' if len(numbers) == 1 else 's'} from {names}"
    with transaction.atomic():
        job = enqueue(FETCH_LIST, owner, title, nodes=[node.pk for node in nodes], kind=kind)
        add_items(job, [(number[:64], number) for number in numbers])
    return job


class Fetching:
    """The fetching that one job does: its deliveries, and how far the study at hand is."""

    def __init__(self, progress: Progress, is_only: bool) -> None:
        self._progress = progress
        # one study alone is followed by its objects
        self._is_only = is_only
        self._delivery = cache(self._open)

    def fetch(self, node: Node, uid: str) -> tuple[ItemState, str]:
        """Fetch a study and say what became of it."""
        try:
            fetched = fetch_study(node, uid, lambda: self._delivery(node), self._say)
        except ExchangeError as error:
            return ItemState.FAILED, str(error)
        if self._is_only:
            self._progress.set_total(1, "studies")
        return judge(fetched)

    def _say(self, fetched: Fetched) -> None:
        if self._is_only and fetched.total:
            self._progress.show(fetched.done + fetched.failed, fetched.total, "objects")
        else:
            self._progress.check_cancelled()

    def _open(self, node: Node) -> Delivery:
        door = Door.STOW if node.kind == Kind.DICOMWEB else Door.DIMSE
        who, owner = node.ae_title or node.name, self._progress.job.owner
        with transaction.atomic():
            delivery = open_delivery(door, who, user=owner, address=node.host, label=f"fetched from {node.name}")
            Origin.objects.create(delivery=delivery, node=node)
        return delivery


def judge(fetched: Fetched) -> tuple[ItemState, str]:
    """Return what became of a study, in words."""
    came = f"{fetched.done:,} object{'' if fetched.done == 1 else 's'} came"
    if fetched.failed:
        return ItemState.FAILED, f"{came}, {fetched.failed:,} did not. {' '.join(fetched.problems)}".strip()
    return (ItemState.DONE, f"{came}.") if fetched.done else (ItemState.FAILED, "Nothing came.")


def settle_number(
    item: JobItem, key: str, nodes: Sequence[Node], items: Items, fetching: Fetching, note: Callable[[str, str], object]
) -> None:
    """Fetch all studies of one number and settle its item; each study is noted before it is fetched.

    Where a node could not be asked it has failed, whatever others had: a retry asks again.
    """
    found: list[RemoteStudy] = []
    problems = []
    for node in nodes:
        try:
            known = {study.uid for study in found}
            found += [one for one in find_studies(node, {key: item.label}, MOST_OF_ONE) if one.uid not in known]
        except ExchangeError as error:
            problems.append(f"{node.name}: {error}")
    results = []
    for study in found:
        note(study.node.name, study.uid)
        results.append(fetching.fetch(study.node, study.uid))
    failed = [reason for state, reason in results if state == ItemState.FAILED]
    if not found and not problems:
        failed.append("No node has it.")
    words = f"{len(found):,} {'study' if len(found) == 1 else 'studies'}. " if found else ""
    state = ItemState.FAILED if failed or problems else ItemState.DONE
    items.settle(item, state, words + " ".join([*failed[:3], *problems]))
