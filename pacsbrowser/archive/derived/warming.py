"""A decoder process that is there before the first picture is asked for."""

import threading

from django.db import DatabaseError, connections

from pacsbrowser.archive.derived.pictures import decoders
from pacsbrowser.archive.models import Study


def warm_decoders(seconds: float, tries: int = 20) -> None:
    """Let a decoder process start after a while, so that the first picture need not wait for it.

    What is being received goes first: while objects come in, it is put off, but `tries` times at most.
    """
    timer = threading.Timer(seconds, _warm, (seconds, tries))
    timer.daemon = True
    timer.start()


def _warm(seconds: float, tries: int) -> None:
    if tries and _is_receiving():
        warm_decoders(seconds, tries - 1)
    else:
        decoders().warm()


def _is_receiving() -> bool:
    try:
        return Study.objects.being_received().exists()
    except DatabaseError:
        return False
    finally:
        connections.close_all()
