"""The viewer in a real browser: scroll, window, measure, cut, compare, share, and say why a picture cannot be seen."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from pydicom import dcmread

from tests.accessibility import assert_accessible
from tests.datasets import make_dataset, save
from tests.e2e.viewing import (
    SLICES,
    address,
    colours,
    corner,
    key_objects,
    middle,
    opened,
    series_uid,
    shows,
    study_uid,
    watched,
    write_volume,
)
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e
# WebGL is drawn by the processor here, which other tests need as well
expect.set_options(timeout=20_000)

STUDY, PRIOR, MIXED, OVERLAID = 9071, 9072, 9073, 9078
WHO = {"PatientID": "E2E-9071", "PatientName": "Ball^Bea", "StudyDescription": "CT ball"}


@pytest.fixture(scope="module")
def balls(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The running product with a volume, a second series in its frame, a prior study, and a series with odd ones."""
    folder = tmp_path_factory.mktemp("balls")
    write_volume(folder, STUDY, StudyDate="20260301", **WHO)
    write_volume(folder, STUDY, 2, slices=1, StudyDate="20260301", **{**WHO, "SeriesDescription": "Scout"})
    same = {**WHO, "StudyDate": "20260301"}
    (folder / "ko.dcm").write_bytes(key_objects(STUDY, 9, [f"{series_uid(STUDY, 1)}.{n}" for n in (6, 12)], **same))
    write_volume(folder, PRIOR, StudyDate="20240301", **WHO)
    write_volume(folder, MIXED, slices=3, StudyDate="20230301", **{**WHO, "PatientID": "E2E-9073"})
    short = {"Rows": 512, "Columns": 512, "SOPInstanceUID": f"{series_uid(MIXED, 1)}.9", "InstanceNumber": 9}
    uids = {"StudyInstanceUID": study_uid(MIXED), "SeriesInstanceUID": series_uid(MIXED, 1)}
    odd = make_dataset(**{**WHO, "PatientID": "E2E-9073", "StudyDate": "20230301", **uids, **short})
    (folder / "short.dcm").write_bytes(odd)
    write_volume(folder, OVERLAID, slices=2, **{**WHO, "PatientID": "E2E-9078"})
    add_overlay(folder / f"{OVERLAID}-1-0000.dcm")
    live_app.ingest(folder)
    return live_app


def add_overlay(path: Path) -> None:
    """Add an overlay to an object, so large that it is fetched by itself."""
    dataset = dcmread(path)
    dataset.add_new(0x60000010, "US", 128)
    dataset.add_new(0x60000011, "US", 128)
    dataset.add_new(0x60000040, "CS", "G")
    dataset.add_new(0x60000050, "SS", [1, 1])
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 0)
    dataset.add_new(0x60003000, "OW", b"\xff" * 2048)
    path.write_bytes(save(dataset))


@pytest.fixture
def page_of(page: Page, balls: LiveApp, login: Callable[[Any, Person], None]) -> Iterator[Page]:
    """A page on which somebody is logged in, and that must not complain."""
    with watched(page, balls, login, (1280, 800), let="Failed to load resource") as page:
        yield page


def pixels(page: Page, viewport: int = 1) -> Any:
    """Return what a viewport shows as grey values."""
    return colours(page, viewport).mean(axis=2)


def test_an_overlay_that_cannot_be_fetched_is_said_and_asked_for_again(
    browser: Browser, balls: LiveApp, login: Callable[[Any, Person], None]
) -> None:
    context = browser.new_context(base_url=balls.url)
    page = context.new_page()
    login(page, balls.user("viewer"))
    page.route("**/bulkdata/60003000", lambda route: route.abort())
    page.goto(address(OVERLAID))
    shows(page, 1, 2)
    expect(page.locator(".viewport .hint")).to_contain_text("The overlay of this picture could not be fetched.")
    page.unroute("**/bulkdata/60003000")
    page.keyboard.press("ArrowDown")
    shows(page, 2, 2)
    with page.expect_response("**/bulkdata/60003000") as answer:
        page.keyboard.press("ArrowUp")
    assert answer.value.ok
    context.close()


def test_a_series_is_scrolled_by_wheel_keys_and_slider(page_of: Page) -> None:
    opened(page_of, STUDY)
    shows(page_of, 1)
    page_of.mouse.move(*middle(page_of))
    page_of.mouse.wheel(0, 100)
    shows(page_of, 2)
    page_of.keyboard.press("ArrowDown")
    shows(page_of, 3)
    page_of.keyboard.press("PageDown")
    shows(page_of, 13)
    page_of.keyboard.press("End")
    shows(page_of, SLICES)
    page_of.keyboard.press("Home")
    shows(page_of, 1)
    slider = page_of.get_by_label("Slice in viewport 1")
    slider.focus()
    slider.fill("12")
    shows(page_of, 12)
    expect(corner(page_of, "bl")).to_contain_text("z 58.7 mm")
    assert pixels(page_of)[350, 500] > 200
    expect(page_of).to_have_url(re.compile(rf"instance={re.escape(series_uid(STUDY, 1))}\.12"))


def test_the_window_changes_by_dragging_and_by_presets(page_of: Page) -> None:
    opened(page_of, STUDY, series=series_uid(STUDY, 1), instance=f"{series_uid(STUDY, 1)}.12")
    expect(corner(page_of, "br")).to_contain_text("W 400 L 40")
    x, y = middle(page_of)
    page_of.mouse.move(x, y)
    page_of.mouse.down()
    page_of.mouse.move(x + 80, y + 30, steps=4)
    page_of.mouse.up()
    expect(corner(page_of, "br")).not_to_contain_text("W 400 L 40")
    page_of.keyboard.press("3")
    expect(corner(page_of, "br")).to_contain_text("W 1500 L −600")
    expect(page_of).to_have_url(re.compile(r"window=-600,1500"))
    page_of.get_by_label("Usual windows").select_option("300,1500")
    expect(corner(page_of, "br")).to_contain_text("W 1500 L 300")
    dark = pixels(page_of)[350, 500]
    page_of.keyboard.press("i")
    expect(page_of.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    assert abs(pixels(page_of)[350, 500] - (255 - dark)) < 40
    page_of.keyboard.press("0")
    expect(corner(page_of, "br")).to_contain_text("W 400 L 40")


def test_a_link_opens_the_same_slice_and_window(page_of: Page) -> None:
    opened(page_of, STUDY, series=series_uid(STUDY, 1), instance=f"{series_uid(STUDY, 1)}.7", window="300,1500")
    shows(page_of, 7)
    expect(corner(page_of, "br")).to_contain_text("W 1500 L 300")


def test_measurements_have_the_sizes_of_the_patient(page_of: Page) -> None:
    opened(page_of, STUDY, series=series_uid(STUDY, 1), instance=f"{series_uid(STUDY, 1)}.13")
    x, y = middle(page_of)
    page_of.keyboard.press("l")
    page_of.mouse.move(x - 110, y)
    page_of.mouse.down()
    page_of.mouse.move(x + 110, y, steps=6)
    page_of.mouse.up()
    marks = page_of.locator(".viewport svg.svg-layer text")
    # the picture is 128 mm high and fills the viewport
    box = page_of.locator(".viewport .canvas").bounding_box()
    assert box
    expect(marks.first).to_have_text(re.compile(rf"^{220 * 128 / box['height']:.1f}"))
    page_of.keyboard.press("b")
    page_of.mouse.move(x - 40, y + 10)
    page_of.mouse.down()
    page_of.mouse.move(x + 40, y + 60, steps=6)
    page_of.mouse.up()
    expect(page_of.locator(".viewport svg.svg-layer")).to_contain_text("Mean: 300")
    for key in ("Delete", "Delete"):
        page_of.keyboard.press(key)
    expect(marks).to_have_count(0)


def test_turning_moves_the_letters_of_the_sides(page_of: Page) -> None:
    opened(page_of, STUDY)

    def letters() -> str:
        return "".join(page_of.locator(f".orient.{side}").inner_text() for side in "nesw")

    assert letters() == "ALPR"
    page_of.keyboard.press("h")
    expect(page_of.locator(".orient.e")).to_have_text("R")
    page_of.keyboard.press("h")
    page_of.keyboard.press("r")
    expect(page_of.locator(".orient.n")).to_have_text("R")
    assert letters() == "RALP"
    page_of.keyboard.press("0")
    expect(page_of.locator(".orient.n")).to_have_text("A")
    page_of.keyboard.press("t")
    expect(corner(page_of, "tl")).to_be_hidden()


def test_a_volume_is_cut_in_three_planes(page_of: Page) -> None:
    opened(page_of, STUDY)
    page_of.keyboard.press("m")
    expect(page_of.locator(".plane[data-loaded]")).to_have_count(3)
    for name in ("axial", "sagittal", "coronal"):
        plane = page_of.get_by_role("region", name=f"{name} plane").locator(".canvas")
        box = plane.bounding_box()
        assert box
        expect(page_of.get_by_role("region", name=f"{name} plane")).to_have_attribute("data-slice", re.compile(r"\d"))
        picture = np.asarray(Image.open(io.BytesIO(plane.screenshot())).convert("L")).astype(int)
        assert picture[picture.shape[0] // 2 + 12, picture.shape[1] // 2 + 12] > 150, name
        assert picture[picture.shape[0] // 2, 30] < 60, name
    axial = page_of.get_by_role("region", name="axial plane")
    assert "".join(axial.locator(f".orient.{side}").inner_text() for side in "nesw") == "ALPR"
    assert_accessible(page_of)
    for name in ("axial", "sagittal"):
        page_of.keyboard.press("ArrowRight")
        plane = page_of.get_by_role("region", name=f"{name} plane")
        before = int(plane.get_attribute("data-slice") or 0)
        page_of.keyboard.press("ArrowDown")
        expect(plane).to_have_attribute("data-slice", str(before + 1))
    window = page_of.get_by_role("button", name="Window", exact=True)
    for expected in ("false", "true", "false"):  # crosshairs, then a tool, and crosshairs again
        expect(window).to_have_attribute("aria-pressed", expected)
        page_of.keyboard.press("w")
    page_of.keyboard.press("m")
    expect(page_of.locator(".plane")).to_have_count(0)
    expect(window).to_have_attribute("aria-pressed", "true")
    shows(page_of, 1)


def test_what_is_no_volume_says_why(page_of: Page) -> None:
    opened(page_of, STUDY, series=series_uid(STUDY, 2))
    page_of.keyboard.press("m")
    expect(page_of.locator(".hint")).to_contain_text("at least three slices")


def test_a_prior_is_opened_beside_and_scrolls_along(page_of: Page) -> None:
    opened(page_of, STUDY, series=series_uid(STUDY, 1), instance=f"{series_uid(STUDY, 1)}.5")
    page_of.get_by_role("button", name="Prior").click()
    expect(corner(page_of, "tl", 2)).to_contain_text("2024-03-01")
    shows(page_of, 1, viewport=2)
    expect(page_of.locator(".viewport[aria-busy]")).to_have_count(0)
    expect(page_of.get_by_role("button", name="Link", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(corner(page_of, "tr", 2)).to_contain_text("scrolls with viewport 1")
    page_of.mouse.move(*middle(page_of))
    page_of.mouse.wheel(0, 100)
    shows(page_of, 6)
    shows(page_of, 2, viewport=2)
    page_of.get_by_role("button", name="Link", exact=True).click()
    page_of.mouse.move(*middle(page_of))
    page_of.mouse.wheel(0, 100)
    shows(page_of, 7)
    shows(page_of, 2, viewport=2)
    expect(page_of).to_have_url(re.compile(rf"layout=2.*\.7&.*study2={re.escape(study_uid(PRIOR))}"))
    page_of.reload()
    shows(page_of, 7)
    shows(page_of, 2, viewport=2)


def test_key_images_are_jumped_to(page_of: Page) -> None:
    opened(page_of, STUDY)
    page_of.get_by_role("button", name="Key image").click()
    shows(page_of, 6)
    page_of.keyboard.press("k")
    shows(page_of, 12)
    page_of.keyboard.press("k")
    shows(page_of, 6)


def test_cine_plays_and_stops(page_of: Page) -> None:
    opened(page_of, STUDY)
    page_of.keyboard.press(" ")
    expect(corner(page_of, "bl")).not_to_contain_text(f"1 of {SLICES}")
    page_of.keyboard.press(" ")
    expect(page_of.get_by_role("button", name="Cine")).to_have_attribute("aria-pressed", "false")


def test_a_picture_is_saved_as_png(page_of: Page, tmp_path: Path) -> None:
    opened(page_of, STUDY, series=series_uid(STUDY, 1), instance=f"{series_uid(STUDY, 1)}.13")
    with page_of.expect_download() as arriving:
        page_of.get_by_role("button", name="Save this picture as PNG").click()
    arriving.value.save_as(tmp_path / "a.png")
    saved = np.asarray(Image.open(tmp_path / "a.png").convert("L"))
    assert saved[saved.shape[0] // 2 + 5, saved.shape[1] // 2 + 5] > 200


def test_what_cannot_be_seen_says_which_step_failed(page_of: Page) -> None:
    page_of.goto(address(MIXED))
    shows(page_of, 1, 4)
    expect(page_of.locator(".viewport[aria-busy]")).to_have_count(0)
    page_of.keyboard.press("End")
    why = page_of.locator(".why")
    expect(why).to_be_visible()
    expect(why).to_contain_text("Truncated pixel data")
    expect(why.get_by_role("link", name="Page of this instance")).to_have_attribute("href", re.compile(r"\.9/$"))
    page_of.keyboard.press("ArrowUp")
    expect(why).to_be_hidden()
    shows(page_of, 3, 4)


def test_what_a_decoder_makes_nothing_of_says_so(page_of: Page, balls: LiveApp, corpus: Path, tmp_path: Path) -> None:
    """The codestream is broken, which the decoder answers by a picture without pixels."""
    file = tmp_path / "broken.dcm"
    given = corpus / "dicom" / "pydicom" / "JPEG2000-embedded-sequence-delimiter.dcm"
    # the object has the UIDs of a good one, which may be here
    file.write_bytes(given.read_bytes().replace(b"1.3.6.1.4.1.5962.", b"1.3.6.1.4.1.5999."))
    balls.ingest(file)
    header = dcmread(file, stop_before_pixels=True)
    query = f"series={header.SeriesInstanceUID}&instance={header.SOPInstanceUID}"
    page_of.goto(f"/view/{header.StudyInstanceUID}/?{query}")
    expect(page_of.locator(".why")).to_contain_text("Decoding. The picture could not be decoded (JPEG 2000")
    expect(page_of.locator(".why").get_by_role("link", name="Page of this instance")).to_be_visible()
    expect(page_of.locator(".why img")).to_have_count(0)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_viewer_is_accessible(page_of: Page, width: int) -> None:
    page_of.set_viewport_size({"width": width, "height": 800})
    opened(page_of, STUDY)
    assert_accessible(page_of)
    assert page_of.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page_of.keyboard.press("?")
    expect(page_of.get_by_role("dialog")).to_be_visible()
    assert_accessible(page_of)


def test_the_toolbar_is_one_stop_with_arrows(page_of: Page) -> None:
    opened(page_of, STUDY)
    page_of.get_by_role("button", name="Scroll").focus()
    page_of.keyboard.press("ArrowRight")
    expect(page_of.get_by_role("button", name="Window", exact=True)).to_be_focused()
    page_of.keyboard.press("Enter")
    expect(page_of.get_by_role("button", name="Window", exact=True)).to_have_attribute("aria-pressed", "true")
    page_of.keyboard.press("End")
    expect(page_of.get_by_role("button", name="Prior")).to_be_focused()


def test_study_series_and_instance_lead_to_the_viewer(page_of: Page) -> None:
    series = f"/studies/{study_uid(STUDY)}/series/{series_uid(STUDY, 1)}/"
    for start in (f"/studies/{study_uid(STUDY)}/", series, f"{series}instances/{series_uid(STUDY, 1)}.4/"):
        page_of.goto(start)
        page_of.wait_for_load_state()
        page_of.keyboard.press("v")
        shows(page_of, 4 if "instances" in start else 1)


def test_without_javascript_the_server_draws_the_frames(
    balls: LiveApp, browser: Any, login: Callable[[Any, Person], None]
) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=balls.url)
    page = context.new_page()
    login(page, balls.user("viewer"))
    page.goto(address(STUDY))
    picture = page.get_by_role("img", name="CT series 1, picture 1 of 24")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("img", name="CT series 1, picture 2 of 24")).to_be_visible()
    page.get_by_role("link", name="Lung").click()
    expect(page).to_have_url(re.compile(r"window=-600"))
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("img", name="picture 3 of 24")).to_have_attribute("src", re.compile(r"window=-600"))
    page.get_by_role("link", name="Scout").click()
    expect(page.get_by_role("img", name="CT series 2, picture 1 of 1")).to_be_visible()
    context.close()


def test_without_webgl_the_processor_draws(
    balls: LiveApp, browser_type: Any, browser_type_launch_args: dict[str, Any], login: Callable[[Any, Person], None]
) -> None:
    arguments = [*browser_type_launch_args["args"], "--disable-3d-apis"]
    browser = browser_type.launch(**{**browser_type_launch_args, "args": arguments})
    page = browser.new_context(base_url=balls.url, viewport={"width": 1280, "height": 800}).new_page()
    login(page, balls.user("viewer"))
    opened(page, STUDY, series=series_uid(STUDY, 1), instance=f"{series_uid(STUDY, 1)}.12")
    shows(page, 12)
    assert pixels(page)[350, 500] > 200
    page.mouse.move(*middle(page))
    page.mouse.wheel(0, 100)
    shows(page, 13)
    page.keyboard.press("m")
    expect(page.locator(".hint")).to_contain_text("WebGL")
    browser.close()
