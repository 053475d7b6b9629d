"""The larger corpus over STOW-RS: every real file is a success, every odd one has its expected outcome."""

import csv
from pathlib import Path

import pytest

from pacsbrowser.archive.models import Instance
from pacsbrowser.archive.zips import is_zip
from tests.dicomweb.tools import Api, items, person, value

pytestmark = pytest.mark.django_db(transaction=True)

BATCH = 40
DUPLICATE, DIRECTORY = 0x0111, 0x0122


@pytest.fixture
def api() -> Api:
    """A program that may store."""
    return Api(person())


def test_real_files_are_stored(corpus: Path, api: Api) -> None:
    paths = sorted(
        path for path in (corpus / "dicom").rglob("*") if path.is_file() and path.suffix not in (".csv", ".json")
    )
    files = [data for data in (path.read_bytes() for path in paths) if not is_zip(data[:4])]
    stored, failures = 0, set()
    for start in range(0, len(files), BATCH):
        answer = api.stow(*files[start : start + BATCH])
        assert answer.status_code in (200, 202)
        stored += len(items(answer, "00081199"))
        failures |= {value(one, "00081197") for tag in ("00081198", "0008119A") for one in items(answer, tag)}
    assert stored > 0.9 * len(files)
    assert Instance.objects.live().count() <= stored
    assert failures <= {DUPLICATE, DIRECTORY, 0xC000}


def test_odd_files_have_their_outcome(corpus: Path, api: Api) -> None:
    with (corpus / "malformed" / "expectations.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["category"] != "archive"]
    wrong = []
    for row in rows:
        answer = api.stow((corpus / "malformed" / row["file"]).read_bytes())
        allowed = {row["expected"], *row["also_ok"].split()}
        assert answer.status_code in (200, 202, 409), (row["file"], answer.content)
        kept = answer.status_code != 409 or any(
            value(one, "00081197") == DUPLICATE for one in items(answer, "00081198")
        )
        if not (allowed & {"accept", "accept_warn"} if kept else allowed & {"reject", "skip"}):
            wrong.append((row["file"], row["expected"], row["also_ok"], answer.content[:300]))
    assert not wrong
