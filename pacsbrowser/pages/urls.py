"""The addresses of the pages. Studies, series and instances carry their UIDs, patients the key of their row."""

from django.urls import path

from pacsbrowser.pages import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("help/", health.help, name="help"),
]
