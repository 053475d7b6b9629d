"""The product as `manage.py start` runs it, with a token, and what its processes cost: processor time and memory."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.live import ROOT, LiveApp

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Served:
    """A running product: its port, the headers of a call, and the process at the top of its tree."""

    port: int
    headers: dict[str, str]
    root: int
    dimse_port: int

    def spent(self) -> float:
        """Return the milliseconds of processor time of the whole process tree, ended children included."""
        return sum(map(_milliseconds, _family(self.root)))

    def memory(self) -> tuple[float, float]:
        """Return the anonymous and the file-mapped resident megabytes of the web processes and their decoders."""
        return self._memory_of(b"management.web")

    def dimse_memory(self) -> float:
        """Return the anonymous resident megabytes of the DIMSE processes."""
        return self._memory_of(b"\0dimse\0")[0]

    def _memory_of(self, word: bytes) -> tuple[float, float]:
        sizes = [
            _sizes(pid)
            for pid in {below for top in _family(self.root) if word in _command(top) for below in _family(top)}
        ]
        return sum(size[0] for size in sizes), sum(size[1] for size in sizes)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """The product on the data folder `folder`/data; its user may see and store everything."""
    app = LiveApp(folder)
    app.manage("migrate", "-v0")
    app.environment |= {"PACSBROWSER_ADMIN": "bench", "PACSBROWSER_ADMIN_PASSWORD": "correct horse battery"}
    with app:
        token = app.manage("create_token", "bench", "--scope", "read,store").stdout.split()[-1]
        assert app.process is not None
        yield Served(app.port, {"Authorization": f"Bearer {token}"}, app.process.pid, app.dimse_port)


@contextmanager
def watched(product: Served) -> Iterator[dict[str, float]]:
    """Note the highest memory of the web processes in megabytes, until the block ends."""
    highest = {"anonymous": 0.0, "mapped": 0.0}
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.1):
            for name, size in zip(highest, product.memory(), strict=True):
                highest[name] = max(highest[name], size)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield highest
    finally:
        done.set()
        thread.join()


def generate(folder: Path, patients: int, instances: int) -> None:
    """Build an index without files in `folder`/data (see generate.py)."""
    environment = {**os.environ, "PACSBROWSER_DATA": str(folder / "data")}
    environment["DJANGO_SETTINGS_MODULE"] = "pacsbrowser.settings"
    command = [sys.executable, "-m", "tests.benchmarks.generate", f"--patients={patients}", f"--instances={instances}"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)


def _family(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def _milliseconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) * 1000 / _TICK


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _sizes(pid: int) -> tuple[float, float]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    named = dict(line.split(":", 1) for line in lines if ":" in line)
    anonymous, mapped = (int(named.get(name, "0").split()[0]) / 1000 for name in ("RssAnon", "RssFile"))
    return anonymous, mapped
