"""The pages around the archive in a real browser: axe, the keyboard, the theme, no error in the console."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.accessibility import assert_accessible
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e

PAGES = [
    "/help/",
    "/help/dicomweb/",
    "/help/dimse/",
    "/accounts/",
    "/tokens/",
    "/users/",
    "/users/add/",
    "/audit/",
    "/audit/?who=nobody-at-all",
    "/jobs/",
    "/nonsense/",
]


@pytest.fixture
def clean_page(page: Page) -> Iterator[Page]:
    """A page that must not complain in the console (a blocked inline style would)."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(10_000)
    yield page
    assert [text for text in said if not text.startswith("Failed to load resource")] == []


def test_log_in_page(clean_page: Page, live_app: LiveApp) -> None:
    clean_page.goto("/jobs/")
    expect(clean_page).to_have_url(re.compile(r"/accounts/login/\?next=/jobs/$"))
    assert_accessible(clean_page)
    clean_page.get_by_label("User name").fill("nobody")
    clean_page.get_by_label("Password").fill("wrong")
    clean_page.keyboard.press("Enter")
    expect(clean_page.get_by_role("alert")).to_contain_text("User name or password is wrong")
    assert_accessible(clean_page)


def test_pages_are_accessible(clean_page: Page, live_app: LiveApp, login: Callable[[Any, Person], None]) -> None:
    login(clean_page, live_app.user("administrator"))
    for address in PAGES:
        clean_page.goto(address)
        expect(clean_page.get_by_role("heading", level=1)).to_be_visible()
        assert_accessible(clean_page)
        clean_page.set_viewport_size({"width": 390, "height": 844})
        assert_accessible(clean_page)
        too_wide = clean_page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert too_wide <= 0, f"{address} scrolls sideways by {too_wide} px on a phone"
        clean_page.set_viewport_size({"width": 1280, "height": 800})


def test_shortcuts(clean_page: Page, live_app: LiveApp, login: Callable[[Any, Person], None]) -> None:
    login(clean_page, live_app.user("administrator"))
    clean_page.goto("/help/")
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("?")
    dialog = clean_page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_be_visible()
    assert_accessible(clean_page)
    clean_page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("/")
    expect(clean_page.get_by_role("searchbox")).to_be_focused()
    clean_page.keyboard.type("g")
    expect(clean_page.get_by_role("searchbox")).to_have_value("g")
    clean_page.locator("#main").focus()
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("g")
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("j")
    expect(clean_page).to_have_url(re.compile("/jobs/$"))


def test_rows_from_the_keyboard(clean_page: Page, live_app: LiveApp, login: Callable[[Any, Person], None]) -> None:
    person = live_app.user("administrator")
    live_app.user("viewer")
    login(clean_page, person)
    clean_page.goto("/users/")
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("j")
    first = clean_page.locator("tbody th a").first
    expect(first).to_be_focused()
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("j")
    expect(clean_page.locator("tbody th a").nth(1)).to_be_focused()
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("k")
    clean_page.keyboard.press("Enter")
    expect(clean_page).to_have_url(re.compile(r"/users/\d+/$"))
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("u")
    expect(clean_page).to_have_url(re.compile("/users/$"))


def test_shortcuts_can_be_turned_off(clean_page: Page, live_app: LiveApp, login: Callable[[Any, Person], None]) -> None:
    login(clean_page, live_app.user("viewer"))
    clean_page.goto("/accounts/")
    clean_page.get_by_label("Single-key shortcuts").uncheck()
    clean_page.get_by_role("button", name="Save").click()
    expect(clean_page.get_by_text("Saved.")).to_be_visible()
    clean_page.wait_for_load_state()
    clean_page.keyboard.press("?")
    expect(clean_page.get_by_role("dialog")).to_be_hidden()


def test_theme_stays(clean_page: Page, live_app: LiveApp, login: Callable[[Any, Person], None]) -> None:
    login(clean_page, live_app.user("viewer"))
    clean_page.goto("/help/")
    clean_page.get_by_role("button", name=re.compile("^Account of")).click()
    with clean_page.expect_response("**/accounts/theme/"):
        clean_page.get_by_role("button", name="Light or dark").click()
    expect(clean_page.locator("html")).to_have_attribute("data-theme", "dark")
    clean_page.reload()
    expect(clean_page.locator("html")).to_have_attribute("data-theme", "dark")


def test_an_administrator_adds_a_user_who_sets_a_password(
    clean_page: Page, live_app: LiveApp, login: Callable[[Any, Person], None]
) -> None:
    login(clean_page, live_app.user("administrator"))
    clean_page.goto("/users/add/")
    clean_page.get_by_label("User name").fill("new.person")
    clean_page.get_by_label("Role").select_option("uploader")
    clean_page.get_by_role("button", name="Add user").click()
    link = clean_page.locator(".notice .uid").inner_text()
    assert_accessible(clean_page)
    clean_page.context.clear_cookies()
    clean_page.goto(link)
    assert_accessible(clean_page)
    clean_page.get_by_label("Password", exact=True).fill("a long enough one")
    clean_page.get_by_label("Password again").fill("a long enough one")
    clean_page.get_by_role("button", name="Set and log in").click()
    expect(clean_page.get_by_role("button", name="Account of new.person")).to_be_visible()
    clean_page.context.clear_cookies()
    clean_page.goto(link)
    expect(clean_page.get_by_role("heading", name="This link is no longer good")).to_be_visible()
    assert_accessible(clean_page)
