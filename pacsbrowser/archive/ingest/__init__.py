"""`ingest`, the only writer of received objects: files, rows, counters and findings, in one transaction a group.

A door stages streams (`archive.receive`), opens a delivery, and hands what it staged to `ingest`. When `ingest`
returns, what it calls stored is durable: the file, its name and its row.
"""

from pacsbrowser.archive.ingest.deliveries import (
    audit_delivery,
    close_delivery,
    open_delivery,
    reopen_delivery,
    resume_delivery,
)
from pacsbrowser.archive.ingest.results import IngestResult
from pacsbrowser.archive.ingest.run import GROUP
from pacsbrowser.archive.ingest.together import ingest

__all__ = [
    "GROUP",
    "IngestResult",
    "audit_delivery",
    "close_delivery",
    "ingest",
    "open_delivery",
    "reopen_delivery",
    "resume_delivery",
]
