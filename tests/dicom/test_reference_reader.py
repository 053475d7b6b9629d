"""pydicom is the reference: over all test data both readers find the same values."""

import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from pacsbrowser.dicom.attributes import ALL
from pacsbrowser.dicom.elements import ITEM, Walker
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.header import read_header
from pacsbrowser.dicom.part10 import open_data_set
from tests.dicom.samples import CORPUS, expected, wheel_files

# Text outside ASCII is decoded by own rules (test_charset.py); these are the attributes that never are.
PLAIN = [
    k for k in ALL if k.endswith(("UID", "Date", "Time", "Number", "Frames")) or k in ("Modality", "Rows", "Columns")
]
FILES = wheel_files() + ([CORPUS / "dicom" / path for path in expected()["files"]] if CORPUS else [])


def _read(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, force=True, stop_before_pixels=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_values_are_the_same(path: Path) -> None:
    with path.open("rb") as file:
        try:
            header = read_header(file)
        except DicomError:
            return
    dataset = _read(path)
    for keyword in PLAIN:
        raw = dataset.get_item(keyword)
        value = raw.value if raw is not None else None
        if isinstance(value, bytes) and raw is not None and keyword not in ("Rows", "Columns"):
            assert header.values[keyword] == "\\".join(p.strip(" \0") for p in value.decode("latin_1").split("\\")), (
                keyword
            )
        elif raw is not None and value:
            assert header.values[keyword] == str(dataset[keyword].value), keyword


@pytest.mark.parametrize("path", wheel_files(), ids=lambda path: path.name)
def test_elements_are_the_same(path: Path) -> None:
    """Tags at every depth."""
    with path.open("rb") as file:
        try:
            if not read_header(file).whole:
                return
            layout = open_data_set(file)
        except DicomError:
            return
        walker = Walker(layout.window, layout.start, layout.encoding)
        found = [element.tag for element in walker if _counts(element.tag)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = _read(path)
        reference = [int(element.tag) for element in dataset.iterall() if _counts(element.tag)]
    assert sorted(found) == sorted(reference)


def _counts(tag: int) -> bool:
    """Leave out pixels and what comes with and after them, where pydicom stops."""
    return tag >> 16 < 0x6000 and tag != ITEM
