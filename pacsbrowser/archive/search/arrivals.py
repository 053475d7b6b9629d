"""Did it arrive: the newest deliveries with what became of their files, and the studies they brought."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from pacsbrowser.access.models import User
from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import KEPT, Delivery, DeliveryItem, DeliveryStudy, Outcome, Study
from pacsbrowser.archive.search.same_study import visible
from pacsbrowser.archive.search.sql import Sql, fill, one_of, rows, union, value

# A delivery that has not finished and was active this lately is still arriving.
LIVELY = timedelta(minutes=1)
STUDIES_SHOWN = 6
PROBLEMS_SHOWN = 4
MOST = 200
PROBLEMS = (Outcome.CONFLICT, Outcome.REJECTED, Outcome.NOT_DICOM)
# What a file became by itself. The others tell of what was here before, which may be out of the sender's own scope:
# such a sender gets them apart in the report only, where each line is looked at.
_OF_ITSELF = (Outcome.NOT_DICOM, Outcome.DICOMDIR, Outcome.REJECTED)


@dataclass(slots=True)
class ArrivedStudy:
    """A study of a delivery: how many objects it brought, and how many numbers are missing between them."""

    study: Study
    added: int
    missing: int = 0
    holders: int = 1


@dataclass(slots=True)
class Arrival:
    """A delivery as one viewer may see it. `whole`: all its files are this viewer's business, not just some studies."""

    delivery: Delivery
    whole: bool
    everything: bool = True
    studies: list[ArrivedStudy] = field(default_factory=list)
    study_count: int = 0
    added: int = 0
    problems: list[DeliveryItem] = field(default_factory=list)

    @property
    def is_arriving(self) -> bool:
        """Whether more is likely to come."""
        return self.delivery.finished is None and self.delivery.active > timezone.now() - LIVELY

    @property
    def is_cut(self) -> bool:
        """Whether it stopped without being finished."""
        return self.delivery.finished is None and not self.is_arriving

    @property
    def counts(self) -> list[tuple[str, str, int]]:
        """Name, label and number of every outcome that occurred."""
        if not self.whole:
            return [(Outcome.STORED.value, Outcome.STORED.label, self.added)]
        told = Outcome if self.everything else _OF_ITSELF
        counts = [(one.value, one.label, getattr(self.delivery, one.value)) for one in told]
        if not self.everything:
            counts.insert(0, (Outcome.STORED.value, "In the archive", sum(self._count(one) for one in KEPT)))
        return [count for count in counts if count[2]]

    @property
    def problem_count(self) -> int:
        """How many files a person should look at."""
        return sum(self._count(one) for one in self.told_problems) if self.whole else 0

    @property
    def told_problems(self) -> tuple[Outcome, ...]:
        """The problems that this viewer may know of."""
        return tuple(one for one in PROBLEMS if self.everything or one in _OF_ITSELF)

    def _count(self, outcome: Outcome) -> int:
        return int(getattr(self.delivery, outcome.value))


def find_arrivals(scope: Scope, user: User, after: UUID | None = None, limit: int = 20) -> list[Arrival]:
    """Return deliveries, the one active last first; for a limited scope own uploads, and what brought it a study."""
    deliveries = Delivery.objects.order_by("-active", "-id")
    if not scope.everything:
        studies = Study.objects.visible_to(scope).values("pk")
        brought = DeliveryStudy.objects.filter(study__in=studies).values("delivery")
        deliveries = deliveries.filter(Q(user=user) | Q(pk__in=brought))
    last = Delivery.objects.filter(pk=after).first() if after else None
    if last is not None:
        deliveries = deliveries.filter(Q(active__lt=last.active) | Q(active=last.active, id__lt=last.pk))
    everything = scope.everything
    arrivals = [Arrival(row, everything or row.user_id == user.pk, everything) for row in deliveries[:limit]]
    if arrivals:
        _add_studies(scope, arrivals)
        _add_problems([arrival for arrival in arrivals if arrival.problem_count])
    return arrivals


# One delivery's studies in scope. A delivery may bring thousands, so no more than MOST are counted.
_STUDIES = "FROM archive_deliverystudy d JOIN archive_study s ON s.id = d.study_id WHERE d.delivery_id = ? AND {}"


def _add_studies(scope: Scope, arrivals: Sequence[Arrival]) -> None:
    by_key = {arrival.delivery.pk: arrival for arrival in arrivals}
    inside = visible(scope)
    sums = f"SELECT count(*), sum(n) FROM (SELECT d.instance_count AS n {_STUDIES} LIMIT {MOST})"
    newest = f"SELECT * FROM (SELECT d.id AS id {_STUDIES} ORDER BY d.study_id DESC LIMIT {STUDIES_SHOWN})"
    keys = [_delivery_key(arrival) for arrival in arrivals]
    totals = rows(union([Sql(sums.format(inside.text), (key, *inside.params)) for key in keys]))
    for arrival, (count, added) in zip(arrivals, totals, strict=True):
        arrival.study_count, arrival.added = count, added or 0
    wanted = rows(union([Sql(newest.format(inside.text), (key, *inside.params)) for key in keys]))
    of_delivery = DeliveryStudy.objects.filter(pk__in=[row[0] for row in wanted])
    for one in of_delivery.select_related("study__patient").order_by("-study"):
        by_key[one.delivery_id].studies.append(ArrivedStudy(one.study, one.instance_count))
    found = [one for arrival in arrivals for one in arrival.studies]
    _add_gaps(found)
    _add_holders(scope, found)


def _delivery_key(arrival: Arrival) -> object:
    field = DeliveryItem._meta.get_field("delivery")
    return field.get_db_prep_value(arrival.delivery.pk, connection)


def _add_gaps(studies: Sequence[ArrivedStudy]) -> None:
    text = """SELECT study_id, sum(missing_count) FROM archive_series
        WHERE {} AND instance_count > 0 GROUP BY study_id"""
    missing = dict(rows(fill(text, one_of("study_id", {one.study.pk for one in studies}))))
    for one in studies:
        one.missing = missing.get(one.study.pk) or 0


def _add_holders(scope: Scope, studies: Sequence[ArrivedStudy]) -> None:
    text = "SELECT s.study_instance_uid, count(*) FROM archive_study s WHERE {} AND {} GROUP BY s.study_instance_uid"
    uids = {one.study.study_instance_uid for one in studies}
    holders = dict(rows(fill(text, one_of("s.study_instance_uid", uids), visible(scope))))
    for one in studies:
        one.holders = holders.get(one.study.study_instance_uid, 0)


def _add_problems(arrivals: Sequence[Arrival]) -> None:
    """Read the newest problems of each delivery, all in one statement."""
    by_key = {arrival.delivery.pk: arrival for arrival in arrivals}
    if not by_key:
        return
    newest = f"""SELECT * FROM (SELECT id FROM archive_deliveryitem WHERE delivery_id = ? AND outcome = ?
        ORDER BY id DESC LIMIT {PROBLEMS_SHOWN})"""
    wanted = [(_delivery_key(arrival), outcome.value) for arrival in arrivals for outcome in arrival.told_problems]
    keys = rows(union([Sql(newest, pair) for pair in wanted]))
    for item in DeliveryItem.objects.filter(pk__in=[row[0] for row in keys]).order_by("-pk"):
        problems = by_key[item.delivery_id].problems
        if len(problems) < PROBLEMS_SHOWN:
            problems.append(item)


def count_arrived_since(scope: Scope, since: datetime, limit: int) -> int:
    """Return how many studies got objects since a moment, up to `limit`."""
    text = f"SELECT count(*) FROM (SELECT 1 FROM archive_study s WHERE s.received >= ? AND {{}} LIMIT {int(limit)})"
    inside = visible(scope)
    stamp = connection.ops.adapt_datetimefield_value(since)
    return int(value(Sql(text.format(inside.text), (stamp, *inside.params))))
