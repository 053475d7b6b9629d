"""Making all that is derived anew: the metadata of every series, and a thumbnail of each that has pictures."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from pacsbrowser.archive.derived import folder
from pacsbrowser.archive.derived.metadata import series_metadata
from pacsbrowser.archive.derived.pictures import THUMBNAIL, middle_frame, picture, representative
from pacsbrowser.archive.models import Series
from pacsbrowser.dicom.decoder import DecodingError

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


def prepare_series(series: Series) -> None:
    """Store the metadata and the thumbnail of one series."""
    series_metadata(series).prepare()
    instance = representative(series)
    if instance is not None:
        # a page that wants it and cannot have it says why
        with suppress(DecodingError):
            picture(instance.blob, middle_frame(instance), "image/jpeg", viewport=THUMBNAIL)


def _every_series() -> Iterator[Series]:
    last = 0
    while batch := list(
        Series.objects.filter(pk__gt=last, instance_count__gt=0).select_related("study").order_by("pk")[:BATCH]
    ):
        yield from batch
        last = batch[-1].pk
