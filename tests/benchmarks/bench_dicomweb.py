"""Measures DICOMweb with clients whose connections stay open, against `manage.py start` on loopback.

    python -m tests.benchmarks.bench_dicomweb [store] [query] [retrieve] [memory] [--archive FOLDER]

Without names all parts are measured; each takes under a minute once its data is there. `--archive`: a folder whose
`data` was made by tests.benchmarks.generate (50,000 patients are 100,000 studies), for the part `query`; without it one
with 100,000 instances is made first. `--count`: how many requests of a kind, `--side`: pixels of a slice's side (512
make 0.5 MB). Printed are requests and items a second, median and 95th percentile in milliseconds, and the processor
time of all the product's processes for one item; `memory` prints the resident megabytes of the web processes.
"""

import argparse
import os
import random
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from tests.benchmarks.closed_loop import Ask, run  # noqa: E402
from tests.benchmarks.served import Served, generate, served, watched  # noqa: E402
from tests.benchmarks.slices import Place, Slices, prepared  # noqa: E402

DICOM = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
JSON = {"Accept": "application/dicom+json"}
ZIP = {"Accept": "application/zip"}


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def measure(product: Served, what: str, asks: Sequence[Ask], clients: int = 1) -> None:
    """Send the requests and print their figures on one line."""
    before = product.spent()
    loop = run(product.port, product.headers, asks, clients)
    spent = (product.spent() - before) / loop.items
    moved = (loop.received + loop.sent) / loop.wall / 1e6
    bad = {status: count for status, count in loop.statuses.items() if not 200 <= status < 300}
    say(
        f"{what:38} {loop.items / loop.wall:8.1f}/s {moved:7.1f} MB/s  p50 {loop.median:8.2f}  p95 {loop.slow:8.2f} ms"
        f"  CPU {spent:7.2f} ms{f'  FAILED {bad}' if bad else ''}"
    )


def store(product: Served, choices: argparse.Namespace) -> None:
    """STOW-RS: one large slice a request, and 25 small ones."""
    large, small, count = Slices(choices.side), Slices(16), choices.count
    for clients in (1, 4):
        places = [Place(1_000 * clients + number // 100, number % 100) for number in range(count)]
        measure(product, f"STOW 1 large, {clients} clients", [prepared(large.stow([one])) for one in places], clients)
    for clients in (1, 8):
        groups = [[Place(20_000 * clients + group, number) for number in range(25)] for group in range(count)]
        measure(product, f"STOW 25 small, {clients} clients", [prepared(small.stow(one)) for one in groups], clients)


def query(product: Served, choices: argparse.Namespace) -> None:
    """QIDO-RS on a large index, and an instance stored in it."""
    for what, addresses in _queries(choices.data, choices.count).items():
        measure(product, what, [Ask(f"/dicom-web{path}", headers=JSON) for path in addresses])
    measure(product, "/healthz", [Ask("/healthz")] * choices.count)
    slices, places = Slices(choices.side), [Place(900_000, number) for number in range(50)]
    run(product.port, product.headers, [slices.stow(places)])
    asks = [Ask(random.Random(number).choice(places).path, headers=DICOM) for number in range(choices.count)]
    measure(product, "WADO instance in the large index", asks)


def _queries(data: Path, count: int) -> dict[str, list[str]]:
    """Return the paths of each kind of query, with values that occur in the index."""
    chance = random.Random(7)
    with sqlite3.connect(f"file:{data / 'index.sqlite3'}?mode=ro", uri=True) as index:
        top = index.execute("SELECT max(id) FROM archive_study").fetchone()[0]
        instances = index.execute("SELECT max(id) FROM archive_instance").fetchone()[0]
        keys = [chance.randrange(1, min(top, 100_000)) for _ in range(count * 4)]
        found = [row for key in keys for row in index.execute(_STUDY, (key,))]
    say(f"{top:,} studies, {instances:,} instances")
    chosen = [row for row in found if all(row)][:count]
    name = [row[3].split("^")[0] for row in chosen]

    def studies(*rows: dict[str, str | int]) -> list[str]:
        return [f"/studies?{urlencode(row)}" for row in rows]

    return {
        "QIDO first page of 50": ["/studies?limit=50"] * count,
        "QIDO Patient ID": studies(*({"PatientID": row[2]} for row in chosen)),
        "QIDO Study Instance UID": studies(*({"StudyInstanceUID": row[0]} for row in chosen)),
        "QIDO accession number": studies(*({"AccessionNumber": row[1]} for row in chosen)),
        "QIDO name infix": studies(*({"PatientName": f"*{one[1:5]}*", "limit": 50} for one in name)),
        "QIDO name prefix": studies(*({"PatientName": f"{one[:4]}*", "limit": 50} for one in name)),
        "QIDO last page of 50": [f"/studies?limit=50&offset={top - 200}"] * count,
        "QIDO month and modality": studies(
            *({"StudyDate": f"{row[4][:6]}01-{row[4][:6]}28", "ModalitiesInStudy": "CT", "limit": 50} for row in chosen)
        ),
        "QIDO series of a study": [f"/studies/{row[0]}/series" for row in chosen],
        "QIDO instances of a series": [f"/studies/{row[0]}/series/{row[0]}.1/instances" for row in chosen],
    }


_STUDY = """SELECT s.study_instance_uid, s.accession_number, p.patient_id, p.patient_name, s.study_date
    FROM archive_study s JOIN archive_patient p ON p.id = s.patient_id WHERE s.id = ?"""


def retrieve(product: Served, choices: argparse.Namespace) -> None:
    """WADO-RS of a series of 500 large slices: whole, one by one, its metadata, frames and pictures."""
    slices, places = Slices(choices.side), [Place(500_000, number) for number in range(500)]
    run(product.port, product.headers, [slices.stow(places[at : at + 50]) for at in range(0, 500, 50)], 2)
    study = "/dicom-web/studies/{}".format(*places[0].uids)
    series = f"{study}/series/{places[0].uids[1]}"
    chance = random.Random(3)

    def each(below: str, headers: dict[str, str], among: Sequence[Place] = places) -> list[Ask]:
        return [Ask(f"{chance.choice(among).path}{below}", headers=headers) for _ in range(choices.count)]

    for turn in ("first", "second"):
        measure(product, f"metadata of 500, {turn} time", [Ask(f"{series}/metadata", headers=JSON)])
    measure(product, "metadata of 500, further times", [Ask(f"{series}/metadata", headers=JSON)] * 10)
    for clients in (1, 4):
        measure(product, f"instance, {clients} clients", each("", DICOM), clients)
    measure(product, "metadata of an instance", each("/metadata", JSON))
    measure(product, "frame", each("/frames/1", {"Accept": 'multipart/related; type="application/octet-stream"'}))
    for what in ("rendered", "thumbnail"):
        asks = [Ask(f"{place.path}/{what}", headers={"Accept": "image/jpeg"}) for place in places[: choices.count]]
        for turn in ("first", "cached"):
            measure(product, f"{what}, {turn}", asks)
    measure(product, "series of 500", [Ask(series, headers=DICOM)] * 3)
    measure(product, "zip of the study", [Ask(study, headers=ZIP)] * 3)


def memory(product: Served, choices: argparse.Namespace) -> None:
    """A study of 2 GB goes in by one request and comes out, while the memory of the web processes is watched."""
    slices = Slices(choices.side)
    places = [Place(700_000, number) for number in range(2_000_000_000 // (2 * choices.side**2))]
    study = "/dicom-web/studies/{}".format(*places[0].uids)
    say("megabytes of the web processes, anonymous and mapped: {:.0f} and {:.0f} before".format(*product.memory()))
    for what, ask in (
        ("STOW of 2 GB", slices.stow(places)),
        ("WADO-RS of 2 GB", Ask(study, headers=DICOM)),
        ("zip of 2 GB", Ask(study, headers=ZIP)),
    ):
        with watched(product) as highest:
            measure(product, what, [ask])
        say(f"{'':38} at most {highest['anonymous']:.0f} and {highest['mapped']:.0f} MB")


Part = Callable[[Served, argparse.Namespace], None]
PARTS: dict[str, Part] = {"store": store, "query": query, "retrieve": retrieve, "memory": memory}


def _folder(part: str, choices: argparse.Namespace, scratch: Path) -> Path:
    """Return the folder that the product of a part runs on."""
    folder: Path = choices.archive if part == "query" and choices.archive else scratch / part
    folder.mkdir(parents=True, exist_ok=True)
    choices.data = folder / "data"
    if part == "query" and not choices.archive:
        say("making 100,000 studies")
        generate(folder, 50_000, 100_000)
    return folder


def _parts(choices: argparse.Namespace) -> Iterator[str]:
    yield from (name for name in PARTS if not choices.parts or name in choices.parts)


def main() -> None:
    """Measure the parts, each on a product of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="store, query, retrieve, memory")
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--side", type=int, default=512)
    choices = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-dicomweb-") as scratch:
        for part in _parts(choices):
            with served(_folder(part, choices, Path(scratch))) as product:
                say(f"--- {part}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
                PARTS[part](product, choices)


if __name__ == "__main__":
    main()
