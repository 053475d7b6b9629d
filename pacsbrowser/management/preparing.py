"""Beside the worker: starts a process that prepares what has come in, of low priority, and only while there is some."""

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from pacsbrowser.archive.derived.preparing import is_pending

logger = logging.getLogger(__name__)

_LOOK_EVERY = 5.0
_NICENESS = 15


class Preparing(threading.Thread):
    """Looks now and then whether something waits. The process that it starts ends with this one."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="preparing")
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Look until told to stop."""
        while not self._stop_asked.wait(_LOOK_EVERY):
            close_old_connections()
            try:
                if is_pending():
                    self._prepare()
            except (DatabaseError, OSError):
                logger.exception("What has come in could not be prepared")

    def stop(self) -> None:
        """Ask to stop; a study that is being prepared is begun again at the next start."""
        self._stop_asked.set()

    def _prepare(self) -> None:
        command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), "prepare_derived"]
        environment = {**os.environ, "PACSBROWSER_SUPERVISED": "1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            # requests and jobs go first
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
            while process.poll() is None:
                if self._stop_asked.wait(0.2):
                    process.terminate()
