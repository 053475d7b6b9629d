"""Lists and search in a real browser: axe, the keyboard, "load more", filters, Back."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.accessibility import assert_accessible
from tests.datasets import ROOT, make_dataset
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e

LogIn = Callable[[Any, Person], None]


@pytest.fixture(scope="module")
def filled(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The product with sixty patients of its own, in several scripts."""
    folder = tmp_path_factory.mktemp("lists")
    names = ["Listed^Łukasz", "王^小东", "Листова^Мария", "الخوارزمي^ليلى", ""]
    for number in range(60):
        uid = f"{ROOT}.77.{number}"
        (folder / f"{number}.dcm").write_bytes(
            make_dataset(
                PatientName=names[number] if number < len(names) else f"Listed{number:03d}^Given",
                PatientID=f"LIST{number:04d}" if number != 7 else "",
                StudyInstanceUID=uid,
                SeriesInstanceUID=f"{uid}.1",
                SOPInstanceUID=f"{uid}.1.1",
                StudyDate="" if number == 3 else f"2023{number % 12 + 1:02d}{number % 28 + 1:02d}",
                Modality="MR" if number % 3 else "CT",
            )
        )
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


def test_pages_are_accessible(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    login(clean_page, filled.user("uploader"))
    for address in (
        "/",
        "/studies/",
        "/arrivals/",
        "/?q=zzzqq+MR",
        "/?q=list0004",
        "/?q=listed&modality=CT&date=range&from=2023-01-01&to=2023-12-31&undated=1",
        "/?q=1.2.3.4.5.6.7.8",
        f"/?q={ROOT}.77",
        f"/?q={ROOT}.77.1%0A{ROOT}.77.2%0A1.2.3.4.5",
    ):
        clean_page.goto(address)
        assert_accessible(clean_page)
        clean_page.set_viewport_size({"width": 390, "height": 844})
        assert_accessible(clean_page)
        too_wide = clean_page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert too_wide <= 0, f"{address} scrolls sideways by {too_wide} px on a phone"
        clean_page.set_viewport_size({"width": 1280, "height": 800})


def test_from_the_box_to_the_patient_by_keyboard(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    login(clean_page, filled.user("viewer"))
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("/")
    clean_page.keyboard.type("lukasz listed")
    clean_page.keyboard.press("Enter")
    expect(clean_page.get_by_role("heading", name="1 patient")).to_be_visible()
    clean_page.locator("h1").click(force=True)
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("j")
    expect(clean_page.get_by_role("link", name="LISTED, Łukasz")).to_be_focused()
    clean_page.keyboard.press("Enter")
    expect(clean_page).to_have_url(re.compile(r"/patients/\d+/$"))
    clean_page.go_back()
    expect(clean_page).to_have_url(re.compile(r"q=lukasz"))


def test_load_more_adds_rows_and_moves_the_focus(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    login(clean_page, filled.user("viewer"))
    clean_page.goto("/?q=list&sort=id")
    rows = clean_page.locator("#rows tr")
    expect(rows).to_have_count(50)
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("m")
    expect(rows).to_have_count(60)
    expect(rows.nth(50).locator("th a")).to_be_focused()
    expect(clean_page.locator("#announce")).to_contain_text("10 patients more")
    expect(clean_page).to_have_url(re.compile(r"show=60"))
    expect(clean_page.locator("#load-more")).to_have_count(0)
    clean_page.reload()
    expect(rows).to_have_count(60)


def test_filters_swap_results_and_are_in_the_address(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    login(clean_page, filled.user("viewer"))
    clean_page.goto("/?q=list")
    clean_page.get_by_label("Modality", exact=True).focus()
    clean_page.get_by_label("Modality", exact=True).select_option("CT")
    expect(clean_page.get_by_role("heading", name="20 patients")).to_be_visible()
    expect(clean_page).to_have_url(re.compile(r"/\?q=list&modality=CT$"))
    expect(clean_page.get_by_label("Modality", exact=True)).to_be_focused()
    clean_page.get_by_role("link", name="Patient Name").click()
    expect(clean_page.locator("th[aria-sort=ascending]")).to_contain_text("Patient Name")
    expect(clean_page.locator("#sort-name")).to_be_focused()
    clean_page.go_back()
    expect(clean_page).to_have_url(re.compile(r"/\?q=list&modality=CT$"))
    expect(clean_page.locator("th[aria-sort=descending]")).to_contain_text("Last Study")
    clean_page.get_by_role("link", name="Remove modality: CT").click()
    expect(clean_page.get_by_role("heading", name=re.compile("60 patients"))).to_be_visible()


def test_arrivals_refresh_themselves_without_losing_the_focus(
    clean_page: Page, filled: LiveApp, login: LogIn, tmp_path: Path
) -> None:
    login(clean_page, filled.user("viewer"))
    clean_page.goto("/arrivals/")
    link = clean_page.locator("ul.arrived a").first
    link.focus()
    name = link.get_attribute("id")
    (tmp_path / "new.dcm").write_bytes(
        io.BytesIO(make_dataset(PatientName="Fresh^Arrival", PatientID="FRESH", StudyInstanceUID=f"{ROOT}.78",
                                SeriesInstanceUID=f"{ROOT}.78.1", SOPInstanceUID=f"{ROOT}.78.1.1")).getvalue()
    )  # fmt: skip
    filled.ingest(tmp_path)
    expect(clean_page.get_by_role("link", name="FRESH, Arrival")).to_be_visible(timeout=15_000)
    expect(clean_page.locator(f"[id='{name}']")).to_be_focused()
