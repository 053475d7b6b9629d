"""What becomes of each object of a group, before anything is written."""

from dataclasses import dataclass

from pacsbrowser.archive.ingest.arrival import Arrival
from pacsbrowser.archive.ingest.parents import Family
from pacsbrowser.archive.models import Copy, Instance, Outcome


@dataclass(slots=True)
class Decision:
    """What becomes of one arrival. `is_new`: its instance counts from now on, for the first time or again."""

    arrival: Arrival
    family: Family
    outcome: Outcome
    reason: str = ""
    code: str = ""
    instance: Instance | None = None
    copy: Copy | None = None
    is_new: bool = False
