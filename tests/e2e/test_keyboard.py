"""The main job by the keyboard alone in real Chromium, and that reload and Back never lose where a person was."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.datasets import make_series
from tests.live import LiveApp

pytestmark = pytest.mark.e2e
STUDY = 9200
UID = "1.2.826.0.1.3680043.10.1.9200"


@pytest.fixture
def keyboard(page: Page, live_app: LiveApp) -> Iterator[Page]:
    """A page whose pointer is never used; an error in the console fails the test."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(20_000)
    yield page
    assert said == []


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A CT of two series, of one and of two instances."""
    patient = {"PatientName": "Keys^Alicia", "PatientID": "KEYS-7", "StudyDescription": "By keyboard"}
    contents = [*make_series(1, study=STUDY, series=1, **patient), *make_series(2, study=STUDY, series=2, **patient)]
    paths = [tmp_path / f"{place}.dcm" for place in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def tab_to(page: Page, target: Locator, most: int = 90) -> None:
    """Press Tab until the target has the focus; what cannot be reached so fails the test."""
    expect(target).to_be_visible()
    for _ in range(most):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} is not reached by {most} tabs")


def enter(page: Page, target: Locator) -> None:
    """Go to a target and press Enter on it."""
    tab_to(page, target)
    page.keyboard.press("Enter")


def log_in(page: Page, live_app: LiveApp, role: str) -> None:
    person = live_app.user(role)
    page.goto("/")
    tab_to(page, page.get_by_label("User name"))
    page.keyboard.type(person.username)
    page.keyboard.press("Tab")
    page.keyboard.type(person.password)
    page.keyboard.press("Enter")
    expect(page).to_have_title(re.compile("Patients"))


def box(page: Page) -> Locator:
    return page.locator("#q")


def search(page: Page, words: str) -> None:
    """The key / and then the words."""
    page.wait_for_load_state()
    page.keyboard.press("/")
    expect(box(page)).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type(words)
    page.keyboard.press("Enter")


def patient_link(page: Page) -> Locator:
    row = page.get_by_role("row", name=re.compile("KEYS, Alicia"))
    return row.get_by_role("rowheader").get_by_role("link").first


def test_the_whole_job(keyboard: Page, live_app: LiveApp, files: list[Path]) -> None:
    page = keyboard
    # listened for from the start: the browser is told of the first listener only after a while
    page.on("filechooser", lambda _: None)
    log_in(page, live_app, "uploader")

    page.wait_for_load_state()
    page.keyboard.press("g")
    page.wait_for_load_state()
    page.keyboard.press("u")
    expect(page).to_have_url(re.compile("/upload/$"))
    tab_to(page, page.get_by_role("button", name="Choose files"))
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(files)
    expect(page.locator("#report").get_by_text("Finished", exact=True)).to_be_visible()

    page.wait_for_load_state()
    page.keyboard.press("g")
    page.wait_for_load_state()
    page.keyboard.press("p")
    expect(page).to_have_title(re.compile("Patients"))
    search(page, "keys alic")
    expect(page).to_have_url(re.compile("q=keys"))
    expect(patient_link(page)).to_be_visible()
    search(page, "KEYS-7")
    expect(page).to_have_url(re.compile("q=KEYS-7"))
    enter(page, patient_link(page))

    expect(page.get_by_role("heading", level=1)).to_have_text("KEYS, Alicia")
    enter(page, page.get_by_role("main").get_by_role("link", name=re.compile("By keyboard")).first)
    expect(page).to_have_url(re.compile(re.escape(f"/studies/{UID}/") + "$"))
    enter(page, page.locator(f'main h3 a[href$="/series/{UID}.2/"]'))
    expect(page).to_have_url(re.compile(re.escape(f"/series/{UID}.2/") + "$"))
    enter(page, page.locator(f'main a[href$="/instances/{UID}.2.2/"]'))
    expect(page.get_by_text("(0008,0018)").first).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(f"{UID}.2.2")

    page.wait_for_load_state()
    page.keyboard.press("f")
    expect(page.locator("#tag-filter")).to_be_focused()
    page.keyboard.type("patientname")
    expect(page.locator("#tag-table")).not_to_contain_text("StudyDescription")
    expect(page.locator("#tag-table")).to_contain_text("Keys^Alicia")


def test_chart_and_tree(keyboard: Page, live_app: LiveApp, files: list[Path]) -> None:
    page = keyboard
    live_app.ingest(*files)
    log_in(page, live_app, "viewer")
    search(page, UID)
    expect(page).to_have_url(re.compile(re.escape(f"/studies/{UID}/") + "$"))
    page.wait_for_load_state()
    page.keyboard.press("h")
    expect(page.get_by_role("heading", name="Hierarchy chart")).to_be_visible()
    root = page.get_by_role("treeitem", name=re.compile("KEYS, Alicia"))
    enter(page, root)
    expect(page.get_by_role("heading", level=1)).to_have_text("KEYS, Alicia")
    page.wait_for_load_state()
    page.keyboard.press("h")
    expect(page.get_by_role("tree")).to_be_visible()
    tab_to(page, root)
    for key in ("End", "Home", "ArrowRight", "ArrowRight", "2"):
        page.keyboard.press(key)
    expect(page.get_by_role("treeitem", name=re.compile("^CT 2 "))).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(re.escape(f"/instances/{UID}.2.2/") + "$"))


def test_reload_and_back_keep_the_place(keyboard: Page, live_app: LiveApp, files: list[Path]) -> None:
    page = keyboard
    live_app.ingest(*files)
    log_in(page, live_app, "viewer")
    search(page, "keys")
    expect(page).to_have_url(re.compile("q=keys"))
    enter(page, page.get_by_role("columnheader").get_by_role("link", name=re.compile("Patient Name")))
    expect(page).to_have_url(re.compile("sort="))
    address = page.url

    page.reload()
    expect(page).to_have_url(address)
    expect(box(page)).to_have_value("keys")
    enter(page, patient_link(page))
    expect(page.get_by_role("heading", level=1)).to_have_text("KEYS, Alicia")

    # a headless browser has no keys for Back
    page.go_back()
    expect(page).to_have_url(address)
    expect(patient_link(page)).to_be_visible()
    expect(box(page)).to_have_value("keys")
    # a whole page came back, not a fragment
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/\?q=keys$"))
    expect(patient_link(page)).to_be_visible()
    page.go_forward()
    expect(page).to_have_url(address)
    expect(box(page)).to_have_value("keys")
