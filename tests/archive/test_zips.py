"""Zips: every member has a line, nothing in an archive is trusted, and every limit is counted in real bytes."""

import csv
import io
import os
import resource
import struct
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from pacsbrowser.archive import storage
from pacsbrowser.archive.ingest import open_delivery
from pacsbrowser.archive.models import Delivery, DeliveryItem, Door, Instance, Outcome
from pacsbrowser.archive.zip_files import is_zip, other_archive
from pacsbrowser.archive.zips import Limits, ingest_zip
from pacsbrowser.jobs.work import JobCancelled
from tests.datasets import make_dataset, make_series

pytestmark = pytest.mark.django_db(transaction=True)


def write_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Make a zip on disk."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def unpack(path: Path, key: str = "", limits: Limits | None = None) -> tuple[Counter[Outcome], list[DeliveryItem]]:
    """Unpack into a new delivery; return the counts and the lines."""
    delivery = open_delivery(Door.COMMAND, "test")
    counts = ingest_zip(path, delivery, key=key, limits=limits)
    return counts, list(DeliveryItem.objects.filter(delivery=delivery).order_by("pk"))


def leftovers() -> list[Path]:
    """What lies in the incoming folders."""
    return [path for path in storage.incoming_root().rglob("*") if path.is_file() and path.name != "lock"]


def test_members_are_taken_in_and_named_after_their_archive(tmp_path: Path) -> None:
    """Objects, a zip in the zip, and what is no DICOM."""
    first, second = make_series(2)
    inner = write_zip(tmp_path / "inner.zip", {"b/2.dcm": second})
    path = write_zip(tmp_path / "outer.zip", {"a/1.dcm": first, "inner.zip": inner.read_bytes(), "read.me": b"text"})
    counts, lines = unpack(path, key="key")
    assert counts == {Outcome.STORED: 2, Outcome.NOT_DICOM: 1}
    assert [line.name for line in lines] == [
        "outer.zip!/a/1.dcm",
        "outer.zip!/inner.zip!/b/2.dcm",
        "outer.zip!/read.me",
    ]
    assert [line.resume_key for line in lines] == ["key:0", "key:1.0", "key:2"]
    assert leftovers() == []


def test_names_are_never_paths(tmp_path: Path) -> None:
    """Traversal, absolute names, devices of DOS: words in the report."""
    names = ["../../../evil.dcm", "/etc/evil.dcm", "C:\\evil.dcm", "..", "con"]
    path = write_zip(tmp_path / "x.zip", dict(zip(names, make_series(5), strict=True)))
    before = set(tmp_path.rglob("*"))
    counts, lines = unpack(path, key="key")
    assert counts[Outcome.STORED] == 5
    assert lines[0].name == "x.zip!/../../../evil.dcm"
    assert set(tmp_path.rglob("*")) == before


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A symbolic link is refused with a line."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link.dcm")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("1.dcm", make_dataset())
    counts, lines = unpack(path)
    assert counts == {Outcome.STORED: 1, Outcome.REJECTED: 1}
    assert lines[0].code == "not_a_file"


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(members=2), "zip_members"),
        (Limits(inflated=1500), "zip_too_large"),
        (Limits(ratio=1, ratio_counts_from=1000), "zip_ratio"),
    ],
)
def test_a_limit_ends_the_unpacking_and_is_said(tmp_path: Path, limits: Limits, code: str) -> None:
    """On a line of the archive itself."""
    path = write_zip(tmp_path / "x.zip", {f"{number}.dcm": data for number, data in enumerate(make_series(4))})
    _, lines = unpack(path, limits=limits)
    assert [(line.name, line.code) for line in lines if line.outcome == Outcome.REJECTED] == [("x.zip", code)]
    assert leftovers() == []


def test_real_bytes_are_counted_not_declared_ones(tmp_path: Path) -> None:
    """A member that lies about its size ends as a damaged one, bounded by what it declares."""
    path = write_zip(tmp_path / "x.zip", {"big": bytes(1 << 20)})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.index(signature) + offset, 10)
    path.write_bytes(data)
    _, lines = unpack(path)
    assert [line.code for line in lines] == ["zip_damaged", "no_dicom_in_zip"]


def test_zips_nest_only_so_deep(tmp_path: Path) -> None:
    """What lies deeper is named and refused."""
    data = write_zip(tmp_path / "0.zip", {"1.dcm": make_dataset()}).read_bytes()
    for depth in range(1, 4):
        data = write_zip(tmp_path / f"{depth}.zip", {f"{depth - 1}.zip": data}).read_bytes()
    assert unpack(tmp_path / "2.zip")[0] == {Outcome.STORED: 1}
    _, lines = unpack(tmp_path / "3.zip")
    assert [line.code for line in lines] == ["too_deep", "no_dicom_in_zip"]


def test_broken_archives_are_said_to_be_so(tmp_path: Path) -> None:
    """Cut, empty, or no zip at all."""
    whole = write_zip(tmp_path / "x.zip", {"1.dcm": make_dataset()}).read_bytes()
    for name, data in {"cut": whole[:-30], "nothing": b"", "empty": b"PK\x05\x06" + bytes(18)}.items():
        path = tmp_path / f"{name}.zip"
        path.write_bytes(data)
        counts, lines = unpack(path)
        assert sum(counts.values()) == len(lines) == 1
        assert lines[0].code in {"zip_damaged", "no_dicom_in_zip"}


class StopsAfter:
    """Progress whose owner cancels after some members."""

    def __init__(self, members: int) -> None:
        self.left = members

    def set_total(self, total: int, unit: str = "") -> None:
        """Take no notice."""

    def advance(self, by: int = 1) -> None:
        """Stop when it is time."""
        self.left -= by
        if self.left < 0:
            raise JobCancelled


def test_an_interrupted_job_goes_on_where_it_was(tmp_path: Path) -> None:
    """The second run adds what is missing, and no line twice."""
    members = {f"{number}.dcm": data for number, data in enumerate(make_series(150))}
    path = write_zip(tmp_path / "x.zip", members)
    delivery = open_delivery(Door.UPLOAD, "test")
    with pytest.raises(JobCancelled):
        ingest_zip(path, delivery, StopsAfter(120), key="key")
    kept = Instance.objects.count()
    assert 0 < kept < 150
    assert leftovers() == []
    counts = ingest_zip(path, delivery, key="key")
    assert counts == {Outcome.STORED: 150 - kept}
    assert Delivery.objects.get(pk=delivery.pk).received_count == Instance.objects.count() == 150


def test_first_bytes_tell_archives() -> None:
    """A DICOM preamble may look like any of them (PS3.10 7.1)."""
    assert is_zip(b"PK\x03\x04" + bytes(200))
    assert not is_zip(b"PK\x03\x04" + bytes(124) + b"DICM")
    assert other_archive(bytes(257) + b"ustar") is not None
    assert other_archive(b"\x1f\x8b" + bytes(126) + b"DICM") is None


corpus = os.environ.get("DICOM_CORPUS", "")


@pytest.mark.skipif(not corpus, reason="DICOM_CORPUS names no folder with the larger corpus")
def test_every_hostile_archive_has_an_allowed_outcome(tmp_path: Path) -> None:
    """As expectations.csv lists it: quickly, in little memory, with nothing written beside the archive."""
    folder = Path(corpus) / "malformed"
    rows = csv.DictReader(io.StringIO((folder / "expectations.csv").read_text("utf-8")))
    wrong = []
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for row in rows:
        path = folder / row["file"]
        if row["category"] != "archive" or path.suffix != ".zip":
            continue
        before = Instance.objects.count()
        started = time.monotonic()
        counts, lines = unpack(path, key="key")
        taken = time.monotonic() - started
        kept = (
            counts[Outcome.STORED] + counts[Outcome.ALREADY_HERE] + counts[Outcome.VARIANT] + counts[Outcome.CONFLICT]
        )
        faults = sum(counts.values()) - kept
        words = {row["expected"], *row["also_ok"].split(";")} - {""}
        fits = "accept_warn" in words and bool(kept) and bool(faults)
        fits |= bool(words & {"accept", "accept_warn"}) and kept > 0
        fits |= "reject" in words and not kept and bool(faults) and Instance.objects.count() == before
        if not fits or taken > 20:
            wrong.append((row["file"], sorted(words), counts, round(taken, 1), [line.reason for line in lines][-2:]))
    assert wrong == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200_000
    assert leftovers() == []
