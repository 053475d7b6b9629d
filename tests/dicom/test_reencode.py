"""Data sets written anew in Explicit VR Little Endian say the same: compared element by element, and by pydicom."""

import io
import warnings
from pathlib import Path

import pydicom
import pytest

from pacsbrowser.dicom.elements import EXPLICIT_LITTLE
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.file_meta import make_file_meta
from pacsbrowser.dicom.json_reader import read_json
from pacsbrowser.dicom.part10 import EXPLICIT_UID, open_data_set
from pacsbrowser.dicom.reencode import write_explicit
from tests.dicom.samples import CORPUS, wheel_file, wheel_files

FILES = wheel_files() + (
    sorted(path for path in (CORPUS / "dicom").rglob("*") if path.is_file() and "pydicom/" not in str(path))
    if CORPUS
    else []
)


def rewritten(data: bytes) -> bytes:
    return make_file_meta("1.2.3", "1.2.3.4", EXPLICIT_UID) + b"".join(write_explicit(open_data_set(io.BytesIO(data))))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_data_set_says_the_same(path: Path) -> None:
    data = path.read_bytes()
    try:
        layout = open_data_set(io.BytesIO(data))
    except DicomError:
        return
    sent = rewritten(data)
    if layout.encoding == EXPLICIT_LITTLE:
        if layout.transfer_syntax_uid == EXPLICIT_UID:
            assert sent.endswith(data[layout.start :])
        return
    found, expected = (read_json(io.BytesIO(one), str).model for one in (sent, data))
    if "7FE00010" in expected:
        found["7FE00010"]["vr"] = expected["7FE00010"]["vr"]  # fragments are OB, though Implicit VR has no word for it
    assert found == expected


@pytest.mark.parametrize("name", ["rtplan.dcm", "MR_small_implicit.dcm", "rtdose.dcm", "rtstruct.dcm", "priv_SQ.dcm"])
def test_pydicom_reads_the_same_of_implicit(name: str) -> None:
    data = wheel_file(name).read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stored = pydicom.dcmread(io.BytesIO(data), force=True)
        sent = pydicom.dcmread(io.BytesIO(rewritten(data)))
        unlike = [tag for tag in stored.keys() | sent.keys() if tag.element and stored.get(tag) != sent.get(tag)]
    assert unlike == []
    assert sent.file_meta.TransferSyntaxUID == EXPLICIT_UID


def test_bytes_of_big_endian_are_turned_round() -> None:
    sent = pydicom.dcmread(io.BytesIO(rewritten(wheel_file("MR_small_bigendian.dcm").read_bytes())))
    assert sent.PixelData == pydicom.dcmread(wheel_file("MR_small.dcm")).PixelData
    assert sent.Rows == 64


def test_the_head_of_a_file_is_a_function_of_what_is_in_it() -> None:
    head = make_file_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", EXPLICIT_UID)
    assert head == make_file_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", EXPLICIT_UID)
    meta = pydicom.dcmread(io.BytesIO(head)).file_meta
    assert (meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID) == ("1.2.3", EXPLICIT_UID)
    assert pydicom.uid.UID(meta.ImplementationClassUID).is_valid
