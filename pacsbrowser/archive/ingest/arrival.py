"""An object on its way into the index: its header, its digests and its place in the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest.rows import cut, identity_key, instance_columns
from pacsbrowser.archive.models import Delivery
from pacsbrowser.archive.models.levels import UID_LENGTH
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
        return cls(staged, staged.header, delivery, key, relative, staged.path)

    def columns(self, now: datetime, content: bytes = b"") -> dict[str, Any]:
        """Return what an instance says that shows this object, but for its series and file."""
        columns = instance_columns(self.header.values)
        return {
            **columns,
            "transfer_syntax_uid": cut(self.header.transfer_syntax_uid, UID_LENGTH),
            "content_digest": content,
            "is_whole": self.header.whole,
            "has_pixel_data": self.header.has_pixel_data,
            "position": columns["instance_number_value"] or 0,
            "delivery_id": self.delivery.pk,
            "original_name": self.staged.original_name,
            "received": now,
            "removal_id": None,
        }
