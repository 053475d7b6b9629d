"""Sending objects of the archive to a node by C-STORE: contexts for what is to go, a result for each object."""

from collections.abc import Callable, Iterator, Sequence

from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.part10 import EXPLICIT_UID, IMPLICIT_UID
from pacsbrowser.exchange.failures import ExchangeError, Lost, NothingAccepted
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.opening import MOST_CONTEXTS, Proposal, open_association
from pacsbrowser.exchange.storing import NO_CONTEXT, NOT_SENT, Sent, Storing

BATCH = 200


def send_instances(
    node: Node,
    keys: Sequence[int],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    originator: tuple[str, int] | None = None,
) -> Iterator[Sent]:
    """Send objects by their keys, in their order, and yield what became of each.

    Objects that were deleted meanwhile are passed over. An association that is refused or lost is a result for all
    that should have gone over it.

    Args:
        should_stop: asked before each object; once true, nothing more is sent or yielded.
        originator: AE title and message ID of a C-MOVE.
    """
    for start in range(0, len(keys), BATCH * 10):
        for group in _groups(keys[start : start + BATCH * 10]):
            yield from _send_group(node, *group, should_stop, originator)


def _groups(keys: Sequence[int]) -> Iterator[tuple[list[Proposal], list[int]]]:
    """Yield contexts that fit one association, and the keys of what goes over them."""
    kinds: dict[str, set[str]] = {}
    of_class: dict[int, str] = {}
    rows = Instance.objects.filter(pk__in=keys).values_list("pk", "sop_class_uid", "transfer_syntax_uid")
    for key, sop_class, syntax in rows:
        kinds.setdefault(sop_class, set()).add(syntax)
        of_class[key] = sop_class
    proposals: list[Proposal] = []
    classes: set[str] = set()
    for sop_class, syntaxes in kinds.items():
        more = _proposals(sop_class, syntaxes)
        if proposals and len(proposals) + len(more) > MOST_CONTEXTS:
            yield proposals, [key for key in keys if of_class.get(key) in classes]
            proposals, classes = [], set()
        proposals += more
        classes.add(sop_class)
    if proposals:
        yield proposals, [key for key in keys if of_class.get(key) in classes]


def _proposals(sop_class: str, stored: set[str]) -> list[Proposal]:
    """Return a context for each form: as stored, one each, so that the peer cannot choose another for all of them."""
    syntaxes = dict.fromkeys([*sorted(one for one in stored if one), EXPLICIT_UID, IMPLICIT_UID])
    return [Proposal(sop_class, (syntax,)) for syntax in syntaxes] if sop_class else []


def _send_group(
    node: Node,
    proposals: Sequence[Proposal],
    keys: Sequence[int],
    should_stop: Callable[[], bool],
    originator: tuple[str, int] | None,
) -> Iterator[Sent]:
    waiting = _read(keys)
    try:
        association = open_association(node, proposals)
    except ExchangeError as error:
        yield from _unsent(waiting, error)
        return
    storing = Storing(association, originator=originator)
    for instance in waiting:
        if should_stop():
            break
        try:
            yield storing.send(instance)
        except Lost as error:
            yield Sent(instance.sop_instance_uid, NOT_SENT, str(error))
            yield from _unsent(waiting, error)
            return
        except GeneratorExit:
            association.abort()
            raise
    association.release()


def _unsent(instances: Iterator[Instance], error: ExchangeError) -> Iterator[Sent]:
    status = NO_CONTEXT if isinstance(error, NothingAccepted) else NOT_SENT
    return (Sent(one.sop_instance_uid, status, str(error)) for one in instances)


def _read(keys: Sequence[int]) -> Iterator[Instance]:
    """Yield the instances that are live, in batches, so that no query stays open while the other side is slow."""
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        found = Instance.objects.live().select_related("blob").in_bulk(some)
        yield from (found[key] for key in some if key in found)
