"""Auto-forward: what arrives and matches a rule is given to a job that sends it to the rule's node.

A rule is held against instances in the order of their keys, which grow as objects are stored. What it has seen is moved
on in the transaction that gives the job its items, so of several workers one does it, and nothing is left out or sent
twice. What the node itself has sent, or what was fetched from it, never goes back to it. Where two archives forward to
each other and cannot tell from whom objects come, the circle ends with the first return: what is here already does not
arrive again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from pacsbrowser.archive.models import Door, Instance, Study
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.dicom.matching import Wildcard, fold
from pacsbrowser.exchange.models import Kind, Node, Origin, Rule
from pacsbrowser.jobs.items import add_items
from pacsbrowser.jobs.models import Job, State
from pacsbrowser.jobs.work import chore, enqueue

FORWARD = "forward"
LOOK_EVERY = 2.0
# Objects of a series come one by one: what comes within this time goes in one association.
GATHER = timedelta(seconds=5)
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a rule looks at of an instance."""

    key: int
    uid: str
    modality: str
    series_description: str
    study_description: str
    institution: str
    caller: str
    door: str
    study: int
    account: int | None = None
    fetched_from: int | None = None


def begin(rule: Rule) -> None:
    """Let a rule begin with what comes from now on."""
    last = Instance.objects.order_by("-pk").values_list("pk", flat=True).first()
    rule.seen = last or 0


@chore(LOOK_EVERY)
def look() -> None:
    """Hold every rule that is on against what it has not seen."""
    for rule in Rule.objects.filter(is_on=True).select_related("node"):
        while _look(rule):
            pass


def matches(rule: Rule, node: Node, arrived: Arrived) -> bool:
    """Say whether an instance goes on to the node of a rule."""
    if _is_own(node, arrived):
        return False
    modalities = {word.upper() for word in rule.modalities.replace(",", " ").split()}
    return (
        (not modalities or arrived.modality.upper() in modalities)
        and (not rule.door or arrived.door == rule.door)
        and (not rule.caller or arrived.caller.casefold() == rule.caller.casefold())
        and _fits(rule.institution, arrived.institution)
        and (_fits(rule.description, arrived.study_description) or _fits(rule.description, arrived.series_description))
    )


def _is_own(node: Node, arrived: Arrived) -> bool:
    """Say whether an instance came from the node itself."""
    if arrived.fetched_from is not None:
        return arrived.fetched_from == node.pk
    if node.kind == Kind.DIMSE:
        return arrived.door == Door.DIMSE and arrived.caller == node.ae_title
    return node.account_id is not None and arrived.door == Door.STOW and arrived.account == node.account_id


def _fits(pattern: str, text: str) -> bool:
    """Compare without regard to case and accents; * and ? are wild, and without them a part suffices."""
    if not pattern:
        return True
    folded = fold(pattern)
    if "*" in pattern or "?" in pattern:
        return Wildcard(folded).matches(fold(text))
    return folded in fold(text)


def _look(rule: Rule) -> bool:
    """Hold a rule against the next instances; false where there were none, or another worker was quicker."""
    arrived = _read(rule.seen)
    if not arrived:
        return False
    wanted = [one for one in arrived if matches(rule, rule.node, one)]
    last = arrived[-1].key
    with transaction.atomic():
        if not Rule.objects.filter(pk=rule.pk, seen=rule.seen, is_on=True).update(seen=last):
            return False
        if wanted:
            add_items(_job_of(rule), [(str(one.key), one.uid) for one in wanted])
            _record(rule, wanted)
    rule.seen = last
    return True


def _record(rule: Rule, wanted: Sequence[Arrived]) -> None:
    """Record what is about to leave, study by study: a sending that is not recorded does not happen."""
    counts = Counter(one.study for one in wanted)
    for study in Study.objects.filter(pk__in=counts).select_related("patient"):
        uid = study.study_instance_uid
        detail = {"to": rule.node.name, "rule": rule.name, "instances": counts[study.pk]}
        who, patient = "auto-forward", study.patient.audit_name
        record(Action.SEND, who=who, door="worker", patient=patient, study=uid, object=uid, detail=detail)


def _read(seen: int) -> Sequence[Arrived]:
    rows = Instance.objects.filter(pk__gt=seen, removal=None).select_related("series__study", "delivery")
    found = list(rows.order_by("pk")[:_AT_ONCE])
    origins = Origin.objects.filter(delivery__in={one.delivery_id for one in found})
    nodes = dict(origins.values_list("delivery", "node"))
    return [
        Arrived(
            key=one.pk,
            uid=one.sop_instance_uid,
            modality=one.series.modality,
            series_description=one.series.series_description,
            study_description=one.series.study.study_description,
            institution=one.series.study.institution_name,
            caller=one.delivery.who,
            door=one.delivery.door,
            study=one.series.study_id,
            account=one.delivery.user_id,
            fetched_from=nodes.get(one.delivery_id),
        )
        for one in found
    ]


def _job_of(rule: Rule) -> Job:
    """Return the job that is the next to send for a rule, a new one where none waits: a job that runs gets no more."""
    queued = Job.objects.filter(name=FORWARD, subject=str(rule.pk), state=State.QUEUED)
    if waiting := queued.order_by("not_before").first():
        return waiting
    title = f"Forward to {rule.node.name} ({rule.name})"
    return enqueue(FORWARD, None, title, str(rule.pk), not_before=timezone.now() + GATHER, node=rule.node_id)
