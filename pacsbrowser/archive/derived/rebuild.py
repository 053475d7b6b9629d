"""Making all that is derived anew: the metadata of every series, and the previews that are made ahead."""

from collections.abc import Callable, Iterator

from pacsbrowser.archive.derived import folder
from pacsbrowser.archive.derived.preparing import prepare_series
from pacsbrowser.archive.models import Series

BATCH = 500


def rebuild(fresh: bool, report: Callable[[int], None]) -> int:
    """Make what is missing, or with `fresh` everything; return the number of series.

    Args:
        report: told after each series how many are done.
    """
    if fresh:
        folder.clear()
    done = 0
    for series in _every_series():
        prepare_series(series)
        done += 1
        report(done)
    return done


def _every_series() -> Iterator[Series]:
    last = 0
    while batch := list(
        Series.objects.filter(pk__gt=last, instance_count__gt=0).select_related("study").order_by("pk")[:BATCH]
    ):
        yield from batch
        last = batch[-1].pk
