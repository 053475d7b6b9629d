"""The Django app of background jobs."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    """Owns the table of jobs; every app may bring functions in a module `job_functions`."""

    name = "pacsbrowser.jobs"
    label = "jobs"
    verbose_name = "Jobs"

    def ready(self) -> None:
        """Register the functions."""
        autodiscover_modules("job_functions")
