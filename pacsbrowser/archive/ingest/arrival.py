"""An object on its way into the index: its header, its digests and its place in the store."""

from __future__ import annotations

from dataclasses import dataclass

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest.rows import identity_key
from pacsbrowser.archive.models import Delivery
from pacsbrowser.archive.receive import Staged
from pacsbrowser.dicom.header import Header


@dataclass(slots=True)
class Arrival:
    """A staged object with what the index needs.

    `incoming` changes once, when the file gets its name in the store; `durable`: which files of its bytes last then.
    """

    staged: Staged
    header: Header
    delivery: Delivery
    identity_key: str
    relative: str
    incoming: str
    durable: frozenset[storage.File] = frozenset()

    @classmethod
    def of(cls, staged: Staged, delivery: Delivery) -> Arrival:
        """Return the arrival of a staged file that has a header."""
        if staged.header is None:
            raise ValueError("a staged file without a header cannot be indexed")
        key = identity_key(staged.header.values)
        relative = storage.relative_path(staged.header.study_instance_uid, key, staged.sha256)
        return cls(staged, staged.header, delivery, key, relative, str(staged.path))
