"""Did it arrive: the newest deliveries with what became of their files, and the studies they brought."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F, OuterRef, Q, Subquery, Sum
from django.utils import timezone

from pacsbrowser.access.models import User
from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Delivery, DeliveryItem, DeliveryStudy, Outcome, Series, Study
from pacsbrowser.archive.search.same_study import visible
from pacsbrowser.archive.search.sql import Sql, value

# A delivery that has not finished and was active this lately is still arriving.
LIVELY = timedelta(minutes=1)
STUDIES_SHOWN = 6
PROBLEMS_SHOWN = 4
PROBLEMS = (Outcome.CONFLICT, Outcome.REJECTED, Outcome.NOT_DICOM)


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
        counts = [(one.value, one.label, getattr(self.delivery, one.value)) for one in Outcome]
        return [count for count in counts if count[2]]

    @property
    def problem_count(self) -> int:
        """How many files a person should look at."""
        return sum(getattr(self.delivery, one.value) for one in PROBLEMS) if self.whole else 0


def find_arrivals(scope: Scope, user: User, after: UUID | None = None, limit: int = 20) -> list[Arrival]:
    """Return deliveries, the one active last first; a limited scope's own uploads, and those that brought it a study."""
    rows = Delivery.objects.order_by("-active", "-id")
    if not scope.everything:
        studies = Study.objects.visible_to(scope).values("pk")
        rows = rows.filter(Q(user=user) | Q(pk__in=DeliveryStudy.objects.filter(study__in=studies).values("delivery")))
    if after is not None:
        last = Delivery.objects.filter(pk=after).values("active", "id").first()
        rows = rows.filter(Q(active__lt=last["active"]) | Q(active=last["active"], id__lt=last["id"])) if last else rows
    arrivals = [Arrival(row, scope.everything or row.user_id == user.pk) for row in rows[:limit]]
    _add_studies(scope, arrivals)
    _add_problems([arrival for arrival in arrivals if arrival.problem_count])
    return arrivals


def _add_studies(scope: Scope, arrivals: Sequence[Arrival]) -> None:
    by_key = {arrival.delivery.pk: arrival for arrival in arrivals}
    inside = DeliveryStudy.objects.filter(study__in=Study.objects.visible_to(scope))
    sums = inside.filter(delivery__in=by_key).order_by().values("delivery")
    for row in sums.annotate(added=Sum("instance_count"), studies=Sum(1)):
        by_key[row["delivery"]].added = row["added"]
        by_key[row["delivery"]].study_count = row["studies"]
    newest = inside.filter(delivery=OuterRef("delivery")).order_by("-study").values("study")
    border = Subquery(newest[STUDIES_SHOWN - 1 : STUDIES_SHOWN])
    rows = inside.filter(delivery__in=by_key).annotate(border=border)
    rows = rows.filter(Q(border=None) | Q(study__gte=F("border"))).select_related("study__patient").order_by("-study")
    for row in rows:
        by_key[row.delivery_id].studies.append(ArrivedStudy(row.study, row.instance_count))
    found = [one for arrival in arrivals for one in arrival.studies]
    _add_gaps(found)
    _add_holders(scope, found)


def _add_gaps(studies: Sequence[ArrivedStudy]) -> None:
    rows = Series.objects.filter(study__in={one.study.pk for one in studies}, instance_count__gt=0)
    missing = dict(rows.order_by().values_list("study").annotate(Sum("missing_count")))
    for one in studies:
        one.missing = missing.get(one.study.pk) or 0


def _add_holders(scope: Scope, studies: Sequence[ArrivedStudy]) -> None:
    rows = Study.objects.visible_to(scope).filter(
        study_instance_uid__in={one.study.study_instance_uid for one in studies}
    )
    holders = Counter(rows.values_list("study_instance_uid", flat=True))
    for one in studies:
        one.holders = holders[one.study.study_instance_uid]


def _add_problems(arrivals: Sequence[Arrival]) -> None:
    """Read the newest problems of each delivery, all in one statement."""
    by_key = {arrival.delivery.pk: arrival for arrival in arrivals}
    if not by_key:
        return
    rows = [
        DeliveryItem.objects.filter(delivery=key, outcome=outcome).order_by("-id")[:PROBLEMS_SHOWN]
        for key in by_key
        for outcome in PROBLEMS
    ]
    for item in rows[0].union(*rows[1:], all=True):
        problems = by_key[item.delivery_id].problems
        if len(problems) < PROBLEMS_SHOWN:
            problems.append(item)


def count_arrived_since(scope: Scope, since: datetime, limit: int) -> int:
    """Return how many studies got objects since a moment, up to `limit`."""
    text = f"SELECT count(*) FROM (SELECT 1 FROM archive_study s WHERE s.received >= ? AND {{}} LIMIT {int(limit)})"
    inside = visible(scope)
    stamp = connection.ops.adapt_datetimefield_value(since)
    return int(value(Sql(text.format(inside.text), (stamp, *inside.params))))
