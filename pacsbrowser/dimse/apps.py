"""The Django app of the DIMSE door."""

from django.apps import AppConfig


class DimseConfig(AppConfig):
    """Owns no table: everything is asked of the archive, and of exchange."""

    name = "pacsbrowser.dimse"
    label = "dimse"
    verbose_name = "DIMSE"
