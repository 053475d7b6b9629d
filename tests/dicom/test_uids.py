"""UIDs: which may be kept, which are valid, what the known ones are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.dicom import modality, uids


@pytest.mark.parametrize(
    ("uid", "storable", "valid"),
    [
        ("1.2.840.10008.1.2", True, True),
        ("1." + "2" * 62, True, True),
        ("1." + "2" * 63, False, False),
        ("1.02.3", True, False),
        ("3.1", True, False),
        ("1.2.", True, False),
        ("1..2", True, False),
        ("dccc95990-A_b", True, False),
        ("..", False, False),
        ("", False, False),
        ("1.2/3", False, False),
        ("1.2\0", False, False),
        ("1.2\\1.3", False, False),
        ("١.٢", False, False),
        ("1.2\n", False, False),
    ],
)
def test_storable_and_valid(uid: str, storable: bool, valid: bool) -> None:
    assert uids.is_storable_uid(uid) is storable
    assert uids.is_valid_uid(uid) is valid


@given(st.text())
def test_valid_uids_are_storable(text: str) -> None:
    assert uids.is_storable_uid(text) or not uids.is_valid_uid(text)


def test_names_and_kinds() -> None:
    assert uids.trim_uid("1.2.3\0 ") == "1.2.3"
    assert uids.uid_kind("1.2.840.10008.5.1.4.1.1.2") == "sop_class"
    assert uids.uid_kind("1.2.840.10008.1.2.1") == "transfer_syntax"
    assert uids.uid_kind("1.2.840.10008.1.4.1.1") == "frame_of_reference"
    assert uids.uid_kind("1.2.3") is None
    assert uids.sop_class_name("1.2.840.10008.5.1.4.1.1.2") == "CT Image"
    assert uids.sop_class_name("1.2.3") == "1.2.3"
    assert uids.transfer_syntax_name("1.2.840.10008.1.2.4.50") == "JPEG Baseline (Process 1)"


@pytest.mark.parametrize(
    ("sop_class", "kind", "is_image"),
    [
        ("1.2.840.10008.5.1.4.1.1.2", "image", True),
        ("1.2.840.10008.5.1.4.1.1.88.67", "SR", False),
        ("1.2.840.10008.5.1.4.1.1.104.1", "PDF", False),
        ("1.2.840.10008.5.1.4.1.1.9.1.1", "waveform", False),
        ("1.2.840.10008.5.1.4.1.1.481.5", "RT plan", False),
        ("1.2.840.10008.5.1.4.1.1.481.2", "RT dose", False),
        ("1.2.840.10008.5.1.4.1.1.481.3", "RT structures", False),
        ("1.2.840.10008.5.1.4.1.1.66.4", "segmentation", True),
        ("1.2.840.10008.5.1.4.1.1.88.59", "key objects", False),
        ("1.2.840.10008.5.1.4.1.1.11.1", "presentation", False),
        ("1.2.840.10008.5.1.4.1.1.66", "raw data", False),
        ("1.2.3", "object", False),
    ],
)
def test_kinds_of_objects(sop_class: str, kind: str, is_image: bool) -> None:
    assert modality.object_kind(sop_class) == kind
    assert modality.is_image_class(sop_class) is is_image


def test_modality_groups() -> None:
    for name, group in [("CT", "ct"), ("dx", "xr"), ("PT", "nm"), ("RTPLAN", "rt"), ("ECG", "wav"), ("??", "doc")]:
        assert modality.modality_group(name) == group
        assert group in modality.GROUPS
