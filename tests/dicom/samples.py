"""Real files for the tests of the dictionary: those in pydicom's wheel, and the larger corpus where it is."""

import csv
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pydicom.data
import pytest

WHEEL = Path(pydicom.data.__file__).parent
CORPUS = Path(os.environ["DICOM_CORPUS"]) if os.environ.get("DICOM_CORPUS") else None

needs_corpus = pytest.mark.skipif(CORPUS is None, reason="DICOM_CORPUS names no folder of test data")


def wheel_file(name: str) -> Path:
    """Return a file that ships in pydicom's wheel."""
    found = [path for path in (WHEEL / "test_files" / name, WHEEL / "charset_files" / name) if path.exists()]
    assert found, f"{name} does not ship with pydicom"
    return found[0]


def unreadable_jpeg() -> bytes:
    """Return an object in JPEG Extended of 13 bits a sample, which is neither allowed nor read by anything."""
    data = wheel_file("JPEG-lossy.dcm").read_bytes()
    return data.replace(b"\xff\xc1\x00\x0b\x0c", b"\xff\xc1\x00\x0b\x0d")


@cache
def wheel_files() -> list[Path]:
    """Return the DICOM files of pydicom's wheel."""
    folders = (WHEEL / "test_files", WHEEL / "charset_files")
    return sorted(path for folder in folders for path in folder.glob("*.dcm"))


@cache
def malformed() -> list[dict[str, str]]:
    """Return what has to happen with each malformed file; nothing without the corpus."""
    if CORPUS is None:
        return []
    with (CORPUS / "malformed" / "expectations.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["category"] != "archive"]


@cache
def expected() -> dict[str, Any]:
    """Return the ground truth of the good files; empty without the corpus."""
    if CORPUS is None:
        return {"files": {}, "patients": []}
    loaded: dict[str, Any] = json.loads((CORPUS / "dicom" / "expected.json").read_text(encoding="utf-8"))
    return loaded
