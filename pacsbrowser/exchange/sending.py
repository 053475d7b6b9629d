"""Sending objects of the archive to a node by C-STORE: contexts for what is to go, a result for each object."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.part10 import EXPLICIT_UID, IMPLICIT_UID
from pacsbrowser.exchange.association import Association
from pacsbrowser.exchange.failures import ExchangeError, Lost, NothingAccepted, ReadingFailed
from pacsbrowser.exchange.models import Node
from pacsbrowser.exchange.opening import MOST_CONTEXTS, Proposal, open_association
from pacsbrowser.exchange.storing import NO_CONTEXT, NOT_READ, NOT_SENT, Sent, Storing

BATCH = 200
# After so many associations in a row that broke without an answer in between, it is not the objects' fault.
MOST_LOSSES = 2


def send_instances(
    node: Node,
    keys: Sequence[int],
    *,
    should_stop: Callable[[], bool] = lambda: False,
    originator: tuple[str, int] | None = None,
) -> Iterator[Sent]:
    """Send objects by their keys, in their order, and yield what became of each.

    Objects that were deleted meanwhile are passed over. An object that breaks the association keeps no other back: the
    others go over a new one, and it goes once more at the end. An association that is refused, or the second in a row
    that breaks, is a result for all that is left.

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
    link, line = _Link(node, proposals, originator), _Line(_read(keys))
    try:
        for instance in line:
            if should_stop():
                break
            try:
                yield replace(link.send(instance), key=instance.pk)
            except Lost as error:
                if not line.put_last(instance):
                    yield _unsent(instance, error, is_suspect=True)
            except _Over as over:
                yield _unsent(instance, over.error, is_suspect=line.is_again)
                yield from (_unsent(one, over.error, is_suspect=line.is_again) for one in line)
    except GeneratorExit:
        link.abort()
        raise
    link.release()


class _Line:
    """What waits to be sent. What has broken an association goes once more, after all the others."""

    def __init__(self, instances: Iterator[Instance]) -> None:
        self._instances = instances
        self._suspects: deque[Instance] = deque()
        self.is_again = False

    def __iter__(self) -> Iterator[Instance]:
        return self

    def __next__(self) -> Instance:
        if instance := next(self._instances, None):
            return instance
        self.is_again = True
        if not self._suspects:
            raise StopIteration
        return self._suspects.popleft()

    def put_last(self, instance: Instance) -> bool:
        """Send it again at the end; false where that has been done."""
        if not self.is_again:
            self._suspects.append(instance)
        return not self.is_again


class _Over(Exception):
    """Nothing more can be sent to the node now."""

    def __init__(self, error: ExchangeError) -> None:
        self.error = error
        super().__init__(str(error))


class _Link:
    """Sends objects over an association, and over a new one after that has broken."""

    def __init__(self, node: Node, proposals: Sequence[Proposal], originator: tuple[str, int] | None) -> None:
        self._node, self._proposals, self._originator = node, proposals, originator
        self._open: tuple[Association, Storing] | None = None
        self._losses: list[Lost] = []

    def send(self, instance: Instance) -> Sent:
        """Send one object.

        Raises:
            Lost: the association broke, which may be the object's fault.
            _Over: there is no association, or one after the other breaks.
        """
        storing = self._storing()
        try:
            sent = storing.send(instance)
        except ReadingFailed as error:
            self.abort()
            return Sent(instance.sop_instance_uid, NOT_READ, str(error))
        except Lost as error:
            self.abort()
            self._losses.append(error)
            raise
        self._losses.clear()
        return sent

    def _storing(self) -> Storing:
        if self._open is None:
            if len(self._losses) == MOST_LOSSES:
                raise _Over(self._losses[-1])
            try:
                association = open_association(self._node, self._proposals)
            except ExchangeError as error:
                raise _Over(error) from error
            self._open = association, Storing(association, originator=self._originator)
        return self._open[1]

    def release(self) -> None:
        """End in good order."""
        if self._open is not None:
            self._open[0].release()

    def abort(self) -> None:
        """End at once."""
        if self._open is not None:
            self._open[0].abort()
            self._open = None


def _unsent(instance: Instance, error: ExchangeError, *, is_suspect: bool) -> Sent:
    status = NO_CONTEXT if isinstance(error, NothingAccepted) else NOT_SENT
    return Sent(instance.sop_instance_uid, status, str(error), instance.pk, is_suspect)


def _read(keys: Sequence[int]) -> Iterator[Instance]:
    """Yield the instances that are live, in batches, so that no query stays open while the other side is slow."""
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        found = Instance.objects.live().select_related("blob").in_bulk(some)
        yield from (found[key] for key in some if key in found)
