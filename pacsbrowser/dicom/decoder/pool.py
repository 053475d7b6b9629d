"""The decoder processes of one archive process: started when first needed, asked one thing at a time, replaced."""

import os
import queue
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from pacsbrowser.dicom.decoder.protocol import (
    FAILURE,
    RESULT,
    STEP,
    DecodingError,
    DocumentPage,
    Picture,
    Samples,
    Source,
    pack_message,
    read_message,
)
from pacsbrowser.dicom.grey import GreyWindow
from pacsbrowser.dicom.render import Viewport

MEMORY = 1 << 30
SECONDS = 20.0
_START_SECONDS = 20.0
_ROOT = Path(__file__).resolve().parents[3]


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
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0, cwd="/"
        )
        self._pipes = cast("tuple[IO[bytes], IO[bytes]]", (self._process.stdin, self._process.stdout))
        self.is_new = True
        self.step = ""

    def ask(self, request: dict[str, Any], seconds: float) -> tuple[dict[str, Any], bytes]:
        """Send a request and return the answer. Raises TimeoutError, ValueError, OSError when the process fails."""
        stdin, stdout = self._pipes
        self.step = "starting"
        stdin.write(pack_message({**request, "seconds": seconds}))
        timed = _Timed(stdout, time.monotonic() + seconds + (_START_SECONDS if self.is_new else 0))
        while True:
            message = read_message(cast("BinaryIO", timed))
            if message is None:
                raise ChildProcessError
            self.is_new = False
            if message[0].get("kind") != STEP:
                return message
            self.step = str(message[0].get("step", ""))[:100]
            timed = _Timed(stdout, time.monotonic() + seconds)

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in self._pipes:
            pipe.close()


class DecoderPool:
    """Up to `size` processes. A caller waits for a free one; it is told when none becomes free in time."""

    def __init__(self, size: int = 2, memory: int = MEMORY, seconds: float = SECONDS) -> None:
        self._memory, self._seconds = memory, seconds
        self._free: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(None)
        self._lock = threading.Lock()
        self._all: set[_Process] = set()

    def picture(
        self,
        path: Path,
        frame: int,
        media_type: str,
        *,
        window: GreyWindow | None = None,
        viewport: Viewport | None = None,
        quality: int = 90,
        lines: tuple[str, ...] = (),
    ) -> Picture:
        """Return the picture of frame `frame` (from 0) of a file.

        Raises:
            DecodingError: it cannot be made; `step` says where it failed.
        """
        head, body = self._ask({
            "do": "picture", "path": str(path), "frame": frame, "media_type": media_type, "quality": quality,
            "lines": lines, "window": window and (window.center, window.width, window.function),
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

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            for process in self._all:
                process.end()
            self._all.clear()

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
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
                self._drop(process)
            # the place of one that failed stands for a new one
            self._free.put(process if is_good else None)
        if head.get("kind") == FAILURE:
            raise DecodingError(str(head["code"]), str(head["step"]), str(head["reason"]))
        if head.get("kind") != RESULT:
            raise DecodingError("crashed", "", "The decoder process gave no answer.")
        return head, body

    def _take(self) -> _Process:
        try:
            process = self._free.get(timeout=self._seconds)
        except queue.Empty:
            raise DecodingError("busy", "waiting", "All decoder processes are busy.") from None
        if process is None:
            try:
                process = _Process(self._memory)
            except OSError as error:
                self._free.put(None)
                raise DecodingError("busy", "starting", "No decoder process can be started.") from error
            with self._lock:
                self._all.add(process)
        return process

    def _drop(self, process: _Process) -> None:
        """End a process that failed."""
        process.end()
        with self._lock:
            self._all.discard(process)
