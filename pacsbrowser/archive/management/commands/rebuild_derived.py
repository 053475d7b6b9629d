"""Makes anew what is computed from the kept files."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from pacsbrowser.archive.derived.rebuild import rebuild

_TELL_EVERY = 1000


class Command(BaseCommand):
    """Prepare metadata and previews of all series."""

    help = "Prepare the metadata and previews of all series, so that the first who asks for them need not wait."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--fresh", action="store_true", help="throw away first what is there")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild, and say how far it is."""
        count = rebuild(options["fresh"], self._tell)
        self.stdout.write(f"{count:,} series prepared.")

    def _tell(self, done: int) -> None:
        if done % _TELL_EVERY == 0:
            self.stdout.write(f"{done:,} series …")
