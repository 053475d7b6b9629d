"""The place of each instance in its series, and how many numbers are missing between them.

Under the rule "instance_number" the position is the Instance Number itself, so that a growing series is never
renumbered; under the other rules of `dicom.order` it is the rank. A series whose rule is unknown is ordered when the
objects at hand are in, or, if it is large, when it is next looked at.
"""

from collections.abc import Iterable, Sequence

from django.db import connection, transaction
from django.db.models import Max, Min

from pacsbrowser.archive.models import Instance, Series
from pacsbrowser.dicom.order import OrderKey, order_instances

UNKNOWN = ""
BY_NUMBER = "instance_number"

# Up to this size a series is ordered right after ingest; a larger one would be ordered again for every group.
_ORDERED_AT_ONCE = 500
_ROWS_A_TRANSACTION = 2000
# Numbers that leave more than this many places free for each instance are labels, not a count with gaps.
_SPARSE = 4


def expect(series: Series, numbers: Sequence[int | None]) -> None:
    """Set, in memory, whether new instances with these numbers leave a series in the order of its numbers.

    The new instances must be saved already; positions must be their numbers.
    """
    is_new = series.change_seq == 0
    if not numbers:
        return
    if None in numbers or len(set(numbers)) < len(numbers) or not (is_new or series.order_rule == BY_NUMBER):
        series.order_rule = UNKNOWN
    elif is_new:
        series.order_rule = BY_NUMBER
    else:
        wanted = [number for number in numbers if number is not None]
        taken = Instance.objects.live().filter(series=series, position__in=wanted).count()
        series.order_rule = BY_NUMBER if taken == len(numbers) else UNKNOWN


def settle(series_keys: Iterable[int]) -> None:
    """Order what is small and not in order, and count the missing numbers of the series that were written to."""
    for series in Series.objects.filter(pk__in=list(series_keys)):
        if series.order_rule == UNKNOWN and series.instance_count <= _ORDERED_AT_ONCE:
            order_series(series)
        missing = missing_numbers(series)
        if missing != series.missing_count:
            Series.objects.filter(pk=series.pk).update(missing_count=missing)


def missing_numbers(series: Series) -> int:
    """Return how many numbers are free between the first and the last instance of a series."""
    if series.order_rule != BY_NUMBER or series.instance_count < 2:
        return 0
    ends = Instance.objects.live().filter(series=series).aggregate(first=Min("position"), last=Max("position"))
    if ends["first"] is None:
        return 0
    places = int(ends["last"] - ends["first"]) + 1
    return max(0, places - series.instance_count) if places <= _SPARSE * series.instance_count else 0


def order_series(series: Series) -> str:
    """Compute and store the position of every live instance of a series; return the rule that was used.

    If the series is written to meanwhile, its rule stays unknown and the next reader orders it again.
    """
    seen = series.change_seq
    rows = list(
        Instance.objects.live()
        .filter(series=series)
        .values_list("id", "instance_number_value", "slice_position", "acquired", "sop_instance_uid", "position")
    )
    keys = [OrderKey(number, place, acquired, uid) for _, number, place, acquired, uid, _ in rows]
    places, rule = order_instances(keys)
    ranks = [row[1] for row in rows] if rule == BY_NUMBER else [place + 1 for place in places]
    changed = [(rank, row[0]) for rank, row in zip(ranks, rows, strict=True) if rank != row[5]]
    for start in range(0, len(changed), _ROWS_A_TRANSACTION):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE archive_instance SET position = %s WHERE id = %s", changed[start : start + _ROWS_A_TRANSACTION]
            )
    Series.objects.filter(pk=series.pk, change_seq=seen).update(order_rule=rule)
    series.order_rule = rule
    return rule


def ensure_ordered(series: Series) -> None:
    """Order a series before its positions are used, if that was put off."""
    if series.order_rule == UNKNOWN:
        order_series(series)
        series.missing_count = missing_numbers(series)
        Series.objects.filter(pk=series.pk).update(missing_count=series.missing_count)
