"""What a start tidies up after processes that died: unfinished files, and files whose deletion was not finished."""

from pacsbrowser.archive.removal import unlink_tombstones
from pacsbrowser.archive.storage import sweep_incoming


def sweep() -> int:
    """Remove what dead processes left and return the number of files. Living processes are left alone."""
    return sweep_incoming() + unlink_tombstones()
