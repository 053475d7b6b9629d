"""Sending to nodes and fetching from them in a real browser, by keyboard, with the progress of the job."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.accessibility import assert_accessible
from tests.datasets import make_series
from tests.dimse.peers import storescp, write
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e

LogIn = Callable[[Any, Person], None]


@pytest.fixture(scope="module")
def filled(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The product with two studies, which knows itself as a node."""
    files = [*make_series(12, study=91, PatientID="NODES", PatientName="Nodes^Nora"), *make_series(2, study=92)]
    live_app.ingest(*write(tmp_path_factory.mktemp("nodes"), *files))
    itself = ("--aet", "PACSBROWSER", "--host", "127.0.0.1", "--port", str(live_app.dimse_port))
    live_app.manage("add_node", "the tests", *itself)
    return live_app


@pytest.fixture
def clean_page(page: Page) -> Iterator[Page]:
    """A page that must not complain in the console."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(15_000)
    yield page
    assert [text for text in said if not text.startswith("Failed to load resource")] == []


def check(page: Page) -> None:
    """Look at a page wide and narrow, light and dark."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, page.url
    page.set_viewport_size({"width": 1280, "height": 800})


def test_a_study_is_sent_by_keyboard(clean_page: Page, filled: LiveApp, login: LogIn, tmp_path: Path) -> None:
    page = clean_page
    login(page, filled.user("uploader"))
    with storescp(tmp_path) as port:
        filled.manage("add_node", "Reading room", "--aet", "READ", "--host", "127.0.0.1", "--port", str(port))
        page.goto("/studies/?q=nodes")
        page.wait_for_load_state()
        page.keyboard.press("j")
        page.keyboard.press("x")
        page.get_by_role("button", name="Send").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Send 1 study")
        check(page)
        page.get_by_role("radio", name="Reading room").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Send 1 study to Reading room")
        expect(page.locator("#job .badge.good").first).to_have_text("Done")
        expect(page.locator("#job")).to_contain_text("12 of 12 objects")
        expect(page.locator("#job-indicator")).to_contain_text("Job done")
        expect(page.locator("#rail-jobs")).to_be_empty()
        check(page)
    assert len(list(tmp_path.iterdir())) == 12
    page.goto("/studies/?q=nodes")
    expect(page.locator(".selection-bar")).to_be_hidden()


def test_other_archives_are_searched_and_studies_fetched(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    page = clean_page
    login(page, filled.user("uploader"))
    page.goto("/remote/")
    for box in page.locator("form.remote input[name=node]").all():
        box.uncheck()
    page.locator("form.remote").get_by_label("the tests").check()
    page.get_by_label("Name, ID, accession, date or Study UID").fill("nora nodes")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 study")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/remote/\?.*q=nora"))
    expect(page.locator("#results tbody tr")).to_contain_text("NODES, Nora")
    expect(page.locator("#results tbody tr")).to_contain_text("here")
    page.locator(".pick input[name=pick]").first.check()
    expect(page.locator(".selection-bar")).to_contain_text("1 study")
    check(page)
    page.get_by_role("button", name="Fetch", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Fetch 1 study from the tests")
    expect(page.locator("#job .badge.good").first).to_have_text("Done")
    expect(page.locator("#job")).to_contain_text("12 objects came.")
    page.goto("/remote/")
    expect(page.locator(".selection-bar")).to_be_hidden()


def test_pages_of_nodes_are_accessible(clean_page: Page, filled: LiveApp, login: LogIn) -> None:
    page = clean_page
    login(page, filled.user("administrator"))
    for address in ("/nodes/", "/nodes/add/", "/nodes/rules/add/", "/jobs/?of=all", "/remote/"):
        page.goto(address)
        check(page)
    page.goto("/nodes/add/")
    expect(page.get_by_label("AE title")).to_be_visible()
    page.get_by_label("Kind").select_option("dicomweb")
    expect(page.get_by_label("AE title")).to_be_hidden()
    page.get_by_label("Name", exact=True).fill("Web")
    page.get_by_label("URL").fill("http://127.0.0.1:1/")
    page.get_by_role("button", name="Add node").click()
    expect(page.get_by_text("an address of this machine itself")).to_be_visible()
    check(page)
    page.goto("/nodes/")
    page.get_by_role("button", name="Verify the tests").click()
    expect(page.get_by_text("the tests answers.")).to_be_visible()
