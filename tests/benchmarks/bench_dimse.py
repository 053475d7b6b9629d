"""Measures the DIMSE port with DCMTK's programs against `manage.py start` on loopback.

    python -m tests.benchmarks.bench_dimse [store] [idle] [churn] [large] [--count 1000] [--peer HOST:PORT:AET]

`store`: objects a second of one and of four storescu, with DCMTK's own settings and with TCP_NODELAY, of small
objects and of slices of 0.5 MB; with `--peer` each run is done against another archive as well, turn by turn, and the
ratio printed. `idle`: the same beside 60 associations that say nothing. `churn`: the memory after 2,000 associations
that were opened and closed. `large`: the memory while an object of 2 GB comes in. Without names all are measured.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from tests.benchmarks.served import Served, served  # noqa: E402
from tests.benchmarks.slices import Place, Slices  # noqa: E402
from tests.dimse.peers import CT, TITLE, dcmtk, request_bytes  # noqa: E402

EXPLICIT = "1.2.840.10008.1.2.1"
# Bytes of the large object.
LARGE = 2 * 10**9
_RELEASE = b"\5\0\0\0\0\4\0\0\0\0"


@dataclass(frozen=True, slots=True)
class Target:
    """Where objects are sent."""

    name: str
    host: str
    port: int
    title: str


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Folders:
    """Makes folders of objects that nobody has yet."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._study = 0

    def make(self, side: int, clients: int, count: int) -> list[Path]:
        """Return a folder for each client, with `count` objects among them, fifty a study."""
        slices, folders = Slices(side), []
        for _ in range(clients):
            folder = self._root / f"{self._study}"
            folder.mkdir()
            for number in range(count // clients):
                if not number % 50:
                    self._study += 1
                (folder / f"{number:06}").write_bytes(slices.bytes_of(Place(self._study, number)))
            folders.append(folder)
        return folders


def send(target: Target, folders: Sequence[Path], nodelay: bool) -> float:
    """Send each folder by a storescu of its own, all at once, and return the seconds that took."""
    environment = {**os.environ, "TCP_NODELAY": "1"} if nodelay else os.environ.copy()
    place = ["-aec", target.title, target.host, str(target.port)]
    begun = time.perf_counter()
    programs = [
        subprocess.Popen([dcmtk("storescu"), "-R", "+sd", *place, str(folder)], env=environment) for folder in folders
    ]
    codes = [program.wait() for program in programs]
    assert not any(codes), codes
    return time.perf_counter() - begun


def store(product: Served, folders: Folders, choices: argparse.Namespace) -> None:
    """C-STORE of small objects and of slices."""
    targets = [Target("here", "127.0.0.1", product.dimse_port, TITLE)]
    if choices.peer:
        host, port, title = choices.peer.split(":")
        targets.append(Target("peer", host, int(port), title))
    cases = [("small, stock", 16, 1, False), ("small, TCP_NODELAY", 16, 1, True), ("small, TCP_NODELAY", 16, 4, True)]
    cases += [("0.5 MB, TCP_NODELAY", 512, 1, True), ("0.5 MB, TCP_NODELAY", 512, 4, True)]
    for what, side, clients, nodelay in cases:
        count = choices.count if side < 100 else choices.count // 3
        rates: dict[str, list[float]] = {target.name: [] for target in targets}
        cpu = 0.0
        for turn in range(choices.rounds):
            for target in targets if turn % 2 else targets[::-1]:
                # a peer that does not acknowledge at once takes 90 ms an object
                some = count if nodelay or target.name == "here" else count // 10
                made, before = folders.make(side, clients, some), product.spent()
                rates[target.name].append(some / send(target, made, nodelay))
                cpu += (product.spent() - before) / some / choices.rounds if target.name == "here" else 0
        best = {name: sorted(found)[len(found) // 2] for name, found in rates.items()}
        told = "  ".join(f"{name} {rate:7.1f}/s" for name, rate in best.items())
        ratio = f"  ratio {best['here'] / best['peer']:.2f}" if "peer" in best else ""
        say(f"{what:22} {clients} clients  {told}{ratio}  CPU here {cpu:.2f} ms")


@contextmanager
def opened(product: Served, count: int) -> Iterator[list[socket.socket]]:
    """Open associations and leave them alone."""
    request = request_bytes("IDLE", [("1.2.840.10008.1.1", EXPLICIT)])
    links = []
    for _ in range(count):
        link = socket.create_connection(("127.0.0.1", product.dimse_port))
        link.sendall(request)
        assert link.recv(4096)[:1] == b"\2"
        links.append(link)
    try:
        yield links
    finally:
        for link in links:
            link.sendall(_RELEASE)
            link.recv(4096)
            link.close()


def idle(product: Served, folders: Folders, choices: argparse.Namespace) -> None:
    """A sender beside associations that say nothing."""
    target = Target("here", "127.0.0.1", product.dimse_port, TITLE)
    alone = choices.count / send(target, folders.make(16, 1, choices.count), True)
    with opened(product, 60):
        before, begun = product.spent(), time.perf_counter()
        time.sleep(5)
        share = (product.spent() - before) / 1000 / (time.perf_counter() - begun)
        beside = choices.count / send(target, folders.make(16, 1, choices.count), True)
    say(f"one sender alone {alone:.1f}/s, beside 60 idle associations {beside:.1f}/s, which take {share:.3f} of a core")


def churn(product: Served, folders: Folders, choices: argparse.Namespace) -> None:
    """Associations that are opened and closed."""
    with opened(product, 60):
        pass
    before, begun = product.dimse_memory(), time.perf_counter()
    for _ in range(100):
        with opened(product, 20):
            pass
    took = time.perf_counter() - begun
    say(f"2,000 associations in {took:.1f} s: memory {before:.0f} MB before, {product.dimse_memory():.0f} MB after")


def large(product: Served, folders: Folders, choices: argparse.Namespace) -> None:
    """An object of 2 GB, sent from memory that is not held: its pixels are zeros."""
    head = Slices(16).bytes_of(Place(9_999, 1))
    start = head.index(b"DICM") + 4
    start += 12 + int.from_bytes(head[start + 8 : start + 12], "little")
    body = head[start : -16 * 16 * 2 - 4] + LARGE.to_bytes(4, "little")
    highest, done = [product.dimse_memory()], threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            highest.append(product.dimse_memory())

    thread = threading.Thread(target=look)
    thread.start()
    begun = time.perf_counter()
    status = _send_large(product, body)
    took = time.perf_counter() - begun
    done.set()
    thread.join()
    say(
        f"{LARGE / 1e9:.0f} GB in {took:.1f} s, status {status:04X}H: "
        f"memory {highest[0]:.0f} MB before, {max(highest):.0f} MB at most"
    )


def _send_large(product: Served, body: bytes) -> int:
    from pacsbrowser.exchange.association import Association, Context
    from pacsbrowser.exchange.commands import Command
    from pacsbrowser.exchange.wire import Wire

    uid = Place(9_999, 1).uids[2]
    connection = socket.create_connection(("127.0.0.1", product.dimse_port))
    wire = Wire(connection)
    wire.write(request_bytes("LARGE", [(CT, EXPLICIT)]))
    kind, length = wire.read_head(30)
    assert kind == 2
    wire.read(length, 30)
    context = Context(1, CT, EXPLICIT)
    link = Association(wire, {1: context}, 131072, 131072, patience=300)
    zeros = bytes(1 << 20)
    left, pixels = divmod(LARGE, len(zeros))
    pieces = (piece for group in ([body], (zeros for _ in range(left)), [bytes(pixels)]) for piece in group)
    link.send(context, Command.of({0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0700: 0, 0x1000: uid}), pieces)
    status = link.receive(300).command.status
    link.release()
    return status


PARTS = {"store": store, "idle": idle, "churn": churn, "large": large}


def main() -> None:
    """Measure what is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=[], choices=[*PARTS, []])
    parser.add_argument("--count", type=int, default=1000, help="objects of a run (a third of that of slices)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", default="", metavar="HOST:PORT:AET")
    choices = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, served(Path(name) / "product") as product:
        sent = Path(name) / "sent"
        sent.mkdir()
        folders = Folders(sent)
        for part in choices.parts or PARTS:
            PARTS[part](product, folders, choices)


if __name__ == "__main__":
    main()
