"""The corpus: every good file is read as its ground truth says, every malformed one ends as its expectations allow."""

import time

import pytest

from pacsbrowser.dicom.errors import DicomError, MediaDirectory
from pacsbrowser.dicom.header import Header, read_header
from tests.dicom.samples import CORPUS, expected, malformed, needs_corpus

pytestmark = needs_corpus

GOOD = expected()["files"]
NAMES_LEFT_OPEN = ("replacement", "or ")


def _outcome(path: str) -> tuple[set[str], Header | None]:
    """Return the words of the expectations that what happened satisfies, and the header."""
    assert CORPUS is not None
    began = time.monotonic()
    header = None
    try:
        with (CORPUS / path).open("rb") as file:
            header = read_header(file)
        warned = any(finding.severity == "warning" for finding in header.findings)
        outcome = {"accept", "accept_warn"} if warned else {"accept"}
    except MediaDirectory:
        outcome = {"skip"}
    except DicomError as error:
        assert error.reason
        assert error.code
        outcome = {"reject"}
    assert time.monotonic() - began < 10
    return outcome, header


@pytest.mark.parametrize("row", malformed(), ids=lambda row: row["file"])
def test_malformed(row: dict[str, str]) -> None:
    outcome, header = _outcome(f"malformed/{row['file']}")
    allowed = {row["expected"], row["also_ok"]}
    if row["category"] == "clash":
        # What clashes with another file is seen where the two meet; each alone is fine.
        allowed.add("accept")
    assert outcome & allowed
    name = row["expected_name"]
    if (
        header
        and name
        and not any(words in name for words in NAMES_LEFT_OPEN)
        and "?" not in name
        and name != "as Latin-1"
    ):
        assert header.values["PatientName"] == name


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("escape_to_undeclared", "Wang=王"),
        ("misspelt_dash", "Müller^Jörg"),
        ("misspelt_utf8", "Müller^Jörg"),
        ("latin1_declared_gbk_bytes", "Íõ^Ð¡¶«"),
        ("latin1_declared_utf8_bytes", "MÃ¼ller^JÃ¶rg"),
        ("unknown_iso_ir_999", "M\ufffdller^J\ufffdrg"),
    ],
)
def test_names_where_several_readings_are_allowed(file: str, name: str) -> None:
    header = _outcome(f"malformed/generated/charset/{file}.dcm")[1]
    assert header is not None
    assert header.values["PatientName"] == name


@pytest.mark.parametrize("path", GOOD)
def test_good(path: str) -> None:
    truth = GOOD[path]
    outcome, header = _outcome(f"dicom/{path}")
    if truth["status"] == "media_directory":
        assert outcome == {"skip"}
        return
    assert truth["status"] in outcome
    assert header is not None
    values = header.values
    assert values["PatientName"].rstrip("^= ") == truth["patient_name"].rstrip("^= ")
    assert header.sop_instance_uid == truth["sop_uid"]
    assert header.transfer_syntax_uid == truth["transfer_syntax"]
    assert header.whole


def test_the_tree_is_the_expected_one() -> None:
    """Every patient's ID, study dates and descriptions, series, and numbers of instances."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for path, truth in GOOD.items():
        if truth["status"] == "media_directory":
            continue
        header = _outcome(f"dicom/{path}")[1]
        assert header is not None
        keywords = (
            "PatientID",
            "StudyInstanceUID",
            "SeriesInstanceUID",
            "StudyDate",
            "AccessionNumber",
            "StudyDescription",
        )
        found.setdefault(header.sop_instance_uid, set()).add(tuple(header.values[key] for key in keywords))
    seen = 0
    for patient in expected()["patients"]:
        for study in patient["studies"]:
            for series in study["series"]:
                for instance in series["instances"]:
                    seen += 1
                    values = found[instance["sop_uid"]]
                    uids = {value[:3] for value in values}
                    assert (patient["patient_id"] or "", study["study_uid"], series["series_uid"]) in uids
            values_of_study = {value for many in found.values() for value in many if value[1] == study["study_uid"]}
            for place, key in ((3, "date"), (4, "accession"), (5, "description")):
                told = study[key] if isinstance(study[key], list) else [study[key]]
                assert {value[place] for value in values_of_study} >= set(told) - {""}
    assert seen == len(found)
