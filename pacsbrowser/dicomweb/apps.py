"""The Django app of the DICOMweb door."""

from django.apps import AppConfig


class DicomwebConfig(AppConfig):
    """Owns no table: everything is asked of the archive."""

    name = "pacsbrowser.dicomweb"
    label = "dicomweb"
    verbose_name = "DICOMweb"
