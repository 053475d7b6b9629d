"""Measures the lists and the search as a browser sees them: time of a request on one kept-open connection, on loopback.

    python -m tests.benchmarks.bench_lists LARGE_DATA SMALL_DATA [--ingest]

The folders are made by `tests.benchmarks.generate`. The product runs as `manage.py start` runs it. Each kind of page is
asked for with different words in turn; printed are the median, the 95th percentile and, for the large index, the
ratio to the small one. `--ingest` measures again while `manage.py ingest` takes in small files. `/healthz` and a fixed
piece of Python show how fast the machine was at that moment.
"""

import argparse
import http.client
import io
import os
import random
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

from tests.live import ROOT, free_port, wait_until

USER, PASSWORD = "bench", "correct horse battery"
ROUNDS = 5
# Processor time of the product a request, of the last measurement: what a busy machine cannot blur.
PROCESSOR: dict[str, float] = {}


class Browser:
    """One connection that stays open, with cookies."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookies: dict[str, str] = {}

    def ask(self, path: str, body: str | None = None) -> tuple[int, bytes, float]:
        """Return status, body and seconds."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        begun = time.perf_counter()
        self.connection.request("GET" if body is None else "POST", path, body, headers)
        response = self.connection.getresponse()
        content = response.read()
        took = time.perf_counter() - begun
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response.status, content, took

    def log_in(self) -> None:
        """Through the form."""
        _, content, _ = self.ask("/accounts/login/")
        found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', content)
        assert found
        fields = {"username": USER, "password": PASSWORD, "csrfmiddlewaretoken": found[1].decode()}
        status, _, _ = self.ask("/accounts/login/", urlencode(fields))
        assert status == 302, status


@contextmanager
def product(folder: Path) -> Iterator[Browser]:
    """The product on a data folder, with a user who may see everything."""
    port = free_port()
    environment = {**os.environ, "PACSBROWSER_DATA": str(folder), "PACSBROWSER_IDLE": "600"}
    make = (
        f"from pacsbrowser.access.models import User; u, _ = User.objects.get_or_create(username={USER!r});"
        f"u.role='administrator'; u.set_password({PASSWORD!r}); u.save()"
    )
    run = [sys.executable, "manage.py"]
    subprocess.run([*run, "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    subprocess.run([*run, "shell", "-v0", "-c", make], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    command = [*run, "start", "--bind", f"127.0.0.1:{port}", "--dimse-port", str(free_port())]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port), 60, "the product")
        browser = Browser(port)
        browser.log_in()
        yield browser
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        return Browser(port).ask("/healthz")[0] == 200
    except OSError:
        return False


def kinds(folder: Path, chance: random.Random) -> dict[str, list[str]]:
    """Return the addresses of each kind of page, with words that occur in the index."""
    database = sqlite3.connect(f"file:{folder / 'index.sqlite3'}?mode=ro", uri=True)

    def column(query: str, count: int = 10) -> list[str]:
        top = database.execute("SELECT max(id) FROM archive_study").fetchone()[0]
        found: list[str] = []
        while len(found) < count:
            row = database.execute(query, (chance.randrange(1, top + 1),)).fetchone()
            if row and row[0]:
                found.append(str(row[0]))
        return found

    person = "FROM archive_study s JOIN archive_patient p ON p.id = s.patient_id WHERE s.id = ?"
    words = [name.split() for name in column(f"SELECT p.name_search {person}", 20) if len(name.split()) > 1][:10]
    ids = column(f"SELECT p.patient_id {person}")
    accessions = column("SELECT accession_number FROM archive_study WHERE id = ?")
    studies = column("SELECT study_instance_uid FROM archive_study WHERE id = ?")
    instances = column("SELECT sop_instance_uid FROM archive_instance WHERE id = ?")
    patients = [int(key) for key in column("SELECT patient_id FROM archive_study WHERE id = ?")]
    deep = [int(key) for key in column("SELECT id FROM archive_study WHERE id = ?")]

    def q(texts: list[str], path: str = "/", **more: str) -> list[str]:
        return [f"{path}?{urlencode({'q': text, **more})}" for text in texts]

    sorts = {
        "/": "name id last birth sex studies modalities",
        "/studies/": "date name id modalities description accession series instances referring institution",
    }
    found = {
        "patient list": ["/"],
        "study list": ["/studies/"],
        **{
            f"sort {path} by {name}": [f"{path}?sort={name}", f"{path}?sort=-{name}"]
            for path, names in sorts.items()
            for name in names.split()
        },
        "name prefix, 1 letter": q(list("abcdefgklmnoprstvw")),
        "name prefix, 2 letters": q([word[0][:2] for word in words]),
        "name prefix, 4 letters": q([word[0][:4] for word in words]),
        "name prefix, studies": q([word[0][:4] for word in words], "/studies/"),
        "name 王": q(["王", "李"]),
        "name infix": q([word[0][1:5] for word in words if len(word[0]) > 4] or ["arti"]),
        "two words": q([f"{word[1][:3]} {word[0]}" for word in words]),
        "two short words": q([f"{word[1][:1]} {word[0][:1]}" for word in words]),
        "two words, studies": q([f"{word[1][:3]} {word[0]}" for word in words], "/studies/"),
        "wild cards": q([f"{word[0][:2]}*{word[0][-1]}" for word in words]),
        "no hit": q(["qqxqq", "zzyzx wei", "xyzzyq"]),
        "exact ID": q(ids),
        "last four digits of an ID": q([text[-4:] for text in ids]),
        "exact accession": q(accessions),
        "exact Study UID": q(studies),
        "exact SOP Instance UID": q(instances),
        "UID not here": q(["1.2.3.4.5.6.7.8.9"]),
        "date": q(["2026-11-02", "2025-03-04", "2024-05-06"]),
        "filter modality": [f"/?modality={name}" for name in ("CT", "MR", "US", "NM", "SR")],
        "filter modality, studies": [f"/studies/?modality={name}" for name in ("CT", "MR", "US", "NM", "SR")],
        "filter date preset": [f"/?date={name}" for name in ("today", "yesterday", "7", "30", "year")],
        "filter date preset, studies": [f"/studies/?date={name}" for name in ("today", "7", "30", "year")],
        "filter date range": [f"/?date=range&from={year}-01-01&to={year}-12-31" for year in (2019, 2022, 2024)],
        "filter range, undated": ["/?date=range&from=2024-02-01&to=2024-02-28&undated=1"],
        "filter sex": ["/?sex=F", "/?sex=O", "/?sex=none"],
        "filter sex, studies": ["/studies/?sex=F", "/studies/?sex=O"],
        "filter description": [f"/?description={word}" for word in ("thorax", "contrast", "knee+left", "CT")],
        "filter description, studies": [f"/studies/?description={word}" for word in ("thorax", "knee+left")],
        "filter accession": [f"/?accession={quote(text[1:6])}" for text in accessions],
        "filters together": ["/?modality=CT&date=year&sex=F&description=contrast", "/studies/?modality=MR&date=30"],
        "word and filter": q([word[0][:4] for word in words], modality="CT"),
        "letter and filter": q(list("abdgklmrs"), modality="CT"),
        "deep page, patients": [f"/?after={key}&at=50000" for key in patients],
        "deep page, by name": [f"/?sort=name&after={key}&at=50000" for key in patients],
        "deep page, studies": [f"/studies/?after={key}&at=50000" for key in deep],
        "arrivals": ["/arrivals/"],
    }
    database.close()
    return found


def measure(browser: Browser, pages: dict[str, list[str]]) -> dict[str, list[float]]:
    """Return the milliseconds of every request, each kind's addresses in turn."""
    times: dict[str, list[float]] = {}
    for path in ["/", "/studies/"] * 5:
        browser.ask(path)
    for name, addresses in {"/healthz": ["/healthz"], **pages}.items():
        rounds = max(ROUNDS, -(-20 // len(addresses)))
        before, asked = spent(browser.port), 0
        for turn in range(rounds + 1):
            for address in addresses:
                try:
                    status, content, took = browser.ask(address)
                except TimeoutError as error:
                    raise AssertionError(f"{address} was not answered within a minute") from error
                if status not in (200, 302):
                    raise AssertionError(f"{address} answered {status}: {content[:300]!r}")
                asked += 1
                if turn:
                    times.setdefault(name, []).append(took * 1000)
        PROCESSOR[name] = (spent(browser.port) - before) / asked
    return times


def spent(port: int) -> float:
    """Return the milliseconds of processor time that the product's web processes have used."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.with_name("cmdline").read_bytes().split(b"\0")
            if str(port).encode() in b" ".join(words):
                fields = stat.read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return total * 1000 / os.sysconf("SC_CLK_TCK")


def speed() -> float:
    """Return the milliseconds of a fixed piece of Python."""
    begun = time.perf_counter()
    sum(number * number for number in range(200_000))
    return (time.perf_counter() - begun) * 1000


def percentile(values: list[float], part: float) -> float:
    """Return the value below which that part of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


@contextmanager
def ingesting(folder: Path) -> Iterator[None]:
    """Take in small files again and again, as an administrator would."""
    environment = {**os.environ, "PACSBROWSER_DATA": str(folder)}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from tests.datasets import make_dataset

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "small.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(4_000):
                uid = f"1.2.826.0.1.3680043.10.475.{time.time_ns()}.{number // 40}"
                file = io.BytesIO(make_dataset(
                    StudyInstanceUID=uid, SeriesInstanceUID=f"{uid}.1", SOPInstanceUID=f"{uid}.1.{number}",
                    PatientID=f"BENCH{number // 80}", InstanceNumber=number % 40 + 1,
                ))  # fmt: skip
                archive.writestr(f"{number}.dcm", file.getvalue())
        command = f"while :; do {sys.executable} manage.py ingest {path}; done"
        process = subprocess.Popen(
            ["sh", "-c", command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            time.sleep(2)
            yield
        finally:
            os.killpg(process.pid, 15)
            process.wait(20)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("large", type=Path)
    parser.add_argument("small", type=Path)
    parser.add_argument("--ingest", action="store_true")
    choices = parser.parse_args()
    say = sys.stdout.write
    say(f"a fixed piece of Python takes {speed():.1f} ms; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    results = []
    for folder in (choices.small, choices.large):
        with product(folder) as browser:
            results.append(measure(browser, kinds(folder, random.Random(7))))
    say(f"{'page':34} {'small p50':>9} {'p50':>7} {'p95':>7} {'ratio':>6} {'CPU':>6}\n")
    for name, large in results[1].items():
        small, middle = statistics.median(results[0][name]), statistics.median(large)
        line = f"{name:34} {small:9.1f} {middle:7.1f} {percentile(large, 0.95):7.1f}"
        say(f"{line} {middle / small:6.2f} {PROCESSOR[name]:6.1f}\n")
    say(f"a fixed piece of Python takes {speed():.1f} ms; load {os.getloadavg()[0]:.1f}\n")
    sys.stdout.flush()
    if choices.ingest:
        with product(choices.large) as browser, ingesting(choices.large):
            busy = measure(browser, kinds(choices.large, random.Random(7)))
        say(f"\nwhile an ingest runs\n{'page':34} {'p50':>7} {'p95':>7}\n")
        for name, times in busy.items():
            say(f"{name:34} {statistics.median(times):7.1f} {percentile(times, 0.95):7.1f}\n")
        every = [value for times in busy.values() for value in times]
        say(f"{'all':34} {statistics.median(every):7.1f} {percentile(every, 0.95):7.1f}\n")


if __name__ == "__main__":
    main()
