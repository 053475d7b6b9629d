"""The Django app of users and rights."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Owns the table of users."""

    name = "pacsbrowser.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        """Let logins and lock-outs be recorded."""
        from pacsbrowser.access import witness

        witness.connect()
