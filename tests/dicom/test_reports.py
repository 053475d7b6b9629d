"""Structured reports: the content tree of real and made ones, as text and HTML; hostile trees stay bounded."""

import io
import time
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage

from pacsbrowser.dicom.sr.content import Report
from pacsbrowser.dicom.sr.document import document, value_text
from pacsbrowser.dicom.sr.dose import read_dose
from pacsbrowser.dicom.sr.html import report_html
from pacsbrowser.dicom.sr.reading import MOST_ITEMS, moment_text, read_report
from pacsbrowser.dicom.sr.text import report_text
from tests import reports
from tests.datasets import save

TITLE = ("1", "99X", "Report")


def read(data: bytes) -> Report:
    """Return the report of a file in memory."""
    return read_report(io.BytesIO(data))


def test_a_real_report_is_read_whole() -> None:
    path = get_testdata_file("test-SR.dcm")
    with Path(path).open("rb") as file:
        report = read_report(file)
    assert report.title == "Diagnosis" and report.is_verified and report.is_complete and not report.problem
    assert (report.observers[0].role, report.observers[0].name) == ("Verified by", "RIESMEIER, Jörg")
    written = report_text(report)
    assert "- Diameter: 3 Length Unit" in written and "inferred from see item 1.2.2.1" in written
    target = next(item for item in report.root.walk() if item.target == (1, 3, 2))
    assert report.resolve(target).kind == "SCOORD"


def test_every_content_item_that_pydicom_reads_is_there(corpus: Path) -> None:
    from pydicom import dcmread

    def count(data_set: Dataset) -> int:
        return sum(1 + count(item) for item in data_set.get("ContentSequence", []))

    found = [*corpus.rglob("*SR*.dcm"), *corpus.rglob("sr_document*.dcm"), *corpus.rglob("reportsi*.dcm")]
    assert len(found) >= 5
    for path in found:
        with path.open("rb") as file:
            assert read_report(file).count == count(dcmread(path)), path


def test_measurements_keep_their_digits_and_say_why_they_have_none() -> None:
    report = read(reports.measurement_report())
    texts = {item.name.text: value_text(item) for item in report.root.walk() if item.name and item.kind == "NUM"}
    assert texts == {"Long axis": "5.0 mm", "Short axis": "-1.8 mm", "Volume": "no value: Measurement failure"}
    table = next(step for part in document(report) for step in part if step.kind == "table")
    assert value_text(table.rows[0].item) == "14.20 mm"
    method = table.rows[0].method
    assert method and value_text(method) == "Manual"


def test_a_measurement_group_is_named_by_what_it_tracks() -> None:
    report = read(reports.measurement_report())
    titles = [step.title for part in document(report) for step in part if step.kind == "section"]
    assert titles == [
        "Imaging Measurements", "Measurement Group: Nodule 1, Nodule, Upper lobe of lung",
        "Measurement Group: Nodule 2",
        "Findings", "Impression",
    ]  # fmt: skip


def test_a_dose_report_is_a_line_an_event() -> None:
    dose = read_dose(read(reports.dose_report(4)))
    assert dose and dose.event_count == 4
    assert [(column.name.text, column.unit) for column in dose.columns] == [
        ("Acquisition Protocol", ""), ("CT Acquisition Type", ""), ("Target Region", ""), ("Mean CTDIvol", "mGy"),
        ("DLP", "mGy·cm"), ("KVP", "kV"), ("X-Ray Tube Current", "mA"), ("Scanning Length", "mm"),
    ]  # fmt: skip
    assert dose.events[1].cells == ("Thorax 2", "Spiral Acquisition", "Chest", "5.20", "272", "120", "210", "302")
    ((title, totals),) = dose.accumulated
    assert title == "CT Accumulated Dose Data" and [item.text for item in totals] == ["4", "812.40"]
    assert read_dose(read(reports.measurement_report())) is None


def test_html_escapes_what_the_report_says() -> None:
    page = report_html(read(reports.measurement_report()))
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert 'title="27925004 SCT"' in page and "14.20 mm" in page


def test_a_loop_by_reference_is_a_link_and_no_loop() -> None:
    loop = reports.text(
        TITLE, "round", reports.item("", None, rel="INFERRED FROM", ReferencedContentItemIdentifier=[1, 1])
    )
    report = read(save(reports.document(ComprehensiveSRStorage, TITLE, loop)))
    pointing = report.root.children[0].children[0]
    assert report.resolve(pointing) is report.root.children[0]
    assert "see item 1.1" in report_text(report)


def test_many_items_are_bounded_and_come_in_parts() -> None:
    lines = [reports.text(TITLE, f"line {place}") for place in range(5_000)]
    nested = reports.item("CONTAINER", TITLE, *lines)
    report = read(save(reports.document(ComprehensiveSRStorage, TITLE, nested)))
    parts = document(report)
    assert report.count == 5_001 and len(parts) == 9
    entries = [step for part in parts for step in part if step.kind == "entry" and not step.is_continued]
    assert len(entries) == 5_000
    for part in parts:
        opened = [step.kind for step in part if step.kind in ("section", "list", "entry")]
        closed = [step.kind for step in part if step.kind.startswith("end_")]
        assert len(opened) == len(closed)
    assert parts[1][0].kind == "section" and parts[1][0].is_continued


def test_more_items_than_the_bound_are_told() -> None:
    lines = [reports.text(TITLE, "x") for _ in range(MOST_ITEMS + 500)]
    begun = time.monotonic()
    report = read(save(reports.document(ComprehensiveSRStorage, TITLE, *lines)))
    assert len(report.by_path) <= MOST_ITEMS + 1 and "20,000" in report.problem
    assert time.monotonic() - begun < 30


def test_a_deep_tree_is_read_to_the_bottom() -> None:
    tree = reports.text(TITLE, "bottom")
    for _ in range(45):
        tree = reports.item("CONTAINER", TITLE, tree)
    report = read(save(reports.document(ComprehensiveSRStorage, TITLE, tree)))
    assert "bottom" in report_text(report) and "bottom" in report_html(report)


def test_a_tree_that_is_too_deep_shows_what_is_above() -> None:
    tree = reports.text(TITLE, "bottom")
    for _ in range(60):
        tree = reports.item("CONTAINER", TITLE, tree)
    report = read(save(reports.document(ComprehensiveSRStorage, TITLE, reports.text(TITLE, "first"), tree)))
    assert "deeper than 50" in report.problem and "first" in report_text(report)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.99])
def test_a_report_that_is_cut_off_shows_what_is_there_and_where_it_ends(share: float) -> None:
    data = reports.measurement_report()
    report = read(data[: int(len(data) * share)])
    assert "At byte" in report.problem
    assert report.problem in report_text(report)


def test_values_that_are_none_do_not_stop_the_rest() -> None:
    odd = [
        reports.item("NUM", TITLE), reports.item("CODE", TITLE), reports.item("IMAGE", TITLE),
        reports.item("TEXT", None),
        reports.item("SCOORD", TITLE, GraphicType="ELLIPSE"), reports.item("SCOORD3D", TITLE, GraphicData=[1, 2]),
        reports.item("NEWTYPE", TITLE), reports.item("DATETIME", TITLE), reports.item("PNAME", TITLE),
        reports.item("TCOORD", TITLE, TemporalRangeType="POINT"), reports.text(TITLE, "last"),
    ]  # fmt: skip
    report = read(save(reports.document(ComprehensiveSRStorage, TITLE, *odd)))
    assert report.count == len(odd) and "last" in report_html(report)


def test_moments_are_shown_as_written() -> None:
    assert moment_text("20240229112005.5+0100") == "2024-02-29 11:20:05 +0100"
    assert moment_text("2024") == "2024"
    assert moment_text("") == ""
