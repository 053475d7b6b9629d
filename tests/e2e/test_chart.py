"""The chart in real Chromium: text in its boxes, the tree's keys, opening step by step, axe, a phone, no scripts."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accessibility import assert_accessible
from tests.datasets import make_series
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e
STUDY = 9300
UID = "1.2.826.0.1.3680043.10.1.9300"
PATIENT = {
    "PatientName": "Chartwell^Ann <b>&",
    "PatientID": "CHART-1",
    "StudyDescription": "A <i>long</i> description " * 2,
}


@pytest.fixture(scope="module")
def _study(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A patient with a long series with a gap, a short one, and another study."""
    long = make_series(140, study=STUDY, series=1, **PATIENT)
    del long[69:72]
    files = [
        *long,
        *make_series(3, study=STUDY, series=2, Modality="MR", SeriesDescription="قصير", **PATIENT),
        *make_series(1, study=STUDY + 1, series=1, Modality="US", **{**PATIENT, "StudyDate": "20230101"}),
    ]
    folder = tmp_path_factory.mktemp("chart")
    for place, content in enumerate(files):
        (folder / f"{place}.dcm").write_bytes(content)
    live_app.ingest(folder)


@pytest.fixture
def chart(page: Page, live_app: LiveApp, login: Callable[[Any, Person], None], _study: None) -> Iterator[Page]:
    """The chart of that patient; an error in the console fails the test."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    login(page, live_app.user("viewer"))
    page.goto("/?q=CHART-1")
    page.get_by_role("row", name=re.compile("CHARTWELL")).get_by_role("rowheader").get_by_role("link").first.click()
    page.get_by_role("link", name="Hierarchy chart").click()
    expect(page.get_by_role("tree")).to_be_visible()
    yield page
    assert said == []


def item(page: Page, name: str) -> Any:
    return page.get_by_role("treeitem", name=re.compile(name)).first


def test_axe_wide_and_narrow(chart: Page) -> None:
    for address in (chart.url, f"/studies/{UID}/chart/", f"/studies/{UID}/chart/?by=bytes"):
        chart.goto(address)
        for width in (1280, 390):
            chart.set_viewport_size({"width": width, "height": 900})
            assert_accessible(chart)
            assert chart.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_on_a_phone_the_tree_comes_first(chart: Page) -> None:
    chart.set_viewport_size({"width": 390, "height": 844})
    tree, drawing = chart.get_by_role("tree").bounding_box(), chart.locator("svg.chart").bounding_box()
    assert tree and drawing and tree["y"] < drawing["y"]


def test_text_stays_in_its_box(chart: Page) -> None:
    outside = chart.evaluate(
        """() => [...document.querySelectorAll('svg.chart a')].flatMap(link => {
          const box = link.querySelector('rect').getBBox()
          return [...link.querySelectorAll('text')].filter(text => {
            const place = text.getBBox()
            return place.x + place.width > box.width || place.y + place.height > box.height + 2
          }).map(text => text.textContent)
        })"""
    )
    assert outside == []


def test_boxes_are_links(chart: Page) -> None:
    chart.locator("svg.chart a", has_text="Chartwell".upper()).first.locator("rect").first.click()
    expect(chart.get_by_role("heading", level=1)).to_contain_text("CHARTWELL, Ann <b>&")
    chart.go_back()
    chart.locator("svg.chart a", has=chart.locator("rect.missing")).click()
    expect(chart).to_have_url(re.compile(r"/series/[0-9.]+/\?from=70$"))


def test_the_tree_says_what_the_chart_says(chart: Page) -> None:
    item(chart, "^CT 1 ").focus()
    for text in ("Instances 1 to 69", "70 to 72 missing", "Instances 73 to 140"):
        assert chart.get_by_role("treeitem", name=text, include_hidden=True).count() == 1


def test_one_tab_stop_and_arrows(chart: Page) -> None:
    assert chart.locator('[role=tree] [tabindex="0"]').count() == 1
    root = item(chart, "CHARTWELL")
    root.focus()
    chart.keyboard.press("ArrowLeft")
    expect(root).to_have_attribute("aria-expanded", "false")
    expect(item(chart, "2024-02-29")).to_be_hidden()
    chart.keyboard.press("ArrowRight")
    chart.keyboard.press("ArrowRight")
    expect(item(chart, "2024-02-29")).to_be_focused()
    chart.keyboard.press("2")
    expect(item(chart, "^MR 2 ")).to_be_focused()
    chart.keyboard.press("End")
    expect(item(chart, "^Instance 1 .*9301.1.1")).to_be_focused()
    for _ in ("to its series", "close that", "to its study"):
        chart.keyboard.press("ArrowLeft")
    expect(item(chart, "2023-01-01")).to_be_focused()
    chart.keyboard.press("Home")
    expect(root).to_be_focused()


def test_a_range_opens_where_it_is(chart: Page) -> None:
    series = item(chart, "^CT 1 ")
    series.focus()
    if series.get_attribute("aria-expanded") == "false":
        chart.keyboard.press("ArrowRight")
    span = item(chart, "Instances 1 to 69")
    span.focus()
    expect(span).to_have_attribute("aria-expanded", "false")
    chart.keyboard.press("ArrowRight")
    first = chart.get_by_role("treeitem", name=re.compile("^Instance 1 "))
    expect(first.first).to_be_visible()
    expect(first.first).to_have_attribute("aria-level", "5")
    chart.keyboard.press("ArrowRight")
    chart.keyboard.press("ArrowDown")
    chart.keyboard.press("Enter")
    expect(chart).to_have_url(re.compile(re.escape(f"/instances/{UID}.1.2/") + "$"))


def test_back_finds_the_tree_as_it_was(chart: Page) -> None:
    study = item(chart, "2024-02-29")
    study.focus()
    chart.keyboard.press("ArrowLeft")
    expect(study).to_have_attribute("aria-expanded", "false")
    chart.keyboard.press("ArrowDown")
    chart.keyboard.press("Enter")
    expect(chart).to_have_url(re.compile("/studies/[0-9.]+/$"))
    chart.go_back()
    expect(item(chart, "2024-02-29")).to_have_attribute("aria-expanded", "false")
    expect(item(chart, "2023-01-01")).to_have_attribute("tabindex", "0")
    chart.reload()
    expect(item(chart, "2024-02-29")).to_have_attribute("aria-expanded", "false")


def test_without_scripts_it_is_a_list_of_links(chart: Page, browser: Browser, live_app: LiveApp) -> None:
    context = browser.new_context(
        base_url=live_app.url, java_script_enabled=False, storage_state=chart.context.storage_state()
    )
    page = context.new_page()
    page.goto(chart.url)
    for name in ("CHARTWELL", "2024-02-29", "Instances 1 to 69", "Instances 73 to 140"):
        expect(item(page, name)).to_be_visible()
    item(page, "Instances 73 to 140").click()
    expect(page).to_have_url(re.compile(r"from=73$"))
    context.close()


def test_the_file_can_be_opened(chart: Page, tmp_path: Path, browser: Browser) -> None:
    with chart.expect_download() as download:
        chart.get_by_role("link", name="Download the chart as SVG").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    page = browser.new_context().new_page()
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.tagName") == "svg"
    assert page.evaluate("getComputedStyle(document.querySelector('a rect')).fill") == "rgb(221, 231, 245)"
    page.context.close()
