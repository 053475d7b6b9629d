"""Taking in many local files: staged by several processes, committed by one, in bounded memory."""

import logging
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import django
from django.db import connection

from pacsbrowser.archive.ingest import GROUP, IngestResult, ingest
from pacsbrowser.archive.models import Delivery
from pacsbrowser.archive.receive import Staged, stage_path

logger = logging.getLogger(__name__)

# Batches under way for each process: enough that none waits, few enough that memory stays flat.
_AHEAD = 2


class LocalFile(NamedTuple):
    """A file of this machine, and the name that people see: its place below what was named, not the machine's path."""

    path: Path
    name: str


def find_files(paths: Iterable[Path]) -> Iterator[LocalFile]:
    """Return the regular files of some files and folders, in order. Links to folders are not followed."""
    for path in paths:
        if not path.is_dir():
            yield LocalFile(path, path.name)
            continue
        top = path.resolve().name
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = Path(folder, name)
                if file.is_file():
                    yield LocalFile(file, f"{top}/{file.relative_to(path).as_posix()}")


def ingest_files(
    files: Iterable[LocalFile],
    delivery: Delivery,
    report: Callable[[Sequence[IngestResult]], None],
    unreadable: Callable[[Path, OSError], None],
    processes: int | None = None,
) -> None:
    """Take in files: `report` gets the results group by group, `unreadable` what could not be opened.

    Raises:
        OSError, OperationalError: the store or the database cannot be written; what was reported is kept.
    """
    context = multiprocessing.get_context("spawn")
    count = processes or os.cpu_count() or 1
    # The pool lives until all is ingested: what its processes staged is theirs, and swept once they are gone.
    with ProcessPoolExecutor(count, mp_context=context, initializer=django.setup) as pool:
        waiting: deque[Future[list[Staged | tuple[Path, OSError]]]] = deque()
        rest = iter(files)
        while True:
            while len(waiting) < count * _AHEAD and (batch := list(islice(rest, GROUP))):
                waiting.append(pool.submit(stage_files, batch))
            if not waiting:
                return
            _take(waiting.popleft().result(), delivery, report, unreadable)


def stage_files(files: Sequence[LocalFile]) -> list[Staged | tuple[Path, OSError]]:
    """Stage some files in a process of the pool; a file that cannot be opened is returned with its error."""
    staged: list[Staged | tuple[Path, OSError]] = []
    for path, name in files:
        try:
            staged.append(stage_path(path, name))
        except OSError as error:
            if error.filename is None or Path(error.filename) != path:
                raise
            staged.append((path, error))
    connection.close()
    return staged


def _take(
    batch: Sequence[Staged | tuple[Path, OSError]],
    delivery: Delivery,
    report: Callable[[Sequence[IngestResult]], None],
    unreadable: Callable[[Path, OSError], None],
) -> None:
    for one in batch:
        if not isinstance(one, Staged):
            unreadable(*one)
    report(ingest([one for one in batch if isinstance(one, Staged)], delivery))
