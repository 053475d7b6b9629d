"""Attributes by their path: what is picked out of a data set, and what matches."""

import pytest

from pacsbrowser.dicom.json_paths import matches, prune, small, tree_of
from pacsbrowser.dicom.matching import Empty, Exact, Match, Range, UIDList, Universal, Wildcard

ITEM = {
    "00401001": {"vr": "SH", "Value": ["R1"]},
    "00400009": {"vr": "SH", "Value": ["S1", None]},
    "00400007": {"vr": "LO"},
}
MODEL = {
    "00080020": {"vr": "DA", "Value": ["20240229"]},
    "00080030": {"vr": "TM", "Value": ["10:15:00.5"]},
    "00101001": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Hans", "Ideographic": "王^小东"}]},
    "00180050": {"vr": "DS", "Value": [1.5]},
    "00400275": {"vr": "SQ", "Value": [ITEM, {"00282000": {"vr": "OB", "BulkDataURI": "@/x"}}]},
    "7FE00010": {"vr": "OW", "BulkDataURI": "@/y"},
    "00091001": {"vr": "LO", "Value": ["private"]},
}
REQUEST = "RequestAttributesSequence"


def test_whole_attributes_take_in_their_parts() -> None:
    wanted = tree_of([(REQUEST, "RequestedProcedureID"), (REQUEST,), ("StudyDate",)])
    assert wanted == {"00400275": {}, "00080020": {}}
    assert prune(MODEL, wanted)["00400275"]["Value"][0].keys() == {"00401001", "00400009"}


def test_parts_of_sequences_and_private_attributes_are_picked() -> None:
    picked = prune(MODEL, tree_of([(REQUEST, "RequestedProcedureID"), ("00091001",), ("PatientName",)]))
    assert picked == {
        "00091001": MODEL["00091001"],
        "00400275": {"vr": "SQ", "Value": [{"00401001": ITEM["00401001"]}, {}]},
    }


def test_bulk_data_and_empty_values_are_left_out() -> None:
    assert "7FE00010" not in small(MODEL)
    assert small(MODEL)["00400275"]["Value"][1] == {}


@pytest.mark.parametrize(
    ("path", "match", "hit"),
    [
        (("StudyDate",), Exact("20240229"), True),
        (("StudyDate",), Range("20240101", ""), True),
        (("StudyDate",), Range("", "20240101"), False),
        (("StudyTime",), Range("1000", "1015"), True),
        (("SliceThickness",), Exact("1.50"), True),
        (("SliceThickness",), Exact("x"), False),
        (("OtherPatientNames",), Exact("muller^hans"), True),
        (("OtherPatientNames",), Wildcard("王*"), True),
        ((REQUEST, "RequestedProcedureID"), Exact("R1"), True),
        ((REQUEST, "RequestedProcedureID"), Wildcard("r?"), False),
        ((REQUEST, "ScheduledProcedureStepID"), UIDList(("x", "S1")), True),
        ((REQUEST, "ScheduledProcedureStepDescription"), Empty(), True),
        ((REQUEST, "RequestedProcedureID"), Empty(), False),
        (("PatientID",), Universal(), True),
        (("PatientID",), Exact("1"), False),
        (("PatientID", "StudyDate"), Exact("1"), False),
        (("StudyDate", "StudyDate"), Exact("1"), False),
    ],
)
def test_matching(path: tuple[str, ...], match: Match, hit: bool) -> None:
    assert matches(MODEL, path, match) is hit
