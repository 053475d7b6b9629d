"""The Django app of the archive."""

from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    """Tables and files of what was received."""

    name = "pacsbrowser.archive"
    label = "archive"
    verbose_name = "Archive"
