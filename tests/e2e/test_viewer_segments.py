"""Segmentations in the viewer: opened at a slice that they mark, and in colour wherever they lie."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pydicom import dcmread

from tests.e2e.viewing import (
    SIZE,
    colours,
    in_ball,
    opened,
    segmentation,
    series_uid,
    shows,
    write_volume,
)
from tests.live import LiveApp

pytestmark = pytest.mark.e2e
expect.set_options(timeout=20_000)

STUDY = 9091
WHO = {"PatientID": "E2E-9091", "PatientName": "Ball^Bert", "StudyDate": "20260301"}
ONE, MANY, FRACTIONAL = 7, 8, 9
# the ball reaches from the sixth slice to the twentieth, so that the first frame marks nothing
PLACES = (2, 11, 15)


@pytest.fixture(scope="module")
def balls(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The running product with a volume and three segmentations of it: of one frame, of several, and by parts."""
    folder = tmp_path_factory.mktemp("segments")
    write_volume(folder, STUDY, **WHO)
    files = {"one": segmentation(STUDY, ONE, 1, 11, **WHO), "parts": by_parts()}
    files["many"] = segmentation(STUDY, MANY, 1, *PLACES, **{**WHO, "SeriesDescription": "Many"})
    for name, file in files.items():
        (folder / f"{name}.dcm").write_bytes(file)
    live_app.ingest(folder)
    return live_app


def by_parts() -> bytes:
    """Return a segmentation whose left half is probable and whose right half is certain, in slices 12 and 13."""
    parts = np.where(np.arange(SIZE) < SIZE / 2, 80, 240).astype("u1")
    pixels = b"".join((in_ball(place) * parts).astype("u1").tobytes() for place in (11, 12))
    values = {
        "SegmentationType": "FRACTIONAL", "SegmentationFractionalType": "PROBABILITY", "MaximumFractionalValue": 240,
        "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelData": pixels, "SeriesDescription": "Parts",
    }  # fmt: skip
    return segmentation(STUDY, FRACTIONAL, 1, 11, 12, **{**WHO, **values})


def strength(page: Page, column: float, row: float = SIZE / 2) -> float:
    """Return how much redder than blue a pixel of the picture is, as long as it fits into the first viewport."""
    picture = colours(page)
    height, width = picture.shape[:2]
    scale = min(height, width) / SIZE
    red, _, blue = picture[int(height / 2 + (row - SIZE / 2) * scale), int(width / 2 + (column - SIZE / 2) * scale)]
    return float(red - blue)


def marked(page: Page, count: int = 1) -> None:
    """Wait until frames of a segmentation are drawn over the picture."""
    expect(page.locator(".viewport").first).to_have_attribute("data-segments", str(count))


def test_a_segmentation_lies_over_the_slice_it_belongs_to(page_of: Page) -> None:
    opened(page_of, STUDY, series=series_uid(STUDY, 1), instance=f"{series_uid(STUDY, 1)}.12")
    button = page_of.get_by_role("button", name="Segments")
    button.click()
    viewport = page_of.locator(".viewport").first
    expect(viewport.locator(".legend")).to_contain_text("Lesion")
    marked(page_of)
    expect(button).to_have_attribute("aria-pressed", "true")
    assert strength(page_of, 30) > 20
    page_of.keyboard.press("ArrowDown")
    marked(page_of, 0)
    page_of.keyboard.press("g")
    expect(viewport.locator(".legend")).to_have_count(0)


def test_a_segmentation_opens_at_the_first_slice_that_it_marks(page_of: Page) -> None:
    opened(page_of, STUDY)
    shows(page_of, 1)
    page_of.get_by_role("link", name="Many").click()
    shows(page_of, 12)
    marked(page_of)
    assert strength(page_of, 30) > 20


def test_a_frame_of_a_segmentation_opens_at_its_slice_and_all_slices_are_in_colour(page_of: Page) -> None:
    series = series_uid(STUDY, MANY)
    opened(page_of, STUDY, series=series, instance=f"{series}.1", frame=3)
    shows(page_of, PLACES[2] + 1)
    marked(page_of)
    assert strength(page_of, 30) > 20
    page_of.get_by_label("Slice in viewport 1").fill(str(PLACES[1] + 1))
    shows(page_of, PLACES[1] + 1)
    marked(page_of)
    assert strength(page_of, 30) > 20
    page_of.keyboard.press("ArrowDown")
    marked(page_of, 0)


def test_a_fraction_is_as_strong_as_its_value(page_of: Page) -> None:
    series = series_uid(STUDY, FRACTIONAL)
    opened(page_of, STUDY, series=series, instance=f"{series}.1", frame=2)
    shows(page_of, 13)
    for place in (13, 12):
        page_of.get_by_label("Slice in viewport 1").fill(str(place))
        shows(page_of, place)
        marked(page_of)
        assert strength(page_of, 28) == pytest.approx(strength(page_of, 36) / 3, abs=6)
        assert strength(page_of, 36) > 60


def test_a_link_keeps_the_segmentation(page_of: Page) -> None:
    series = series_uid(STUDY, MANY)
    opened(page_of, STUDY, series=series, instance=f"{series}.1", frame=3)
    expect(page_of).to_have_url(re.compile(rf"instance={series_uid(STUDY, 1)}\.16.*segments={series}"))
    page_of.reload()
    shows(page_of, 16)
    marked(page_of)
    page_of.keyboard.press("g")
    expect(page_of).not_to_have_url(re.compile("segments="))


def test_real_segmentations_open_in_colour_over_what_they_were_made_of(
    page_of: Page, balls: LiveApp, corpus: Path
) -> None:
    """Each frame of highdicom's segmentations of a CT of four slices, of which the first is half the body away."""
    names = ("binary", "binary_fractional", "binary_overlap", "true_fractional")
    files = [corpus / "dicom" / "highdicom" / f"seg_image_ct_{name}.dcm" for name in names]
    balls.ingest(corpus / "dicom" / "media" / "DOE" / "77654033" / "CT2", *files)
    for file in files:
        header = dcmread(file)
        for number, groups in enumerate(header.PerFrameFunctionalGroupsSequence, 1):
            query = f"series={header.SeriesInstanceUID}&instance={header.SOPInstanceUID}&frame={number}"
            page_of.goto(f"/view/{header.StudyInstanceUID}/?{query}")
            depth = float(groups.PlanePositionSequence[0].ImagePositionPatient[2])
            expect(page_of.locator(".ov.bl")).to_contain_text(f"z {depth:.1f} mm".replace("-", "−"))
            expect(page_of.locator(".viewport .legend")).to_be_visible()
            expect(page_of.locator(".viewport[aria-busy]")).to_have_count(0)
            assert np.ptp(colours(page_of), axis=2).max() > 20, (file.name, number)
