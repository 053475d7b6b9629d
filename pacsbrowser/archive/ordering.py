"""The place of each instance in its series, and which numbers its instances span.

Under the rule "instance_number" the position is the Instance Number itself, so that a growing series is never
renumbered; under the other rules of `dicom.order` it is the rank. A series whose rule is unknown is ordered when the
objects at hand are in, or, if it is large, when it is next looked at.
"""

from collections.abc import Iterable, Sequence

from django.db import connection, transaction

from pacsbrowser.archive import counters
from pacsbrowser.archive.models import Instance, Series
from pacsbrowser.dicom.order import OrderKey, order_instances

UNKNOWN = ""
BY_NUMBER = "instance_number"

# Up to this size a series is ordered right after ingest; a larger one would be ordered again for every group.
_ORDERED_AT_ONCE = 500
_ROWS_A_TRANSACTION = 1000


def expect(series: Series, numbers: Sequence[int | None]) -> None:
    """Note, in memory, whether new instances with these numbers leave a series in the order of its numbers.

    The new instances must be saved already, with their numbers as positions.
    """
    known = [number for number in numbers if number is not None]
    if not numbers:
        return
    if series.instance_count == 0:
        # What spanned other numbers is in the trash.
        series.lowest_number = series.highest_number = None
    if len(set(known)) < len(numbers) or not _all_free(series, known):
        series.order_rule = UNKNOWN
        series.lowest_number = series.highest_number = None
        return
    series.order_rule = BY_NUMBER
    ends = [*known, *(end for end in (series.lowest_number, series.highest_number) if end is not None)]
    series.lowest_number, series.highest_number = min(ends), max(ends)


def _all_free(series: Series, numbers: Sequence[int]) -> bool:
    """Say whether no other live instance has one of these numbers. What comes after the last needs no look-up."""
    if series.instance_count == 0:
        return True
    if series.order_rule != BY_NUMBER or series.highest_number is None or series.lowest_number is None:
        return False
    if min(numbers) > series.highest_number or max(numbers) < series.lowest_number:
        return True
    return Instance.objects.live().filter(series=series, position__in=numbers).count() == len(numbers)


def settle(series_keys: Iterable[int]) -> None:
    """Order the series that need it and are small enough to be ordered again after every group."""
    wanted = Series.objects.filter(order_rule=UNKNOWN, instance_count__gt=0, instance_count__lte=_ORDERED_AT_ONCE)
    for series in wanted.filter(pk__in=list(series_keys)):
        order_series(series)


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
    series.order_rule = rule
    numbers = [rank for rank in ranks if rank is not None] if rule == BY_NUMBER else []
    series.lowest_number, series.highest_number = min(numbers, default=None), max(numbers, default=None)
    series.missing_count = counters.missing_numbers(series)
    Series.objects.filter(pk=series.pk, change_seq=seen).update(
        order_rule=rule,
        lowest_number=series.lowest_number,
        highest_number=series.highest_number,
        missing_count=series.missing_count,
    )
    return rule


def ensure_ordered(series: Series) -> None:
    """Order a series before its positions are used, if that was put off."""
    if series.order_rule == UNKNOWN:
        order_series(series)
