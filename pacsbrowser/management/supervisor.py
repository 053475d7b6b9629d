"""Keeps child processes running as one tree: restart with back-off, a clean stop, no orphans."""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType

logger = logging.getLogger(__name__)

_TICK = 0.1
_STOP_WITHIN = 10.0
_LONGEST_WAIT = 8.0
# a child that has lived this long was healthy: its next end starts the waiting afresh
_HEALTHY = 60.0


@dataclass
class Child:
    """One process to keep running. `descriptors` are those of this process that it gets as well."""

    name: str
    command: Sequence[str]
    descriptors: Sequence[int] = ()
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    ends: int = 0
    not_before: float = field(default=0.0)

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C in the terminal reaches only the supervisor."""
        environment = {**os.environ, "PACSBROWSER_SUPERVISED": "1"}
        self.process = subprocess.Popen(
            self.command, env=environment, start_new_session=True, pass_fds=self.descriptors
        )
        self.started = time.monotonic()

    def look_after(self) -> None:
        """Notice that it ended, and start it again when its time has come."""
        now = time.monotonic()
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self.ends = 1 if now - self.started > _HEALTHY else self.ends + 1
            wait = min(0.25 * 2**self.ends, _LONGEST_WAIT)
            logger.warning("The %s process ended (%s); it starts again in %.1f s.", self.name, code, wait)
            self.process, self.not_before = None, now + wait
        if now >= self.not_before:
            self.start()


class Supervisor:
    """Runs the children until SIGINT, SIGTERM or SIGHUP."""

    def __init__(self, children: Sequence[Child], on_tick: Callable[[], None] = lambda: None) -> None:
        self._children = children
        self._on_tick = on_tick
        self._stopping = False

    def run(self) -> None:
        """Start everything, look after it, stop everything. To be called in the main thread (see lifeline)."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            while not self._stopping:
                for child in self._children:
                    child.look_after()
                self._on_tick()
                time.sleep(_TICK)
        finally:
            self._stop()

    def _stop(self) -> None:
        running = [child.process for child in self._children if child.process and child.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + _STOP_WITHIN
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
