"""The drill-down in a real browser: axe on every page, wide and narrow; keys; sequences, filter and views by htmx."""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pydicom.dataset import Dataset

from tests.accessibility import assert_accessible
from tests.datasets import ROOT, make_series
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e

STUDY = 41
BASE = f"/studies/{ROOT}.{STUDY}/"
SERIES = f"{BASE}series/{ROOT}.{STUDY}.1/"
INSTANCE = f"{SERIES}instances/{ROOT}.{STUDY}.1.2/"


@pytest.fixture(scope="module")
def objects(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The running product with a study that has gaps, a conflict, a disagreement, a sequence and a shared UID."""
    folder = tmp_path_factory.mktemp("objects")
    for number, file in enumerate(made_files()):
        (folder / f"{number:03}.dcm").write_bytes(file)
    live_app.ingest(folder)
    return live_app


def made_files() -> list[bytes]:
    """Return the objects, in the order in which they arrive."""
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3.4"
    item.CodeMeaning = "Localizer"
    who = {"PatientID": "E2E-41", "PatientName": "Brandt^Käthe=王^小东"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slices = make_series(70, study=STUDY, ReferencedImageSequence=[item], ImageComments="long " * 80, **who)
        del slices[6:9]
        other = make_series(
            1, study=STUDY, series=2, Modality="SR", SeriesDescription="Report", StudyTime="111111", **who
        )
        conflict = make_series(2, study=STUDY, WindowCenter="40", WindowWidth="400", **who)[1]
        shared = make_series(1, study=STUDY, series=3, PatientID="E2E-42", PatientName="Roe^Richard")
        mistyped = make_series(1, study=STUDY + 1, StudyDate="00000000", StudyDescription=None, **who)
    return [*slices, *other, conflict, *shared, *mistyped]


@pytest.fixture
def page_of(page: Page, objects: LiveApp, login: Callable[[Any, Person], None]) -> Iterator[Page]:
    """A page on which an administrator is logged in, and that must not complain in the console."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(10_000)
    login(page, objects.user("administrator"))
    yield page
    assert [text for text in said if not text.startswith("Failed to load resource")] == []


def holder_of(page: Page, name: str = "BRANDT") -> str:
    """Return the query that chooses the study of this patient."""
    page.goto(BASE)
    address = page.get_by_role("link", name=re.compile(name)).get_attribute("href")
    return str(address)


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_is_accessible(page_of: Page, width: int) -> None:
    page_of.set_viewport_size({"width": width, "height": 900})
    holder = holder_of(page_of)
    assert_accessible(page_of)
    page_of.goto(BASE + holder)
    patient = page_of.locator(".patient-banner a").first.get_attribute("href")
    addresses = [
        str(patient), f"{BASE}{holder}", f"{BASE}{holder}&view=table", f"{SERIES}{holder}",
        f"{SERIES}{holder}&view=table",
        f"{INSTANCE}{holder}", f"{INSTANCE}{holder}&tags=localizer", f"{INSTANCE}{holder}&tags=nothing+of+the+kind",
        f"{INSTANCE}tags{holder}", f"{INSTANCE}tags{holder}&path=00081140", f"{INSTANCE}tags{holder}&value=00204000",
        f"{BASE}remove{holder}", "/findings/", "/findings/?state=done", "/trash/",
    ]  # fmt: skip
    for address in addresses:
        page_of.goto(address)
        assert_accessible(page_of)
        assert page_of.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{address} scrolls sideways"


def test_findings_and_comparison_are_accessible(page_of: Page) -> None:
    holder = holder_of(page_of)
    page_of.goto(INSTANCE + holder)
    page_of.get_by_role("link", name="Compare").first.click()
    expect(page_of.get_by_role("heading", level=1)).to_contain_text("Two copies")
    assert_accessible(page_of)
    page_of.goto("/findings/?state=all")
    for code in ("conflict", "attribute_disagrees", "study_uid_shared", "date_invalid"):
        page_of.goto(f"/findings/?state=all&code={code}")
        page_of.locator(".finding-list a").first.click()
        expect(page_of).to_have_url(re.compile(r"/findings/\d+/"))
        assert_accessible(page_of)


def test_the_way_down_and_up_by_keys(page_of: Page) -> None:
    holder = holder_of(page_of)
    page_of.goto(INSTANCE + holder)
    page_of.wait_for_load_state()
    page_of.keyboard.press("]")
    expect(page_of.get_by_role("heading", level=1)).to_contain_text("Instance 3")
    page_of.wait_for_load_state()
    page_of.keyboard.press("[")
    expect(page_of.get_by_role("heading", level=1)).to_contain_text("Instance 2")
    page_of.wait_for_load_state()
    page_of.keyboard.press("f")
    expect(page_of.get_by_label("Filter tags by tag")).to_be_focused()
    page_of.keyboard.press("Tab")
    for heading in ("Series 1", "CT head", "BRANDT, Käthe"):
        page_of.wait_for_load_state()
        page_of.keyboard.press("u")
        expect(page_of.get_by_role("heading", level=1)).to_contain_text(heading)


def test_the_uid_is_copied_by_key_and_button(page_of: Page, objects: LiveApp) -> None:
    page_of.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=objects.url)
    page_of.goto(INSTANCE + holder_of(page_of))
    page_of.wait_for_load_state()
    page_of.keyboard.press("c")
    expect(page_of.locator("#announce")).to_have_text("Copied")
    assert page_of.evaluate("navigator.clipboard.readText()") == f"{ROOT}.{STUDY}.1.2"


def test_a_sequence_opens_folds_and_opens_again(page_of: Page) -> None:
    page_of.goto(INSTANCE + holder_of(page_of))
    twist = page_of.get_by_role("link", name="ReferencedImageSequence: show items")
    meaning = page_of.get_by_role("rowheader", name="CodeMeaning")
    expect(meaning).to_have_count(0)
    twist.click()
    expect(meaning).to_be_visible()
    expect(twist).to_have_attribute("aria-expanded", "true")
    twist.click()
    expect(meaning).to_be_hidden()
    twist.click()
    expect(meaning).to_be_visible()
    expect(meaning).to_have_count(1)
    # what the sticky head of the table hides would count as a target that is too small
    page_of.evaluate("scrollTo(0, 0)")
    assert_accessible(page_of)


def test_the_filter_is_live_and_in_the_address(page_of: Page) -> None:
    page_of.goto(INSTANCE + holder_of(page_of))
    box = page_of.get_by_label("Filter tags by tag")
    box.press_sequentially("localizer")
    expect(page_of.locator(".tag-count")).to_contain_text("1 element with")
    expect(box).to_be_focused()
    expect(page_of).to_have_url(re.compile(r"tags=localizer"))
    page_of.reload()
    expect(page_of.locator(".tag-count")).to_contain_text("1 element with")
    expect(box).to_have_value("localizer")


def test_views_and_pages_of_a_series_are_in_the_address(page_of: Page) -> None:
    page_of.goto(SERIES + holder_of(page_of))
    page_of.get_by_role("link", name="Table").click()
    expect(page_of.get_by_role("columnheader", name="SOP Instance UID")).to_be_visible()
    expect(page_of).to_have_url(re.compile("view=table"))
    page_of.get_by_role("link", name="From 64").click()
    expect(page_of.locator("#in")).to_have_text("Instances 64 to 70")
    page_of.go_back()
    expect(page_of.locator("#in")).to_have_text("Instances 1 to 63")
    expect(page_of.get_by_role("banner")).to_be_visible()
    page_of.get_by_label("Go to number").fill("66")
    page_of.keyboard.press("Enter")
    expect(page_of.locator("#in")).to_have_text("Instances 66 to 70")


def test_without_javascript_everything_is_a_link(
    objects: LiveApp, browser: Any, login: Callable[[Any, Person], None]
) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=objects.url)
    page = context.new_page()
    login(page, objects.user("viewer"))
    holder = holder_of(page)
    page.goto(INSTANCE + holder)
    page.get_by_role("link", name="ReferencedImageSequence: show items").click()
    expect(page.get_by_role("rowheader", name="CodeMeaning")).to_be_visible()
    page.goto(INSTANCE + holder)
    page.get_by_label("Filter tags by tag").fill("patient name")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("rowheader", name="PatientName")).to_be_visible()
    context.close()


def test_a_download_arrives(page_of: Page, tmp_path: Path) -> None:
    import zipfile

    page_of.goto(BASE + holder_of(page_of))
    with page_of.expect_download() as arriving:
        page_of.wait_for_load_state()
        page_of.keyboard.press("d")
    path = tmp_path / "study.zip"
    arriving.value.save_as(path)
    assert arriving.value.suggested_filename == f"{ROOT}.{STUDY}.zip"
    archive = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    assert archive.testzip() is None and len(archive.namelist()) == 68


def test_deleting_and_restoring(page_of: Page) -> None:
    page_of.goto(f"/studies/{ROOT}.{STUDY + 1}/")
    page_of.get_by_role("button", name="More actions").click()
    page_of.get_by_role("link", name="Move to trash").click()
    page_of.get_by_label("Reason").fill("a test study")
    page_of.get_by_role("button", name="to the trash").click()
    expect(page_of.get_by_text("moved to the trash")).to_be_visible()
    page_of.goto("/trash/")
    assert_accessible(page_of)
    page_of.get_by_role("link", name="Delete for good").first.click()
    assert_accessible(page_of)
    page_of.get_by_role("link", name="Keep in the trash").click()
    page_of.get_by_role("button", name="Restore").first.click()
    expect(page_of.get_by_text("Restored")).to_be_visible()
