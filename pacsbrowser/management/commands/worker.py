"""The worker process; `start` keeps it running."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from pacsbrowser.jobs.worker import Worker
from pacsbrowser.management.lifeline import die_with_parent
from pacsbrowser.management.preparing import Preparing


class Command(BaseCommand):
    """Work off background jobs until told to stop."""

    help = "Work off background jobs until told to stop (`start` does this by itself)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker in this process."""
        if os.environ.get("PACSBROWSER_SUPERVISED"):
            die_with_parent()
        preparing = Preparing()
        preparing.start()
        Worker(settings.JOBS_AT_ONCE).run()
        preparing.stop()
        preparing.join()
