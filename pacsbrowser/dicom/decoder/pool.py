"""The decoder processes of one archive process: started when first needed, asked one thing at a time, replaced."""

import fcntl
import logging
import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from pacsbrowser.dicom.decoder.protocol import (
    FAILURE,
    READY,
    RESULT,
    DecodingError,
    DocumentPage,
    Picture,
    Samples,
    Source,
    pack_message,
    read_message,
)
from pacsbrowser.dicom.render import USUAL, Look, Viewport

MEMORY = 1 << 30
SECONDS = 20.0
_START_SECONDS = 20.0
_PIPE = 1 << 20  # what the pipe of the answers holds where the system allows: a picture or a frame comes at once
# Files that took too long or killed a process, and for how many seconds they are remembered.
_MOST_REMEMBERED = 1_000
_REMEMBERED = 600.0
_BUSY = "All decoder processes are busy."
_ROOT = Path(__file__).resolve().parents[3]

logger = logging.getLogger(__name__)


class _Timed:
    """A pipe that is read until a moment and no longer."""

    def __init__(self, pipe: IO[bytes], until: float) -> None:
        self._descriptor, self._until = pipe.fileno(), until

    def read(self, size: int) -> bytes:
        """Return what there is; raise TimeoutError when the moment comes first."""
        left = self._until - time.monotonic()
        if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
            raise TimeoutError
        return os.read(self._descriptor, size)


class _Process:
    """One decoder process, with the step that it last began."""

    def __init__(self, memory: int) -> None:
        command = [sys.executable, "-P", "-m", "pacsbrowser.dicom.decoder.child", str(memory)]
        environment = {
            "PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, bufsize=0,
            cwd="/",
        )  # fmt: skip
        self._pipes = cast("tuple[IO[bytes], ...]", (self._process.stdin, self._process.stdout, self._process.stderr))
        self._steps = self._pipes[2].fileno()
        os.set_blocking(self._steps, False)
        with suppress(AttributeError, OSError):
            fcntl.fcntl(self._pipes[1], fcntl.F_SETPIPE_SZ, _PIPE)
        self._is_ready = False
        self.step = ""

    def ask(self, request: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes]:
        """Send a request and return the answer. Raises TimeoutError, ValueError, OSError when the process fails."""
        self.wait_ready()
        self._pipes[0].write(pack_message({**request, "seconds": seconds}))
        try:
            answer = self._read(seconds)
        finally:
            self.step = self._last_line()[:100]
        return answer

    def wait_ready(self) -> None:
        """Wait until it has started. Raises TimeoutError, ValueError, OSError when it does not start."""
        if self._is_ready:
            return
        self.step = "starting"
        try:
            head, _ = self._read(_START_SECONDS)
            if head.get("kind") != READY:
                raise ValueError("A decoder process began with something else.")
        except (OSError, ValueError):
            logger.error("a decoder process did not start: %s", self._last_line())
            raise
        self._is_ready = True

    def _read(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        message = read_message(cast("BinaryIO", _Timed(self._pipes[1], time.monotonic() + seconds)))
        if message is None:
            raise ChildProcessError
        return message

    def _last_line(self) -> str:
        """Return the last line that it wrote beside its answers; nothing waits for more."""
        try:
            return os.read(self._steps, _PIPE).decode("utf-8", "replace").strip().rpartition("\n")[2]
        except OSError:
            return ""

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in self._pipes:
            pipe.close()


class _Failures:
    """The files that were the end of a process lately."""

    def __init__(self) -> None:
        self._since: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, paths: Iterable[str]) -> None:
        """Remember files."""
        with self._lock:
            for path in paths:
                self._since[path] = time.monotonic()
                self._since.move_to_end(path)
            while len(self._since) > _MOST_REMEMBERED:
                self._since.popitem(last=False)

    def has(self, paths: Iterable[str]) -> bool:
        """Whether one of these files is remembered."""
        with self._lock:
            known = [self._since[path] for path in paths if path in self._since]
        return any(time.monotonic() - since < _REMEMBERED for since in known)


class DecoderPool:
    """Up to `size` processes. A caller waits for a free one; it is told when none becomes free in time.

    Pages of documents, and files that failed lately, never have more than half of the processes: a few hundred bytes
    of a PDF can keep one busy until its time is over, and others want to see pictures meanwhile.
    """

    def __init__(self, size: int = 2, memory: int = MEMORY, seconds: float = SECONDS) -> None:
        self._memory, self._seconds = memory, seconds
        self._free: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(None)
        self._lock = threading.Lock()
        self._all: set[_Process] = set()
        self._failures = _Failures()
        self._half = threading.Semaphore(max(1, size // 2))

    def picture(self, path: Path, frame: int, media_type: str, look: Look = USUAL) -> Picture:
        """Return the picture of frame `frame` (from 0) of a file.

        Raises:
            DecodingError: it cannot be made; `step` says where it failed.
        """
        window, viewport = look.window, look.viewport
        head, body = self._ask({
            "do": "picture", "path": str(path), "frame": frame, "media_type": media_type, "quality": look.quality,
            "lines": look.lines, "is_square": look.is_square,
            "window": window and (window.center, window.width, window.function),
            "viewport": viewport and (viewport.width, viewport.height, viewport.left, viewport.top,
                                      viewport.part_width, viewport.part_height),
        })  # fmt: skip
        return Picture(body, int(head["width"]), int(head["height"]))

    def samples(self, path: Path, frame: int) -> Samples:
        """Return frame `frame` (from 0) of a file decoded, as native pixel data.

        Raises:
            DecodingError: it cannot be decoded.
        """
        head, body = self._ask({"do": "samples", "path": str(path), "frame": frame})
        return Samples(body, str(head["photometric"]), int(head["samples"]), int(head["bits_allocated"]))

    def document_page(self, path: Path, page: int, width: int) -> DocumentPage:
        """Return page `page` (from 0) of the PDF in a file as PNG of that width.

        Raises:
            DecodingError: it cannot be drawn.
        """
        head, body = self._ask({"do": "document page", "path": str(path), "page": page, "width": width})
        return DocumentPage(body, int(head["width"]), int(head["height"]), int(head["pages"]))

    def layers(self, below: Source | None, layers: Sequence[Source], media_type: str, viewport: Viewport) -> Picture:
        """Return a picture with coloured layers over it, or the layers alone over black.

        Raises:
            DecodingError: it cannot be drawn.
        """
        head, body = self._ask({
            "do": "layers", "below": below and asdict(below), "layers": [asdict(layer) for layer in layers],
            "media_type": media_type, "quality": 85, "viewport": (viewport.width, viewport.height),
        })  # fmt: skip
        return Picture(body, int(head["width"]), int(head["height"]))

    def warm(self) -> None:
        """Start a process, so that the first who needs one need not wait for it; what fails now is told later."""
        with suppress(DecodingError, OSError, ValueError, queue.Empty):
            process = self._take()
            is_good = False
            try:
                process.wait_ready()
                is_good = True
            finally:
                self._give_back(process, is_good)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for process in self._all:
                process.end()
            self._all.clear()

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        sources = (request, request.get("below"), *request.get("layers", ()))
        paths = [str(source["path"]) for source in sources if source and "path" in source]
        if request["do"] != "document page" and not self._failures.has(paths):
            return self._answer(request, paths)
        if not self._half.acquire(timeout=self._seconds):
            raise DecodingError("busy", "waiting", _BUSY)
        try:
            return self._answer(request, paths)
        finally:
            self._half.release()

    def _answer(self, request: dict[str, Any], paths: Sequence[str]) -> tuple[dict[str, Any], bytes]:
        process = self._take()
        is_good = False
        try:
            head, body = process.ask(request, self._seconds)
            is_good = True
        except TimeoutError:
            reason = f"It took longer than {self._seconds:.0f} seconds."
            raise DecodingError("too_slow", process.step, reason) from None
        except (OSError, ValueError):
            raise DecodingError("crashed", process.step, "The decoder process died of this file.") from None
        finally:
            if not is_good:
                self._failures.add(paths)
            self._give_back(process, is_good)
        if head.get("kind") == FAILURE:
            raise DecodingError(str(head["code"]), str(head["step"]), str(head["reason"]))
        if head.get("kind") != RESULT:
            raise DecodingError("crashed", "", "The decoder process gave no answer.")
        return head, body

    def _take(self) -> _Process:
        try:
            process = self._free.get(timeout=self._seconds)
        except queue.Empty:
            raise DecodingError("busy", "waiting", _BUSY) from None
        if process is None:
            try:
                process = _Process(self._memory)
            except OSError as error:
                self._free.put(None)
                raise DecodingError("busy", "starting", "No decoder process can be started.") from error
            with self._lock:
                self._all.add(process)
        return process

    def _give_back(self, process: _Process, is_good: bool) -> None:
        """Let others have a process; the place of one that failed stands for a new one."""
        if not is_good:
            process.end()
            with self._lock:
                self._all.discard(process)
        self._free.put(process if is_good else None)
