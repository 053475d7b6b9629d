"""What the viewer shows is the same whether the processor draws it or WebGL: values, windows, shapes, turns, sizes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from pydicom import dcmread

from tests.datasets import save
from tests.e2e.viewing import (
    BALL,
    RENDERERS,
    SIZE,
    at,
    ball,
    colours,
    corner,
    drag,
    draw_by,
    marks,
    opened,
    series_uid,
    shows,
    write_volume,
)
from tests.live import LiveApp, Person, wait_until

pytestmark = pytest.mark.e2e
expect.set_options(timeout=20_000)

STUDY = 9095
WHO = {"PatientID": "E2E-9095", "PatientName": "Ball^Brit", "StudyDate": "20260301"}
PLAIN, FRACTIONS, WINDOWS, NEGATIVE, SHAPED, SIZES = range(1, 7)
MIDDLE = 13


@pytest.fixture(scope="module")
def balls(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The running product with series that are drawn in their own ways."""
    folder = tmp_path_factory.mktemp("drawing")
    write_volume(folder, STUDY, PLAIN, **WHO)
    write_volume(folder, STUDY, FRACTIONS, RescaleSlope=0.37, RescaleIntercept=-378.88, **WHO)
    write_volume(folder, STUDY, NEGATIVE, slices=2, PhotometricInterpretation="MONOCHROME1", **WHO)
    write_volume(folder, STUDY, SHAPED, slices=2, PixelSpacing=[4, 2], **WHO)
    for series in (WINDOWS, SIZES):
        write_volume(folder, STUDY, series, slices=2, PixelData=ball(MIDDLE), **WHO)
    change(folder / f"{STUDY}-{WINDOWS}-0001.dcm", WindowCenter=300, WindowWidth=100)
    half = np.frombuffer(ball(MIDDLE), "<u2").reshape(SIZE, SIZE)[::2, ::2].tobytes()
    small = {"Rows": SIZE // 2, "Columns": SIZE // 2, "PixelSpacing": [4, 4], "PixelData": half}
    change(folder / f"{STUDY}-{SIZES}-0001.dcm", **small)
    live_app.ingest(folder)
    return live_app


def change(path: Path, **attributes: Any) -> None:
    """Give an object other attributes."""
    dataset = dcmread(path)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    path.write_bytes(save(dataset))


def in_series(page: Page, series: int, instance: int = 1) -> None:
    """Open a series."""
    opened(page, STUDY, series=series_uid(STUDY, series), instance=f"{series_uid(STUDY, series)}.{instance}")


def becomes(page: Page, expected: float, near: float, column: float = 32, row: float = 32) -> None:
    """Wait until a pixel of the picture is as bright as it should be."""
    wait_until(lambda: abs(grey(page, column, row) - expected) <= near, what=f"brightness {expected}")


def grey(page: Page, column: float, row: float) -> float:
    """Return how bright a pixel of the picture is."""
    picture = colours(page).mean(axis=2)
    box = page.locator(".viewport .canvas").bounding_box()
    assert box
    x, y = at(page, column, row)
    return float(picture[int(y - box["y"]), int(x - box["x"])])


def test_values_that_are_fractions_are_windowed_and_measured_as_they_are(page_of: Page) -> None:
    in_series(page_of, FRACTIONS, MIDDLE)
    value = (BALL + 1024) * 0.37 - 378.88
    becomes(page_of, 255 * (value - 40 + 200) / 400, 3)
    page_of.keyboard.press("o")
    page_of.mouse.click(*at(page_of, 32, 30))
    expect(marks(page_of)).to_contain_text(f"{value:.0f}")
    page_of.keyboard.press("b")
    drag(page_of, at(page_of, 28, 40), at(page_of, 36, 44))
    expect(marks(page_of)).to_contain_text(f"Mean: {value:.0f}")


def test_each_picture_has_its_own_window_until_one_is_chosen(page_of: Page) -> None:
    in_series(page_of, WINDOWS)
    expect(corner(page_of, "br")).to_contain_text("W 400 L 40")
    page_of.keyboard.press("ArrowDown")
    expect(corner(page_of, "br")).to_contain_text("W 100 L 300")
    becomes(page_of, 128, 6)
    page_of.keyboard.press("3")
    expect(corner(page_of, "br")).to_contain_text("W 1500 L −600")
    page_of.keyboard.press("ArrowUp")
    shows(page_of, 1, 2)
    expect(corner(page_of, "br")).to_contain_text("W 1500 L −600")
    page_of.keyboard.press("0")
    expect(corner(page_of, "br")).to_contain_text("W 400 L 40")


def test_a_negative_is_shown_as_one(page_of: Page) -> None:
    in_series(page_of, NEGATIVE)
    expect(page_of.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    becomes(page_of, 255, 10, 4, 4)
    page_of.keyboard.press("i")
    expect(page_of.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "false")
    becomes(page_of, 0, 10, 4, 4)
    page_of.keyboard.press("0")
    expect(page_of.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    becomes(page_of, 255, 10, 4, 4)


def length(page: Page) -> float:
    """Return the length that is measured, in mm."""
    return float((marks(page).locator("text").text_content() or "0").split()[0])


def test_pixels_that_are_not_square_keep_their_shape_when_magnified(page_of: Page) -> None:
    in_series(page_of, SHAPED)
    assert "Zoom 1.0" in (corner(page_of, "br").text_content() or "")
    box = page_of.locator(".viewport .canvas").bounding_box()
    assert box
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page_of.keyboard.press("z")
    drag(page_of, middle, (middle[0], middle[1] - 6))
    expect(corner(page_of, "br")).to_contain_text(re.compile(r"Zoom (1\.[01]|0\.9)"))
    page_of.keyboard.press("l")
    scale = 256 / box["height"] / float((corner(page_of, "br").text_content() or "").split("Zoom ")[1].split()[0])
    for end in ((middle[0] + 100, middle[1]), (middle[0], middle[1] + 100)):
        drag(page_of, middle, end)
        wait_until(lambda: length(page_of) == pytest.approx(100 * scale, rel=0.06), what="the length")
        page_of.keyboard.press("Delete")
        expect(marks(page_of).locator("text")).to_have_count(0)


def test_pictures_of_other_sizes_in_one_series_fit_as_well(page_of: Page) -> None:
    in_series(page_of, SIZES)
    before = colours(page_of).mean(axis=2)
    page_of.keyboard.press("ArrowDown")
    shows(page_of, 2, 2)
    expect(corner(page_of, "br")).to_contain_text("Zoom 1.0")
    assert np.abs(colours(page_of).mean(axis=2) - before).mean() < 12


def test_what_is_mirrored_and_turned_stays_so_in_another_layout(page_of: Page) -> None:
    in_series(page_of, PLAIN, MIDDLE)
    page_of.keyboard.press("h")
    expect(page_of.locator(".orient.e").first).to_have_text("R")
    page_of.keyboard.press("r")
    page_of.keyboard.press("n")
    expect(page_of.locator(".viewport")).to_have_count(2)
    expect(page_of.locator(".orient.s").first).to_have_text("R")
    page_of.keyboard.press("o")
    page_of.mouse.click(*at(page_of, 10, 20))
    expect(marks(page_of)).to_contain_text("(43, 53)")


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_display_of_fine_pixels_measures_the_same(
    balls: LiveApp, browser: Browser, login: Callable[[Any, Person], None], renderer: str
) -> None:
    context = browser.new_context(base_url=balls.url, device_scale_factor=2, viewport={"width": 700, "height": 640})
    page = context.new_page()
    draw_by(page, renderer)
    login(page, balls.user("viewer"))
    in_series(page, PLAIN, MIDDLE)
    page.keyboard.press("o")
    page.mouse.click(*at(page, 10, 20))
    expect(marks(page)).to_contain_text("(10, 20)")
    page.keyboard.press("Delete")
    page.keyboard.press("r")
    page.mouse.click(*at(page, 10, 20))
    expect(marks(page)).to_contain_text("(20, 53)")
    context.close()
