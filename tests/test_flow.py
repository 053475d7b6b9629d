"""What the README promises, without JavaScript: log in, upload, find by name and by ID, drill down to one instance."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.datasets import make_series
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e
STUDY = 9100
UID = "1.2.826.0.1.3680043.10.1.9100"


@pytest.fixture
def plain_page(browser: Browser, live_app: LiveApp) -> Iterator[Page]:
    """A browser that runs no scripts."""
    context = browser.new_context(base_url=live_app.url, java_script_enabled=False)
    yield context.new_page()
    context.close()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A study of two series, with one and with two instances."""
    patient = {"PatientName": "Łukaszewicz^Żaneta", "PatientID": "FLOW-0042", "StudyDescription": "Two series"}
    contents = [
        *make_series(1, study=STUDY, series=1, **patient),
        *make_series(2, study=STUDY, series=2, **patient),
    ]
    paths = [tmp_path / f"{place}.dcm" for place in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def test_log_in_upload_find_drill_down(
    plain_page: Page, live_app: LiveApp, login: Callable[[Any, Person], None], files: list[Path]
) -> None:
    page = plain_page
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/$"))
    login(page, live_app.user("uploader"))

    page.goto("/upload/")
    page.locator("#plain-files").set_input_files(files)
    page.get_by_role("main").get_by_role("button", name="Upload").click()
    expect(page.get_by_text("Every file was simply stored")).to_be_visible()

    for words in ("lukaszewicz", "FLOW-0042", "0042"):
        page.goto("/")
        page.get_by_role("searchbox", name="Search by name").fill(words)
        page.get_by_role("button", name="Search", exact=True).click()
        row = page.get_by_role("row", name=re.compile("ŁUKASZEWICZ"))
        expect(row).to_contain_text("FLOW-0042")
        expect(row).to_contain_text("2024-02-29")
    row.get_by_role("rowheader").get_by_role("link").first.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("ŁUKASZEWICZ, Żaneta")
    expect(page.get_by_text("(0010,0020)")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name=re.compile("Two series")).first.click()
    expect(page.get_by_text("(0020,000D)")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(UID)
    page.goto(f"/studies/{UID}/series/{UID}.2/")
    expect(page.get_by_text("(0020,000E)")).to_be_visible()
    page.goto(f"/studies/{UID}/series/{UID}.2/instances/{UID}.2.2/")
    expect(page.get_by_text("(0008,0018)").first).to_be_visible()
    expect(page.get_by_role("cell", name="SOPInstanceUID").first).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(f"{UID}.2.2")


def test_each_uid_leads_to_its_object(
    plain_page: Page, live_app: LiveApp, login: Callable[[Any, Person], None], files: list[Path]
) -> None:
    live_app.ingest(*files)
    login(plain_page, live_app.user("viewer"))
    for uid, path in (
        (UID, f"/studies/{UID}/"),
        (f"{UID}.2", f"/studies/{UID}/series/{UID}.2/"),
        (f"{UID}.2.2", f"/studies/{UID}/series/{UID}.2/instances/{UID}.2.2/"),
    ):
        plain_page.goto("/")
        plain_page.get_by_role("searchbox", name="Search by name").fill(f" {uid} ")
        plain_page.get_by_role("button", name="Search", exact=True).click()
        expect(plain_page).to_have_url(re.compile(re.escape(path) + "$"))
