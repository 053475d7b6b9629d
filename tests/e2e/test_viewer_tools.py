"""The viewer's tools in a real browser: measuring known values, moving pictures, several viewports, touch."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.e2e.viewing import (
    SIZE,
    SLICES,
    SPACING,
    at,
    corner,
    drag,
    marks,
    opened,
    series_uid,
    write_volume,
)
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e
# WebGL is drawn by the processor here, which other tests need as well
expect.set_options(timeout=20_000)

STUDY, PET = 9075, 9076
WHO = {"PatientID": "E2E-9075", "PatientName": "Ball^Bo", "StudyDate": "20260301"}
MIDDLE = 13
AXIAL, THIN, SAGITTAL = (series_uid(STUDY, number) for number in (1, 2, 3))


@pytest.fixture(scope="module")
def balls(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The running product with two axial series, a sagittal slice through their middle, and a PET."""
    folder = tmp_path_factory.mktemp("tools")
    write_volume(folder, STUDY, **WHO)
    write_volume(folder, STUDY, 2, slices=12, **{**WHO, "SeriesDescription": "Ball, half"})
    side = {"ImageOrientationPatient": [0, 1, 0, 0, 0, -1], "ImagePositionPatient": [0, -SIZE, 124]}
    write_volume(folder, STUDY, 3, slices=1, **{**WHO, **side, "SeriesDescription": "Ball, sagittal"})
    write_volume(folder, PET, slices=3, **{**WHO, **pet(), "PatientID": "E2E-9076"})
    live_app.ingest(folder)
    return live_app


def pet() -> dict[str, Any]:
    """Return what makes SUV of activities (PS3.3 C.8.9): 70 kg and 350 MBq that were left at the start of the scan."""
    from pydicom.dataset import Dataset

    dose = Dataset()
    dose.RadionuclideTotalDose, dose.RadionuclideHalfLife = 700e6, 3600
    dose.RadiopharmaceuticalStartTime = "090000"
    return {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.128", "Modality": "PT", "Units": "BQML", "DecayCorrection": "START",
        "CorrectedImage": ["ATTN", "DECY"], "PatientWeight": 70, "SeriesDate": "20260301", "SeriesTime": "100000",
        "AcquisitionDate": "20260301", "AcquisitionTime": "100000", "RescaleSlope": 10, "RescaleIntercept": 0,
        "RadiopharmaceuticalInformationSequence": [dose], "WindowCenter": None, "WindowWidth": None,
    }  # fmt: skip


def in_middle(page: Page) -> None:
    """Open the slice through the middle of the ball."""
    opened(page, STUDY, series=AXIAL, instance=f"{AXIAL}.{MIDDLE}")


def test_a_probe_says_the_value_of_a_pixel_with_its_unit(page_of: Page) -> None:
    in_middle(page_of)
    page_of.keyboard.press("o")
    page_of.mouse.click(*at(page_of, 32, 30))
    expect(marks(page_of)).to_contain_text("(32, 30)")
    expect(marks(page_of)).to_contain_text("300 HU")
    page_of.mouse.click(*at(page_of, 4, 50))
    expect(marks(page_of)).to_contain_text("(4, 50)")
    expect(marks(page_of)).to_contain_text("−1000 HU")


def test_regions_say_their_area_and_what_lies_in_them(page_of: Page) -> None:
    in_middle(page_of)
    page_of.keyboard.press("b")
    drag(page_of, at(page_of, 24, 26), at(page_of, 40, 36))
    expect(marks(page_of)).to_contain_text("Mean: 300 HU")
    expect(marks(page_of)).to_contain_text("Std dev: 0 HU")
    expect(marks(page_of)).to_contain_text(re.compile(r"Area: 6[34]\d(\.\d)? mm²"))  # 16 × 10 pixels of 2 mm
    page_of.keyboard.press("Delete")
    expect(marks(page_of)).not_to_contain_text("Mean")
    page_of.keyboard.press("e")
    drag(page_of, at(page_of, 32, 32), at(page_of, 40, 40))
    expect(marks(page_of)).to_contain_text("Mean: 300 HU")
    expect(marks(page_of)).to_contain_text("Min: 300 HU")


def test_an_angle_is_measured(page_of: Page) -> None:
    in_middle(page_of)
    page_of.keyboard.press("a")
    drag(page_of, at(page_of, 20, 32), at(page_of, 32, 32))
    page_of.mouse.move(*at(page_of, 32, 40), steps=4)
    page_of.mouse.click(*at(page_of, 32, 44))
    expect(marks(page_of)).to_contain_text(re.compile(r"(90|89\.9\d*|90\.0\d*)\s*°"))


def test_a_pet_says_its_uptake(page_of: Page) -> None:
    opened(page_of, PET)
    page_of.keyboard.press("o")
    page_of.mouse.click(*at(page_of, 2, 2))
    # outside of the ball 24 is stored, which is 240 Bq/ml, of 350 MBq in 70 kg
    expect(marks(page_of)).to_contain_text(f"240 Bq/ml, SUVbw {240 * 70_000 / 350e6:.2f}")


def test_pictures_are_moved_and_magnified(page_of: Page) -> None:
    in_middle(page_of)
    before = corner(page_of, "br").text_content() or ""
    page_of.keyboard.press("p")
    drag(page_of, at(page_of, 32, 32), at(page_of, 52, 32))
    # what was 20 pixels to the left is in the middle now
    page_of.keyboard.press("o")
    page_of.mouse.click(*at(page_of, 32, 32))
    expect(marks(page_of)).to_contain_text("(12, 32)")
    page_of.keyboard.press("0")
    page_of.keyboard.press("z")
    drag(page_of, at(page_of, 32, 32), at(page_of, 32, 20))
    expect(corner(page_of, "br")).not_to_have_text(before)
    page_of.keyboard.press("0")
    expect(corner(page_of, "br")).to_have_text(before)
    drag(page_of, at(page_of, 32, 32), at(page_of, 32, 20), "right")
    expect(corner(page_of, "br")).not_to_have_text(before)


def test_turned_pictures_are_the_same_pixels_elsewhere(page_of: Page) -> None:
    opened(page_of, STUDY, series=SAGITTAL)
    page_of.keyboard.press("o")
    for keys, place in (("h", (53, 20)), ("hv", (10, 43)), ("vr", (20, 53))):
        for key in keys:
            page_of.keyboard.press(key)
        expect(page_of.locator(".orient.n")).not_to_be_empty()
        page_of.mouse.click(*at(page_of, 10, 20))
        expect(marks(page_of)).to_contain_text(f"({place[0]}, {place[1]})")
        page_of.keyboard.press("Delete")


def test_one_two_and_four_viewports_hold_a_series_each(page_of: Page) -> None:
    opened(page_of, STUDY)
    page_of.keyboard.press("n")
    expect(page_of.locator(".viewport")).to_have_count(2)
    expect(page_of.locator(".viewport").nth(1)).to_contain_text("Choose a series")
    # all of the picture is still seen: the values of its edges are where they are when it fits
    page_of.keyboard.press("o")
    page_of.mouse.click(*at(page_of, 1, 32))
    expect(marks(page_of)).to_contain_text("(1, 32)")
    page_of.keyboard.press("Delete")
    page_of.keyboard.press("ArrowRight")
    page_of.get_by_role("link", name="Ball, sagittal").click()
    expect(corner(page_of, "tr", 2)).to_contain_text("sagittal")
    page_of.keyboard.press("n")
    expect(page_of.locator(".viewport")).to_have_count(4)
    expect(page_of).to_have_url(re.compile(rf"layout=4.*series2={re.escape(SAGITTAL)}"))
    page_of.reload()
    expect(page_of.locator(".viewport")).to_have_count(4)
    expect(corner(page_of, "tr", 2)).to_contain_text("sagittal")
    page_of.keyboard.press("n")
    expect(page_of.locator(".viewport")).to_have_count(1)


def test_where_a_slice_cuts_another_is_drawn_as_a_line(page_of: Page) -> None:
    opened(page_of, STUDY, layout=2, series=AXIAL, series2=SAGITTAL)
    line = page_of.locator(".viewport").nth(1).locator("svg.svg-layer line")
    expect(line).to_have_count(1)
    first = line.get_attribute("y1")
    page_of.mouse.move(*at(page_of, 32, 32))
    page_of.mouse.wheel(0, 100)
    expect(corner(page_of, "bl")).to_contain_text(f"2 of {SLICES}")
    expect(line).not_to_have_attribute("y1", str(first))
    # axial slices lie 5.3 mm apart, which is 2.7 pixels of the sagittal one, downwards the lower
    box = page_of.locator(".viewport").nth(1).locator(".canvas").bounding_box()
    assert box and first
    scale = min(box["width"], box["height"]) / (SIZE * SPACING)
    assert float(line.get_attribute("y1") or 0) - float(first) == pytest.approx(-SPACING * SIZE / SLICES * scale, abs=2)
    page_of.keyboard.press("x")
    expect(line).to_have_count(0)


def test_series_of_one_frame_of_reference_scroll_to_the_same_place(page_of: Page) -> None:
    opened(page_of, STUDY, layout=2, series=AXIAL, series2=THIN)
    page_of.keyboard.press("y")
    page_of.get_by_label("Slice in viewport 1").fill("8")
    expect(corner(page_of, "bl", 2)).to_contain_text("8 of 12")
    expect(corner(page_of, "bl", 2)).to_contain_text("z 37.3 mm")


def test_the_viewer_fills_the_screen_and_leaves_it(page_of: Page) -> None:
    opened(page_of, STUDY)
    page_of.keyboard.press("f")
    page_of.locator(":root:fullscreen").wait_for()
    page_of.keyboard.press("f")
    page_of.locator(":root:not(:fullscreen)").wait_for()


# ---------------------------------------------------------------- touch


@pytest.fixture
def touched(balls: LiveApp, browser: Any, login: Callable[[Any, Person], None]) -> Iterator[tuple[Page, CDPSession]]:
    """A page of a phone with the volume, and what sends fingers to it."""
    context = browser.new_context(base_url=balls.url, has_touch=True, viewport={"width": 390, "height": 780})
    page = context.new_page()
    login(page, balls.user("viewer"))
    in_middle(page)
    yield page, context.new_cdp_session(page)
    context.close()


def move_fingers(fingers: CDPSession, *paths: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """Put a finger at the start of each path, move all to the ends, and let them rest before they are lifted.

    The events bear the times of such a movement: for a finger that is lifted while it moves, the browser believes the
    page to be scrolling on, and takes the next tap for what ends that.
    """
    now = time.time()

    def send(kind: str, part: float | None, seconds: float) -> None:
        points = [
            {"x": x + (end_x - x) * (part or 0), "y": y + (end_y - y) * (part or 0), "id": number}
            for number, ((x, y), (end_x, end_y)) in enumerate(paths)
        ]
        event = {"type": kind, "touchPoints": [] if part is None else points, "timestamp": now + seconds}
        fingers.send("Input.dispatchTouchEvent", event)

    send("touchStart", 0, 0)
    for step in range(1, 9):
        send("touchMove", step / 8, step * 0.03)
    send("touchEnd", None, 0.6)


def test_a_finger_does_what_the_chosen_tool_does(touched: tuple[Page, CDPSession]) -> None:
    page, fingers = touched
    page.get_by_role("button", name="Scroll").tap()
    move_fingers(fingers, (at(page, 32, 20), at(page, 32, 50)))
    expect(corner(page, "bl")).not_to_contain_text(f"{MIDDLE} of {SLICES}")
    window = page.get_by_role("button", name="Window", exact=True)
    window.tap()
    expect(window).to_have_attribute("aria-pressed", "true")
    expect(corner(page, "br")).to_contain_text("W 400 L 40")
    move_fingers(fingers, (at(page, 20, 32), at(page, 44, 40)))
    expect(corner(page, "br")).not_to_contain_text("W 400 L 40")


def test_two_fingers_magnify(touched: tuple[Page, CDPSession]) -> None:
    page, fingers = touched
    expect(corner(page, "br")).to_contain_text("Zoom 1.0")
    move_fingers(fingers, (at(page, 28, 32), at(page, 10, 32)), (at(page, 36, 32), at(page, 54, 32)))
    expect(corner(page, "br")).not_to_contain_text("Zoom 1.0")
