"""What will be asked for next is prepared once a study has come to rest: metadata, the order, and previews.

Nothing waits for this: what is not prepared is made when it is asked for. Studies are gone through in the order of
their last arrival; how far that has come is kept in a file beside what is derived, so that a restart goes on there,
and a study that is added to is come to again. What is there already is left as it is.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db.models import QuerySet
from django.utils import timezone

from pacsbrowser.archive import ordering
from pacsbrowser.archive.derived import folder
from pacsbrowser.archive.derived.metadata import series_metadata
from pacsbrowser.archive.derived.previews import preview, representative, slow_instances
from pacsbrowser.archive.models import Series, Study
from pacsbrowser.dicom.decoder import DecodingError

# A study is at rest when nothing has come for so long: a delivery is prepared once, not object by object.
REST = timedelta(seconds=15)
# While other objects come in, a study waits, for so long at most: senders have the machine to themselves.
PATIENCE = timedelta(minutes=5)
# A study that has ended this process so often is passed over.
_MOST_TRIES = 3
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC).isoformat()


@dataclass(frozen=True, slots=True)
class _Mark:
    """The last study that was prepared, and how often the one after it was begun."""

    received: str = _BEGINNING
    study: int = 0
    tries: int = 0


def is_pending() -> bool:
    """Say whether a study waits to be prepared, and this is the time for it."""
    return _next(_read_mark()) is not None


def prepare_pending(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Prepare the studies that wait, unless another process is at it; return how many there were.

    Args:
        should_stop: asked before each study.
    """
    done = 0
    with _alone() as is_alone:
        while is_alone and not should_stop():
            mark = _read_mark()
            study = _next(mark)
            if study is None:
                break
            _write_mark(replace(mark, tries=mark.tries + 1))
            if mark.tries < _MOST_TRIES:
                prepare_study(study)
            _write_mark(_Mark(study.received.isoformat(), study.pk))
            done += 1
    return done


def prepare_study(study: Study) -> None:
    """Store what is derived of a study and is not stored yet."""
    for series in Series.objects.filter(study=study, instance_count__gt=0).select_related("study"):
        prepare_series(series)


def prepare_series(series: Series) -> None:
    """Store the metadata of a series, the preview that stands for it, and those that would take long to make."""
    ordering.ensure_ordered(series)
    series_metadata(series).prepare()
    middle = representative(series)
    for instance in [*([middle] if middle else []), *slow_instances(series)]:
        # a page that wants it and cannot have it says why
        with suppress(DecodingError, OSError):
            preview(instance)


def _next(mark: _Mark) -> Study | None:
    """Return the study that has waited longest; none while others come in, unless it has waited for too long."""
    study = _waiting(mark).order_by("received", "pk").first()
    if study is None or study.received < timezone.now() - PATIENCE:
        return study
    return None if Study.objects.being_received().exists() else study


def _waiting(mark: _Mark) -> QuerySet[Study]:
    since = datetime.fromisoformat(mark.received)
    rows = Study.objects.filter(received__gte=since, received__lt=timezone.now() - REST)
    return rows.exclude(received=since, pk__lte=mark.study)


def _mark_file() -> Path:
    return folder.derived_folder() / "prepared.json"


def _read_mark() -> _Mark:
    """Return how far it has come; anything that is no mark means the beginning."""
    try:
        found = json.loads(folder.read(_mark_file()) or b"")
        received = datetime.fromisoformat(found["received"])
        return _Mark(received.astimezone(UTC).isoformat(), int(found["study"]), int(found["tries"]))
    except (KeyError, TypeError, ValueError):
        return _Mark()


def _write_mark(mark: _Mark) -> None:
    folder.write(_mark_file(), json.dumps(asdict(mark)).encode())


@contextmanager
def _alone() -> Iterator[bool]:
    """Say whether this is the only process that prepares, and keep it so."""
    folder.derived_folder().mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder.derived_folder() / "preparing.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
            return
        yield False
    finally:
        os.close(descriptor)
