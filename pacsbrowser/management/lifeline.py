"""A process that is not to outlive the one that started it."""

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Be killed as soon as the parent is gone, however it went: by the kernel on Linux, by looking elsewhere.

    To be called from the main thread of the child. The kernel's signal is sent when the parent's *thread* ends that
    started this process, so supervisors start their children from their main thread.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # the parent may have gone before the call, and other systems have no such call
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="lifeline").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)
