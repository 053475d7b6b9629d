"""Reports in a real browser: read, codes shown, copied, printed; on a phone; nothing for axe to find."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests import reports
from tests.accessibility import assert_accessible
from tests.datasets import ROOT, make_series
from tests.live import LiveApp

CT = f"{ROOT}.1.1"


@pytest.fixture(scope="session")
def with_reports(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The product with a small CT series and one report of each kind over it."""
    folder = tmp_path_factory.mktemp("reports")
    files = [
        *make_series(3), reports.measurement_report(), reports.dose_report(),
        reports.key_objects(f"{CT}.1", f"{CT}.2"), reports.presentation_state(f"{CT}.1", f"{CT}.2"),
    ]  # fmt: skip
    for place, data in enumerate(files):
        Path(folder, f"{place}.dcm").write_bytes(data)
    live_app.ingest(folder)
    return live_app


def address(number: int) -> str:
    """Return the page of a made report."""
    return f"/studies/{ROOT}.1/series/{ROOT}.1.9{number}/instances/{ROOT}.1.9{number}.1/"


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [1280, 390])
def test_reports_are_accessible_at_any_width(
    page: Any, with_reports: LiveApp, login: Any, number: int, width: int
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    login(page, with_reports.user("viewer"))
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address(number))
    page.locator(".sr").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert_accessible(page)
    assert not said


def test_a_report_shows_codes_and_drawings(page: Any, with_reports: LiveApp, login: Any) -> None:
    login(page, with_reports.user("viewer"))
    page.goto(address(1))
    code = page.get_by_text("27925004 SCT").first
    assert not code.is_visible()
    page.get_by_label("Show codes").press("Space")
    assert code.is_visible()
    drawing = page.locator(".thumb.drawn svg ellipse").first
    assert drawing.bounding_box()["width"] > 20
    loaded = page.locator(".thumb.drawn img").first
    loaded.scroll_into_view_if_needed()
    page.wait_for_function("image => image.complete && image.naturalWidth > 0", arg=loaded.element_handle())
    page.get_by_role("link", name="item 1.2.1, Measurement Group").click()
    assert page.url.endswith("#item-1-2-1")


def test_a_report_is_copied_as_text_and_downloaded(page: Any, with_reports: LiveApp, login: Any) -> None:
    login(page, with_reports.user("viewer"))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(address(1))
    page.get_by_role("button", name="Copy as text").click()
    page.locator("#announce", has_text="Report copied").wait_for(state="attached")
    assert "Long axis: 14.20 mm" in page.evaluate("navigator.clipboard.readText()")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^HTML")).click()
    assert b"14.20 mm" in Path(download.value.path()).read_bytes()


def test_print_shows_the_report_and_nothing_else(page: Any, with_reports: LiveApp, login: Any) -> None:
    login(page, with_reports.user("viewer"))
    page.goto(address(1))
    page.emulate_media(media="print")
    assert page.get_by_role("heading", name="Imaging Measurement Report").is_visible()
    assert not page.get_by_role("heading", name="All tags").is_visible()
    assert not page.get_by_role("button", name="Print").is_visible()
