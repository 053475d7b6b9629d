"""What is read of one object: values, findings, references, and why an object is refused."""

import io
from struct import pack

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from pacsbrowser.dicom import errors
from pacsbrowser.dicom.attributes import ALL, field_name
from pacsbrowser.dicom.findings import FINDINGS
from pacsbrowser.dicom.header import Header, find_dataset_start, hash_dataset, read_header
from tests.datasets import ROOT, make_dataset

# pydicom warns of the broken values that these tests make it write.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


def read(data: bytes) -> Header:
    return read_header(io.BytesIO(data))


def codes(header: Header) -> set[str]:
    return {finding.code for finding in header.findings}


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_good_object_in_every_uncompressed_syntax(syntax: str) -> None:
    header = read(make_dataset(transfer_syntax=syntax, PatientName="Müller^Jörg", Rows=8))
    assert header.values["PatientName"] == "Müller^Jörg"
    assert header.values["Rows"] == "8"
    assert header.values["ImageOrientationPatient"] == "1.0\\0.0\\0.0\\0.0\\1.0\\0.0"
    assert header.values["IssuerOfPatientID"] == ""
    assert set(header.values) == set(ALL)
    assert header.sop_instance_uid == f"{ROOT}.1.1.1"
    assert header.transfer_syntax_uid == syntax
    assert header.whole
    assert header.has_pixel_data
    assert header.findings == ()


def test_fields_are_named_after_keywords() -> None:
    assert field_name("StudyInstanceUID") == "study_instance_uid"
    assert field_name("OtherPatientIDs") == "other_patient_ids"
    assert len({field_name(keyword) for keyword in ALL}) == len(ALL)


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"PatientID": ""}, "no_patient_id"),
        ({"PatientName": None}, "no_patient_name"),
        ({"Modality": ""}, "no_modality"),
        ({"PixelData": None}, "no_pixel_data"),
        ({"PixelData": bytes(64)}, "pixel_data_length"),
        ({"SOPInstanceUID": "1.02.3"}, "invalid_uid"),
        ({"SeriesInstanceUID": f"{ROOT}.1"}, "uids_equal"),
        ({"Rows": 0}, "pixel_description"),
        ({"PatientName": "a=b=c=d"}, "name_malformed"),
        ({"PatientName": "A\x1b[31mB"}, "control_characters"),
        ({"PatientName": "Doe^Jane\ufeff"}, "control_characters"),
    ],
)
def test_findings(attributes: dict[str, object], code: str) -> None:
    assert code in codes(read(make_dataset(**attributes)))


@pytest.mark.parametrize(
    ("keyword", "raw", "code"),
    [
        ("StudyDate", b"20230230", "date_invalid"),
        ("StudyTime", b"250000", "time_invalid"),
        ("PatientID", b"x" * 300, "text_too_long"),
        ("PatientID", b"A\\B ", "too_many_values"),
        ("PatientID", b"A\0B ", "control_characters"),
    ],
)
def test_findings_in_raw_values(keyword: str, raw: bytes, code: str) -> None:
    tags = {
        "StudyDate": (0x0008, 0x0020, b"DA"),
        "StudyTime": (0x0008, 0x0030, b"TM"),
        "PatientID": (0x0010, 0x0020, b"LO"),
    }
    group, number, vr = tags[keyword]
    data = make_dataset()
    at = data.index(pack("<HH2s", group, number, vr))
    length = int.from_bytes(data[at + 6 : at + 8], "little")
    data = data[:at] + pack("<HH2sH", group, number, vr, len(raw)) + raw + data[at + 8 + length :]
    header = read(data)
    assert code in codes(header)
    assert "\0" not in header.values[keyword]


def test_every_finding_has_a_sentence() -> None:
    header = read(make_dataset(PatientID="", PatientName="a=b=c=d")[:-10])
    assert len(header.findings) >= 3
    for found in header.findings:
        assert found.severity == FINDINGS[found.code][0]
        assert found.sentence.endswith(".")
        assert "{" not in found.sentence


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_without_a_uid_an_object_has_no_place(keyword: str) -> None:
    with pytest.raises(errors.MissingUID, match=r"Instance UID \(0020,000"):
        read(make_dataset(**{keyword: None}))
    with pytest.raises(errors.MissingUID, match="empty"):
        read(make_dataset(**{keyword: ""}))


def test_a_uid_that_cannot_be_a_name_is_refused() -> None:
    for uid in ("1.2/3", "1." + "2" * 63, "../../etc/passwd", "<b>1.2</b>", "1.2\\1.3"):
        with pytest.raises(errors.InvalidUID, match=r"\(0020,000E\)"):
            read(make_dataset(SeriesInstanceUID=uid))


def test_what_is_not_dicom() -> None:
    for data in (b"", b"hello", b"\x89PNG\r\n" + bytes(500), bytes(4096), b"\xff" * 4096):
        with pytest.raises(errors.NotDicom):
            read(data)


def test_truncated_objects_are_kept_once_their_uids_are_read() -> None:
    data = make_dataset()
    header = read(data[:-1])
    assert not header.whole
    assert header.has_pixel_data
    assert "truncated" in codes(header)
    with pytest.raises(errors.Damaged, match=r"StudyInstanceUID|Study Instance UID"):
        read(data[: data.index(pack("<HH", 0x20, 0x0D)) + 6])


def test_bare_data_sets_are_recognised() -> None:
    data = make_dataset()
    offset, syntax = find_dataset_start(data) or (0, "")
    assert syntax == ExplicitVRLittleEndian
    header = read(data[offset:])
    assert codes(header) == {"no_file_meta"}
    assert (header.dataset_offset, header.transfer_syntax_uid) == (0, ExplicitVRLittleEndian)
    assert find_dataset_start(b"no") is None


def test_the_digest_is_of_the_data_set_not_of_its_wrapping() -> None:
    data = make_dataset()
    wrapped = read(data)
    bare = data[wrapped.dataset_offset :]
    assert hash_dataset(io.BytesIO(data), wrapped) == hash_dataset(io.BytesIO(bare), read(bare))
    other = make_dataset(transfer_syntax=ImplicitVRLittleEndian)
    assert hash_dataset(io.BytesIO(other), read(other)) != hash_dataset(io.BytesIO(data), wrapped)


def test_a_wrong_label_is_seen_through() -> None:
    explicit, implicit = make_dataset(), make_dataset(transfer_syntax=ImplicitVRLittleEndian)
    start = (find_dataset_start(explicit) or (0, ""))[0]
    mislabelled = explicit[:start] + implicit[(find_dataset_start(implicit) or (0, ""))[0] :]
    header = read(mislabelled)
    assert header.values == read(implicit).values
    assert codes(header) == {"transfer_syntax_contradicted"}


def _item(**attributes: object) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_references_and_their_kinds(syntax: str) -> None:
    image = _item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID="1.9.1")
    step = _item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.3", ReferencedSOPInstanceUID="1.9.2")
    evidence = _item(
        StudyInstanceUID=f"{ROOT}.1",
        ReferencedSeriesSequence=Sequence([_item(SeriesInstanceUID="1.9.3", ReferencedSOPSequence=Sequence([image]))]),
    )
    header = read(
        make_dataset(
            transfer_syntax=syntax,
            SourceImageSequence=Sequence([image, image]),
            ReferencedPerformedProcedureStepSequence=Sequence([step]),
            CurrentRequestedProcedureEvidenceSequence=Sequence([evidence]),
            ReferencedStructureSetSequence=Sequence([_item(ReferencedSOPInstanceUID="1.9.4")]),
        )
    )
    ct = "1.2.840.10008.5.1.4.1.1.2"
    assert {tuple(reference) for reference in header.references} == {
        ("source_image", ct, "1.9.1"),
        ("evidence", ct, "1.9.1"),
        ("referenced_series", "", "1.9.3"),
        ("rt_structure_set", "", "1.9.4"),
    }


def test_a_header_without_end_is_read_as_far_as_its_limit() -> None:
    data = make_dataset()
    at = data.index(pack("<HH", 0x28, 0x02))
    items = pack("<HH2sHI", 0x20, 0x9221, b"SQ", 0, 0xFFFFFFFF) + pack("<HHI", 0xFFFE, 0xE000, 0) * 1_100_000
    end = pack("<HHI", 0xFFFE, 0xE0DD, 0)
    header = read(data[:at] + items + end + data[at:])
    assert "header_too_large" in codes(header)
    assert header.has_pixel_data
    with pytest.raises(errors.TooLarge):
        read(data[: find_dataset_start(data)[0]] + items + end)  # type: ignore[index]


@pytest.mark.parametrize("levels", [10, 50, 60, 5000])
def test_depth_is_bounded(levels: int) -> None:
    data = make_dataset()
    at = data.index(pack("<HH", 0x10, 0x10))
    opened = pack("<HH2sHI", 0x08, 0x1140, b"SQ", 0, 0xFFFFFFFF) + pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closed = pack("<HHI", 0xFFFE, 0xE00D, 0) + pack("<HHI", 0xFFFE, 0xE0DD, 0)
    nested = data[:at] + opened * levels + closed * levels + data[at:]
    if levels <= 50:
        assert read(nested).values["PatientName"] == "Doe^Jane"
    else:
        with pytest.raises(errors.TooDeep):
            read(nested)
