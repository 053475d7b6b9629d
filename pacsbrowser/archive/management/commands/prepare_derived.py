"""Prepares what will be asked for next of what has come in."""

import os
from typing import Any

from django.core.management.base import BaseCommand

from pacsbrowser.archive.derived.preparing import prepare_pending
from pacsbrowser.management.lifeline import die_with_parent


class Command(BaseCommand):
    """Prepare the studies that have come to rest since the last time."""

    help = "Prepare metadata and previews of what came in since the last time (the worker does this by itself)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, and say of how many studies."""
        if os.environ.get("PACSBROWSER_SUPERVISED"):
            die_with_parent()
        self.stdout.write(f"{prepare_pending():,} studies prepared.")
