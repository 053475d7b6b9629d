"""What lies around an object: the page of a series it is on, gaps in the numbers, its neighbours.

Everything is bounded: a page of a series is read by its position, gaps are looked for only where ingest counted some.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import Lag

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import ordering
from pacsbrowser.archive.models import Copy, Instance, Series, Study

PAGE = 60
GAPS_SHOWN = 40
# In series beyond this size the ranges of missing numbers are found on the page of the series only.
GAPS_WITHIN = 20_000


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing Instance Numbers (0020,0013), from the first to the last."""

    first: int
    last: int

    @property
    def count(self) -> int:
        """How many numbers are missing."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class SeriesWindow:
    """A page of a series: instances in the stored order, and where the pages before and after begin."""

    instances: Sequence[Instance]
    first: int
    last: int
    previous: int | None
    following: int | None
    copies: dict[int, int]


def live_instances(series: Series) -> QuerySet[Instance]:
    """Return the live instances of a series."""
    return Instance.objects.live().filter(series=series)


def beyond(instance: Instance) -> Q:
    """Return the condition on what comes after an instance in its series, in a form that walks the index."""
    return Q(position__gte=instance.position) & ~Q(position=instance.position, pk__lte=instance.pk)


def window(series: Series, start: int | None = None, size: int = PAGE) -> SeriesWindow:
    """Return the page that begins at a position, or at the first one."""
    ordered = live_instances(series).select_related("blob").order_by("position", "pk")
    wanted = ordered if start is None else ordered.filter(position__gte=start)
    found = list(wanted[: size + 1])
    shown = found[:size]
    if not shown:
        return SeriesWindow((), 0, 0, None, None, {})
    first, last = shown[0].position, shown[-1].position
    before = live_instances(series).filter(position__lt=first).order_by("-position", "-pk")
    earlier = list(before.values_list("position", flat=True)[:size])
    following = found[size].position if len(found) > size else None
    return SeriesWindow(shown, first, last, earlier[-1] if earlier else None, following, count_copies(shown))


def count_copies(instances: Sequence[Instance]) -> dict[int, int]:
    """Return how many further objects were received under the UIDs of some instances, by the instance's key."""
    rows = Copy.objects.filter(instance__in=instances).order_by().values_list("instance")
    return dict(rows.annotate(found=Count("pk")))


def bounds(series: Series) -> tuple[int, int]:
    """Return the first and the last position of a series."""
    positions = live_instances(series).values_list("position", flat=True)
    first = positions.order_by("position", "pk").first()
    last = positions.order_by("-position", "-pk").first()
    return (first or 0, last or 0)


def find_gaps(series: Iterable[Series], limit: int = GAPS_SHOWN) -> dict[int, list[Gap]]:
    """Return the missing numbers of those series whose positions are Instance Numbers, by the key of the series.

    They are remembered until the series changes, as finding them reads all of its positions.
    """
    wanted = {row.pk: row for row in series if row.missing_count and row.order_rule == ordering.BY_NUMBER}
    names = {key: f"gaps:{key}:{row.change_seq}:{row.received.timestamp()}:{limit}" for key, row in wanted.items()}
    known = cache.get_many(names.values())
    unknown = [key for key in wanted if names[key] not in known]
    found = _read_gaps(unknown, limit) if unknown else {}
    cache.set_many({names[key]: gaps for key, gaps in found.items()})
    return defaultdict(list, {key: known.get(names[key]) or found.get(key, []) for key in wanted})


def _read_gaps(keys: list[int], limit: int) -> dict[int, list[Gap]]:
    before = Window(Lag("position"), partition_by=F("series_id"), order_by=F("position").asc())
    rows = (
        Instance.objects.live()
        .filter(series__in=keys)
        .annotate(before=before)
        .filter(before__lt=F("position") - 1)
        .order_by("series_id", "position")
        .values_list("series_id", "before", "position")
    )
    gaps: dict[int, list[Gap]] = {key: [] for key in keys}
    for key, last_before, position in rows[: limit * len(keys)]:
        if len(gaps[key]) < limit:
            gaps[key].append(Gap(last_before + 1, position - 1))
    return gaps


def find_small_gaps(series: Sequence[Series]) -> dict[int, list[Gap]]:
    """Return the gaps of several series for an overview, or none when that would mean to read very many rows."""
    with_gaps = [row for row in series if row.missing_count]
    if sum(row.instance_count for row in with_gaps) > GAPS_WITHIN:
        return {}
    return find_gaps(with_gaps, limit=4)


def position_of_number(series: Series, number: int) -> int | None:
    """Return the position of the instance with this Instance Number, or of the next one that exists."""
    rows = live_instances(series)
    if series.order_rule == ordering.BY_NUMBER:
        return rows.filter(position__gte=number).order_by("position").values_list("position", flat=True).first()
    exact = rows.filter(instance_number_value=number).order_by("position").values_list("position", flat=True).first()
    if exact is not None:
        return exact
    above = rows.filter(instance_number_value__gt=number).order_by("instance_number_value", "position")
    return above.values_list("position", flat=True).first()


def neighbours_of_instance(instance: Instance) -> tuple[Instance | None, Instance | None]:
    """Return the instances before and after this one in its series."""
    rows = live_instances(instance.series).only("sop_instance_uid", "instance_number", "position", "series")
    before = rows.filter(Q(position__lte=instance.position) & ~Q(position=instance.position, pk__gte=instance.pk))
    after = rows.filter(beyond(instance))
    return before.order_by("-position", "-pk").first(), after.order_by("position", "pk").first()


def series_of_study(study: Study, scope: Scope) -> QuerySet[Series]:
    """Return the series of a study by Series Number (0020,0011); those without come last."""
    rows = Series.objects.visible_to(scope).filter(study=study)
    return rows.order_by(F("series_number_value").asc(nulls_last=True), "pk")


def neighbours_of_series(series: Series, scope: Scope) -> tuple[Series | None, Series | None]:
    """Return the series before and after this one in its study."""
    number, rows = series.series_number_value, series_of_study(series.study, scope)
    if number is None:
        before = Q(series_number_value__isnull=False) | Q(series_number_value=None, pk__lt=series.pk)
        after = Q(series_number_value=None, pk__gt=series.pk)
    else:
        before = Q(series_number_value__lt=number) | Q(series_number_value=number, pk__lt=series.pk)
        after = (
            Q(series_number_value__gt=number)
            | Q(series_number_value=number, pk__gt=series.pk)
            | Q(series_number_value=None)
        )
    return rows.filter(before).reverse().first(), rows.filter(after).first()


def neighbours_of_study(study: Study, scope: Scope) -> tuple[Study | None, Study | None]:
    """Return the studies before and after this one on the patient's page, which has the newest first."""
    rows = Study.objects.visible_to(scope).filter(patient=study.patient_id).order_by("-date_sort", "-pk")
    here = (study.date_sort, study.pk)
    newer = rows.filter(Q(date_sort__gt=here[0]) | Q(date_sort=here[0], pk__gt=here[1]))
    older = rows.filter(Q(date_sort__lt=here[0]) | Q(date_sort=here[0], pk__lt=here[1]))
    return newer.reverse().first(), older.first()
