"""The archive's tables: the four levels of DICOM's hierarchy, the files, their provenance, what is odd about them."""

from pacsbrowser.archive.models.deliveries import KEPT, Delivery, DeliveryItem, DeliveryStudy, Door, Outcome
from pacsbrowser.archive.models.files import Blob, Copy, Removal, Tombstone
from pacsbrowser.archive.models.findings import Finding, Reference
from pacsbrowser.archive.models.levels import Instance, Level, NameWord, Patient, Series, Study, StudyModality

__all__ = [
    "KEPT",
    "Blob",
    "Copy",
    "Delivery",
    "DeliveryItem",
    "DeliveryStudy",
    "Door",
    "Finding",
    "Instance",
    "Level",
    "NameWord",
    "Outcome",
    "Patient",
    "Reference",
    "Removal",
    "Series",
    "Study",
    "StudyModality",
    "Tombstone",
]
