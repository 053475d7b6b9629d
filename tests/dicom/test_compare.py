"""One object in two encodings is a variant; other content is a conflict, and the difference can be shown."""

import io

import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from pacsbrowser.dicom.compare import diff_elements, same_elements
from pacsbrowser.dicom.header import read_header
from tests.datasets import make_dataset
from tests.dicom.samples import wheel_file


def same(first: bytes, second: bytes) -> bool:
    a, b = io.BytesIO(first), io.BytesIO(second)
    return same_elements(a, read_header(a), b, read_header(b))


@pytest.mark.parametrize("other", ["RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless"])
def test_real_transcoded_copies_are_variants(other: str) -> None:
    names = ("MR_small.dcm", f"MR_small_{other}.dcm")
    assert same(*(wheel_file(name).read_bytes() for name in names))


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_native_encodings(syntax: str) -> None:
    pixels = bytes(range(128))
    assert same(make_dataset(PixelData=pixels), make_dataset(transfer_syntax=syntax, PixelData=_words(pixels, syntax)))
    assert not same(make_dataset(), make_dataset(transfer_syntax=syntax, PatientName="Other"))
    assert not same(make_dataset(), make_dataset(transfer_syntax=syntax, PixelData=b"\1\2" * 64))
    assert not same(make_dataset(), make_dataset(transfer_syntax=syntax, StudyID=None))


def _words(pixels: bytes, syntax: str) -> bytes:
    if syntax != ExplicitVRBigEndian:
        return pixels
    return b"".join(pixels[at + 1 : at + 2] + pixels[at : at + 1] for at in range(0, len(pixels), 2))


def test_truncated_objects_are_no_variants() -> None:
    assert not same(make_dataset(), make_dataset(transfer_syntax=ImplicitVRLittleEndian)[:-2])


def test_differences_are_listed_in_order() -> None:
    first = io.BytesIO(make_dataset(PatientName="Doe^Jane", StudyID=None))
    second = io.BytesIO(make_dataset(PatientName="Doe^Janet", AccessionNumber="A2", Rows=9))
    found = [(entry.path, entry.keyword, entry.value_a, entry.value_b) for entry in diff_elements(first, second, 10)]
    assert found == [
        ("00080050", "AccessionNumber", "A1", "A2"),
        ("00100010", "PatientName", "Doe^Jane", "Doe^Janet"),
        ("00200010", "StudyID", None, "1"),
        ("00280010", "Rows", "8", "9"),
    ]
    assert len(diff_elements(first, second, 2)) == 2


def test_nested_differences_have_a_path() -> None:
    plan = wheel_file("rtplan.dcm").read_bytes()
    changed = plan.replace(b"Zapper9000", b"Zapper9001")
    found = diff_elements(io.BytesIO(plan), io.BytesIO(changed), 10)
    assert [entry.path for entry in found] == ["300A00B0/0/00081090"]
