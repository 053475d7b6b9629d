"""`manage.py check_archive`: prove that the archive is whole."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pacsbrowser.archive import check


class Command(BaseCommand):
    """Every row has its file, every file its row, every digest and count is right. Exit status 1 if not."""

    help = "Check that every row has its file, every file its row, and that every digest and count is right."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the options."""
        parser.add_argument("--repair", action="store_true", help="receive files without a row again; count again")
        parser.add_argument("--quick", action="store_true", help="compare sizes only, without reading the files")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, print each problem on a line, repair what can be, and say how it went."""
        problems = [*check.check_files(digests=not options["quick"]), *check.check_store(), *check.check_counts()]
        for problem in problems:
            self.stdout.write(str(problem))
        if problems and options["repair"]:
            problems = check.repair(problems, self.stdout.write)
        if problems:
            raise CommandError(f"{len(problems)} problems")
        self.stdout.write("The archive is whole.")
