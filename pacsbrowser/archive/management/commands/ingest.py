"""`manage.py ingest PATH…`: take files, folders and zips of a local disk into the archive."""

import getpass
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pacsbrowser.archive.bulk import LocalFile, find_files, ingest_files
from pacsbrowser.archive.ingest import IngestResult, audit_delivery, close_delivery, open_delivery
from pacsbrowser.archive.models import Delivery, DeliveryItem, Door, Outcome
from pacsbrowser.archive.sweep import sweep
from pacsbrowser.archive.zip_files import HEAD, is_zip
from pacsbrowser.archive.zips import ingest_zip
from pacsbrowser.audit.models import Action

_TICK = 0.2


class Command(BaseCommand):
    """Exit status: 0 when all DICOM is in the archive, 1 when some was rejected, 2 when a path cannot be read."""

    help = "Take DICOM files, folders of them and zips into the archive."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the paths and options."""
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, a folder or a zip")
        parser.add_argument("--processes", type=int, help="how many processes read files (default: one a core)")
        parser.add_argument("--quiet", action="store_true", help="print the summary only")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take in all paths, tell what became of each file that was not simply stored, and sum up."""
        absent = [path for path in options["paths"] if not path.exists()]
        if absent:
            raise CommandError(f"no such file or folder: {', '.join(map(str, absent))}", returncode=2)
        sweep()
        self.verbose = not options["quiet"]
        self.counts: Counter[str] = Counter()
        self.unreadable = 0
        self.started = self.shown = time.monotonic()
        label = ", ".join(path.resolve().name for path in options["paths"])
        delivery = open_delivery(Door.COMMAND, getpass.getuser(), label=label)
        files = self._plain_files(options["paths"], delivery)
        try:
            ingest_files(files, delivery, self._report, self._unreadable, options["processes"])
            close_delivery(delivery)
        finally:
            # what came in before a full disk or Ctrl-C is there as well
            audit_delivery(delivery, Action.INGEST, "command")
        self._sum_up()

    def _plain_files(self, paths: Sequence[Path], delivery: Delivery) -> Iterator[LocalFile]:
        """Return the files that are no zips; zips are taken in on the way."""
        for file in find_files(paths):
            if _begins_like_zip(file.path):
                self._take_zip(file, delivery)
            else:
                yield file

    def _take_zip(self, file: LocalFile, delivery: Delivery) -> None:
        seen = delivery.items.order_by("-pk").values_list("pk", flat=True).first() or 0
        self.counts.update(ingest_zip(file.path, delivery, name=file.name))
        if self.verbose:
            for item in delivery.items.filter(pk__gt=seen).exclude(outcome=Outcome.STORED).iterator():
                self._say(item)
        self._tick()

    def _report(self, results: Sequence[IngestResult]) -> None:
        self.counts.update(result.outcome for result in results)
        for result in results:
            if self.verbose and result.outcome != Outcome.STORED:
                self._say(result)
        self._tick()

    def _say(self, line: IngestResult | DeliveryItem) -> None:
        self.stdout.write(f"{Outcome(line.outcome).label}: {line.name}: {line.reason}")

    def _tick(self) -> None:
        now = time.monotonic()
        if sys.stderr.isatty() and now - self.shown > _TICK:
            self.shown = now
            done = self.counts.total()
            self.stderr.write(f"\r{done:,} files, {done / (now - self.started):,.0f}/s ", ending="")

    def _unreadable(self, path: Path, error: OSError) -> None:
        self.unreadable += 1
        self.stdout.write(f"Cannot be read: {path}: {error.strerror}")

    def _sum_up(self) -> None:
        seconds = time.monotonic() - self.started
        if sys.stderr.isatty():
            self.stderr.write("")
        done = self.counts.total()
        self.stdout.write(f"{done:,} files in {seconds:.1f} s, {done / seconds:,.0f}/s")
        for outcome in Outcome:
            if self.counts[outcome]:
                self.stdout.write(f"  {outcome.label}: {self.counts[outcome]:,}")
        if self.unreadable:
            raise CommandError(f"{self.unreadable} files could not be read", returncode=2)
        if self.counts[Outcome.REJECTED]:
            raise CommandError(f"{self.counts[Outcome.REJECTED]} DICOM files were rejected", returncode=1)


def _begins_like_zip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_zip(file.read(HEAD))
    except OSError:
        return False
