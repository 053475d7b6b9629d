"""The exchange app."""

from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    """Configuration."""

    name = "pacsbrowser.exchange"
