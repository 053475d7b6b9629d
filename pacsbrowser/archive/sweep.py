"""What a start tidies up after processes that died: unfinished files, and deletions that were not finished."""

from pacsbrowser.archive.removal import delete_empty_studies, unlink_tombstones
from pacsbrowser.archive.storage import sweep_incoming


def sweep() -> int:
    """Remove what dead processes left and return the number of files. Living processes are left alone."""
    count = sweep_incoming() + unlink_tombstones()
    delete_empty_studies()
    return count
