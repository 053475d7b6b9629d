"""Ticking rows in a real browser: ranges, the keyboard, several pages of a list, and what is done with them."""

import re
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accessibility import assert_accessible
from tests.datasets import ROOT, make_dataset, make_series
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e

LogIn = Callable[[Any, Person], None]
STUDY = f"{ROOT}.88"


@pytest.fixture(scope="module")
def filled(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The product with sixty patients of its own, and a study of three series."""
    folder = tmp_path_factory.mktemp("picks")
    for number in range(60):
        uid = f"{ROOT}.87.{number}"
        (folder / f"{number}.dcm").write_bytes(
            make_dataset(
                PatientName=f"Picked{number:03d}",
                PatientID=f"PICK{number:04d}",
                StudyInstanceUID=uid,
                SeriesInstanceUID=f"{uid}.1",
                SOPInstanceUID=f"{uid}.1.1",
            )
        )
    for series in (1, 2, 3):
        for place, data in enumerate(make_series(4, study=88, series=series, PatientID="SERIES88")):
            (folder / f"s{series}_{place}.dcm").write_bytes(data)
    live_app.ingest(folder)
    return live_app


@pytest.fixture
def clean_page(page: Page) -> Iterator[Page]:
    """A page that must not complain in the console."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(10_000)
    yield page
    assert [text for text in said if not text.startswith("Failed to load resource")] == []


def boxes(page: Page) -> Any:
    return page.locator('.pick input[name="pick"]')


def test_ranges_are_picked_and_kept_across_pages(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    page = clean_page
    login(page, filled.user("viewer"))
    page.goto("/?q=pick&sort=id")
    bar, own = page.locator(".selection-bar"), boxes(page)
    expect(bar).to_be_hidden()
    own.nth(2).click()
    own.nth(5).click(modifiers=["Shift"])
    expect(bar).to_contain_text("4 patients")
    page.get_by_role("link", name="Load 50 more").click()
    expect(own).to_have_count(60)
    expect(page.locator(".pick input[name=pick]:checked")).to_have_count(4)
    own.nth(55).click()
    expect(bar).to_contain_text("5 patients")
    page.goto("/?q=picked059")
    expect(bar).to_contain_text("5 patients 5 not on this page")
    assert_accessible(page)
    page.get_by_label("Select all on this page").check()
    expect(bar).to_contain_text("6 patients 5 not on this page")
    with page.expect_download() as zipped:
        page.get_by_role("button", name="Download").click()
    assert zipped.value.suggested_filename == "6_patients.zip"
    with zipfile.ZipFile(zipped.value.path()) as file:
        tops = sorted(name.partition("/")[0] for name in file.namelist())
    assert tops == ["PICK0002", "PICK0003", "PICK0004", "PICK0005", "PICK0055", "PICK0059"]
    page.get_by_role("button", name="Clear").click()
    expect(bar).to_be_hidden()
    page.goto("/?q=pick&sort=id")
    expect(page.locator(".pick input[name=pick]:checked")).to_have_count(0)


def test_the_keyboard_alone_picks(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    page = clean_page
    login(page, filled.user("viewer"))
    page.goto("/studies/?q=pick&sort=id")
    page.wait_for_load_state()
    bar = page.locator(".selection-bar")
    for key in ("j", "x", "j", "j", "j", "X"):
        page.keyboard.press(key)
    expect(bar).to_contain_text("4 studies")
    page.keyboard.press("x")
    expect(bar).to_contain_text("3 studies")
    expect(boxes(page).nth(3)).not_to_be_checked()
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()


def test_series_and_instances_are_picked_on_their_pages(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    page = clean_page
    login(page, filled.user("viewer"))
    for address, words in ((f"/studies/{STUDY}/", "2 series"), (f"/studies/{STUDY}/series/{STUDY}.1/", "2 instances")):
        for view in ("", "?view=table"):
            page.goto(address + view)
            page.wait_for_load_state()
            page.keyboard.press("j")
            page.keyboard.press("x")
            page.keyboard.press("j")
            page.keyboard.press("X")
            expect(page.locator(".selection-bar")).to_contain_text(words)
            assert_accessible(page)
            page.set_viewport_size({"width": 390, "height": 844})
            assert_accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            page.set_viewport_size({"width": 1280, "height": 800})
            page.keyboard.press("Escape")


def test_uids_are_copied(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    page = clean_page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    login(page, filled.user("viewer"))
    page.goto(f"/studies/{STUDY}/")
    boxes(page).nth(0).click()
    boxes(page).nth(2).click()
    page.get_by_role("button", name="Copy UIDs").click()
    expect(page.locator("#announce")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"{STUDY}.1\n{STUDY}.3"


def test_what_went_to_the_trash_is_not_picked_any_more(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    page = clean_page
    login(page, filled.user("administrator"))
    page.goto("/?q=pick003")
    boxes(page).first.click()
    page.get_by_role("button", name="Move to trash").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Move 1 patient to the trash")
    assert_accessible(page)
    page.get_by_label("Reason").fill("a test")
    page.get_by_role("button", name="Move 1 instance to the trash").click()
    expect(page).to_have_url(re.compile(r"/\?q=pick003$"))
    expect(page.get_by_text("1 instance moved to the trash")).to_be_visible()
    page.goto("/?q=pick")
    expect(page.locator(".selection-bar")).to_be_hidden()


def test_without_javascript_the_boxes_of_a_page_work(browser: Browser, filled: LiveApp, login: LogIn) -> None:
    with browser.new_context(java_script_enabled=False, base_url=filled.url) as context:
        page = context.new_page()
        login(page, filled.user("viewer"))
        page.goto("/?q=pick&sort=id")
        expect(page.locator(".selection-bar")).to_be_hidden()
        boxes(page).nth(0).check()
        boxes(page).nth(1).check()
        expect(page.get_by_label("Select all on this page")).to_be_hidden()
        with page.expect_download() as zipped:
            page.get_by_role("button", name="Download").click()
        assert zipped.value.suggested_filename == "2_patients.zip"
        page.get_by_role("button", name="Copy IDs").click()
        expect(page.get_by_label("To copy")).to_have_value("PICK0000\nPICK0001")
