"""How fast `manage.py ingest` is, and whether its memory stays flat.

    python -m tests.benchmarks.bench_ingest [--files 10000] [--rounds 3] [--size 4800]

Writes files of about `--size` bytes (five instances a series, five series a study, two studies a patient) into a
temporary folder, takes them in with durable writes, and prints for each round: files a second, CPU milliseconds a file
of all processes, and the largest resident memory of any one of them. Nothing is asserted.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from pydicom.uid import generate_uid

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from tests.datasets import make_dataset  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
_WIDTH = 8


def make_files(folder: Path, count: int, size: int) -> None:
    """Write `count` files: one data set whose UIDs, Patient ID and number are replaced byte for byte."""
    mark = {name: f"{generate_uid(entropy_srcs=[name])[:30]}.{'9' * _WIDTH}" for name in ("study", "series", "sop")}
    template = make_dataset(
        StudyInstanceUID=mark["study"],
        SeriesInstanceUID=mark["series"],
        SOPInstanceUID=mark["sop"],
        PatientID="PID" + "9" * _WIDTH,
        PatientName="Bench^" + "Q" * _WIDTH,
        InstanceNumber="99999999",
        ImageComments="x" * max(0, size - 1100),
        ImageType=["ORIGINAL", "PRIMARY", "AXIAL"],
    )
    for number, place in _numbers(count):
        path = folder / f"{place['patient']:05}" / f"{number:07}.dcm"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(_fill(template, mark, place))


def _numbers(count: int) -> Iterator[tuple[int, dict[str, int]]]:
    for number in range(count):
        series, study = number // 5, number // 25
        yield number, {"sop": number, "series": series, "study": study, "patient": study // 2, "number": number % 5 + 1}


def _fill(template: bytes, mark: dict[str, str], place: dict[str, int]) -> bytes:
    filled = template
    for name, uid in mark.items():
        root = uid[:-_WIDTH].encode()
        filled = filled.replace(root + b"9" * _WIDTH, root + str(10**7 + place[name]).encode())
    filled = filled.replace(b"PID" + b"9" * _WIDTH, b"PID" + f"{place['patient']:08}".encode())
    name = "".join(chr(ord("A") + int(digit)) for digit in f"{place['patient']:08}").encode()
    filled = filled.replace(b"Bench^" + b"Q" * _WIDTH, b"Bench^" + name)
    return filled.replace(b"99999999", f"{place['number']:08}".encode())


def run_once(files: Path, data: Path) -> tuple[float, float, float]:
    """Take all files in; return wall seconds, CPU seconds and the largest memory of a process in MB."""
    environment = {**os.environ, "PACSBROWSER_DATA": str(data), "DJANGO_SETTINGS_MODULE": "pacsbrowser.settings"}
    manage = [sys.executable, "manage.py"]
    subprocess.run([*manage, "migrate", "-v0", "--skip-checks"], cwd=ROOT, env=environment, check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    subprocess.run([*manage, "ingest", "--quiet", str(files)], cwd=ROOT, env=environment, check=True)
    wall = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / 1024


def main() -> None:
    """Make the files, run the rounds, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=4800)
    options = parser.parse_args()
    rates = []
    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as scratch:
        files = Path(scratch) / "files"
        files.mkdir()
        make_files(files, options.files, options.size)
        for number in range(options.rounds):
            data = Path(scratch) / f"data{number}"
            wall, cpu, memory = run_once(files, data)
            rates.append(options.files / wall)
            sys.stdout.write(
                f"round {number + 1}: {rates[-1]:,.0f} files/s, {cpu / options.files * 1000:.2f} ms CPU a file, "
                f"{memory:.0f} MB, load {os.getloadavg()[0]:.1f}\n"
            )
            shutil.rmtree(data)
    sys.stdout.write(f"median: {statistics.median(rates):,.0f} files/s\n")


if __name__ == "__main__":
    main()
