"""The whole main job as a person with scripts does it: log in, upload, search, drill down, download, jump by UID."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pydicom import examples

from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e


def test_from_log_in_to_one_instance(page: Page, live_app: LiveApp, login: Callable[[Any, Person], None]) -> None:
    data_set, path = examples.ct, Path(str(examples.get_path("ct")))
    main = page.get_by_role("main")
    page.set_default_timeout(20_000)
    login(page, live_app.user("uploader"))

    page.goto("/upload/")
    page.locator("#files-input").set_input_files(path)
    expect(page.locator("#report").get_by_text("Finished", exact=True)).to_be_visible(timeout=60_000)

    page.locator("#q").fill(str(data_set.PatientID))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?q="))
    main.get_by_role("link", name=re.compile("COMPRESSEDSAMPLES")).first.click()
    expect(main).to_contain_text("(0010,0020)")

    page.locator(f'main a[href*="{data_set.StudyInstanceUID}"]').first.click()
    expect(main).to_contain_text("(0020,000D)")
    page.locator(f'main a[href*="/series/{data_set.SeriesInstanceUID}/"]').first.click()
    expect(main).to_contain_text("(0020,000E)")
    page.locator(f'main a[href*="/instances/{data_set.SOPInstanceUID}/"]').first.click()
    expect(main).to_contain_text("(0008,0018)")
    expect(main).to_contain_text(str(data_set.SOPInstanceUID))
    expect(main).to_contain_text("PhotometricInterpretation")

    with page.expect_download() as download:
        page.wait_for_load_state()
        page.keyboard.press("d")
    assert Path(download.value.path()).read_bytes() == path.read_bytes()

    page.locator("#q").fill(str(data_set.SOPInstanceUID))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/instances/{re.escape(str(data_set.SOPInstanceUID))}/"))
