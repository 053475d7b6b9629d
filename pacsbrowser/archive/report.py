"""The report of a delivery, as one viewer may see it: counts, lines, and the studies that it brought.

An object of a study that is out of the viewer's scope is "stored" for whoever sent it: that it was here before, or that
another one has its UID, would hint at what they may not see.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.ingest import IngestResult
from pacsbrowser.archive.models import Delivery, DeliveryItem, DeliveryStudy, Instance, Outcome, Study

# What a person should look at comes first.
ORDER = (
    Outcome.REJECTED,
    Outcome.CONFLICT,
    Outcome.VARIANT,
    Outcome.NOT_DICOM,
    Outcome.DICOMDIR,
    Outcome.ALREADY_HERE,
    Outcome.STORED,
)
NOT_SIMPLY_STORED = ORDER[:-1]
_TELLING = (Outcome.ALREADY_HERE, Outcome.VARIANT, Outcome.CONFLICT)
OUT_OF_SCOPE = "It belongs to an institution outside of what you may see."


@dataclass(frozen=True, slots=True)
class Line:
    """One file of the report."""

    key: int
    name: str
    size: int
    outcome: Outcome
    code: str
    reason: str
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""

    @property
    def has_page(self) -> bool:
        """Whether its instance can be opened."""
        return bool(self.sop_instance_uid)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last line shown: lines go by outcome in the order above, then by key."""

    outcome: Outcome
    key: int

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """Read what `str` wrote; None for anything else."""
        outcome, _, key = text.partition(".")
        if outcome in Outcome.values and key.isascii() and key.isdigit() and len(key) < 19:
            return cls(Outcome(outcome), int(key))
        return None

    def __str__(self) -> str:
        return f"{self.outcome.value}.{self.key}"


def lines_of(delivery: Delivery, scope: Scope) -> QuerySet[DeliveryItem]:
    """Return the lines with `shown`, the outcome the viewer is told, and `opens`, whether the object is visible."""
    visible = Exists(Instance.objects.visible_to(scope).filter(pk=OuterRef("instance_id")))
    lines = DeliveryItem.objects.filter(delivery=delivery).annotate(opens=visible)
    if scope.everything:
        return lines.annotate(shown=F("outcome"))
    hidden = Q(outcome__in=_TELLING, opens=False)
    return lines.annotate(
        shown=Case(When(hidden, then=Value(Outcome.STORED.value)), default=F("outcome"), output_field=CharField())
    )


def as_line(item: DeliveryItem) -> Line:
    """Return a line of `lines_of` as it is shown."""
    shown, opens = Outcome(item.shown), bool(item.opens)  # type: ignore[attr-defined]
    reason = item.reason if shown == item.outcome else OUT_OF_SCOPE
    line = Line(item.pk, item.name, item.size, shown, item.code if shown == item.outcome else "", reason)
    if not opens:
        return line
    return Line(
        *(line.key, line.name, line.size, line.outcome, line.code, line.reason),
        item.study_instance_uid,
        item.series_instance_uid,
        item.sop_instance_uid,
    )


def as_told(results: Sequence[IngestResult], scope: Scope) -> list[Line]:
    """Return results of `ingest` as the lines that the viewer will find in the report."""
    visible = _visible(results, scope)
    lines = []
    for result in results:
        item = DeliveryItem(
            name=result.name,
            size=result.size,
            outcome=result.outcome,
            code=result.code,
            reason=result.reason,
            study_instance_uid=result.study_instance_uid,
            series_instance_uid=result.series_instance_uid,
            sop_instance_uid=result.sop_instance_uid,
        )
        item.opens = result.instance_id in visible  # type: ignore[attr-defined]
        item.shown = _told(result, scope, visible)  # type: ignore[attr-defined]
        lines.append(as_line(item))
    return lines


def told_outcomes(results: Sequence[IngestResult], scope: Scope) -> list[Outcome]:
    """Return the outcome that the viewer is told of each result of `ingest`."""
    if scope.everything:
        return [result.outcome for result in results]
    visible = _visible(results, scope)
    return [_told(result, scope, visible) for result in results]


def _visible(results: Sequence[IngestResult], scope: Scope) -> set[int]:
    keys = {result.instance_id for result in results if result.instance_id}
    return set(Instance.objects.visible_to(scope).filter(pk__in=keys).values_list("pk", flat=True))


def _told(result: IngestResult, scope: Scope, visible: Container[int | None]) -> Outcome:
    hidden = not scope.everything and result.instance_id not in visible and result.outcome in _TELLING
    return Outcome.STORED if hidden else result.outcome


def counts_of(delivery: Delivery, scope: Scope) -> dict[Outcome, int]:
    """Return how many files had each outcome."""
    if scope.everything:
        return {outcome: getattr(delivery, outcome.value) for outcome in Outcome}
    # a plain dict, because the type checker knows no annotated names
    grouped: Any = lines_of(delivery, scope).order_by()
    found = dict(grouped.values("shown").annotate(count=Count("pk")).values_list("shown", "count"))
    return {outcome: found.get(outcome.value, 0) for outcome in Outcome}


def read_lines(
    delivery: Delivery, scope: Scope, outcomes: Sequence[Outcome], after: Cursor | None, limit: int
) -> list[Line]:
    """Return the next `limit` lines of these outcomes after a cursor."""
    lines = lines_of(delivery, scope)
    found: list[Line] = []
    ordered = [outcome for outcome in ORDER if outcome in outcomes]
    if after is not None:
        ordered = [outcome for outcome in ordered if ORDER.index(outcome) >= ORDER.index(after.outcome)]
    for outcome in ordered:
        # by the column itself where nothing is hidden: that walks the index
        hidden = {"outcome": outcome} if scope.everything else {"shown": outcome.value}
        these = lines.filter(**hidden)
        if after is not None and outcome == after.outcome:
            these = these.filter(pk__gt=after.key)
        found += map(as_line, these.order_by("pk")[: limit - len(found)])
        if len(found) >= limit:
            break
    return found


def all_lines(delivery: Delivery, scope: Scope) -> Iterator[Line]:
    """Return every line in the order of receipt, without holding them."""
    return map(as_line, lines_of(delivery, scope).order_by("pk").iterator(chunk_size=1000))


def studies_of(delivery: Delivery, scope: Scope, limit: int) -> list[DeliveryStudy]:
    """Return the visible studies that the delivery brought objects of."""
    visible = Study.objects.visible_to(scope)
    rows = DeliveryStudy.objects.filter(delivery=delivery, study__in=visible).select_related("study__patient")
    return list(rows.order_by("pk")[:limit])
