"""The Django app of the audit trail."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Owns the table of events."""

    name = "pacsbrowser.audit"
    label = "audit"
    verbose_name = "Audit"
