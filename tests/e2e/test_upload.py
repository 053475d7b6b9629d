"""The upload page in a real browser: folders, drops, a lost connection, resuming, no JavaScript, axe, a phone."""

import base64
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.accessibility import assert_accessible
from tests.datasets import make_series
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e

_studies = iter(range(7000, 8000))


@pytest.fixture
def uploader(live_app: LiveApp) -> Person:
    """Somebody who may upload and has not yet."""
    return live_app.user("uploader")


@pytest.fixture
def upload_page(page: Page, uploader: Person, login: Callable[[Any, Person], None]) -> Iterator[Page]:
    """The page of a fresh uploader; an error in the console fails the test."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(20_000)
    login(page, uploader)
    page.goto("/upload/")
    yield page
    assert [text for text in said if not text.startswith("Failed to load resource")] == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with objects nobody has, one of them twice, and what is no DICOM."""
    return fill(tmp_path / "export", 6)


def fill(path: Path, count: int, **attributes: Any) -> Path:
    """Write a new series, and a text file."""
    (path / "sub Größe").mkdir(parents=True)
    for number, data in enumerate(make_series(count, study=next(_studies), **attributes)):
        (path / "sub Größe" / f"IM{number}").write_bytes(data)
    shutil.copy(path / "sub Größe" / "IM0", path / "again.dcm")
    (path / "read.me").write_text("text")
    return path


def choose(page: Page, folder: Path) -> None:
    """Choose a folder, as the button does."""
    page.locator("#folder-input").set_input_files(folder)


def expect_count(page: Page, name: str, count: int) -> None:
    """A count of the panel."""
    expect(page.locator(f"#upload [data-count={name}]")).to_have_text(f"{count:,}")


def expect_finished(page: Page) -> None:
    """The report of the server is there."""
    expect(page.locator("#report").get_by_text("Finished", exact=True)).to_be_visible(timeout=60_000)


def test_a_folder_is_sent_and_reported(upload_page: Page, folder: Path) -> None:
    """Each file has its line; the report has its own address and says the same."""
    choose(upload_page, folder)
    expect_finished(upload_page)
    expect_count(upload_page, "stored", 6)
    expect_count(upload_page, "already_here", 1)
    expect_count(upload_page, "skipped", 1)
    expect(upload_page.locator("#upload-lines")).to_contain_text("export/read.me")
    expect(upload_page.locator("#upload-title")).to_be_focused()
    assert_accessible(upload_page)
    upload_page.locator("#upload-report").click()
    expect(upload_page).to_have_url(re.compile(r"/upload/[0-9a-f-]{36}/$"))
    expect(upload_page.locator("#report")).to_contain_text("2 files not simply stored")
    assert_accessible(upload_page)
    upload_page.get_by_role("link", name="Every file").click()
    expect(upload_page.locator("#report")).to_contain_text("export/sub Größe/IM5")
    upload_page.set_viewport_size({"width": 390, "height": 844})
    assert_accessible(upload_page)
    assert upload_page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


DROP = """
async files => {
  const root = document.body, transfer = new DataTransfer()
  const folder = (name, children) => ({ isFile: false, isDirectory: true, name, fullPath: `/${name}`,
    createReader: () => { const rest = [...children]
      // like Chromium: never all at once
      return { readEntries: done => done(rest.splice(0, 2)) } } })
  const leaf = ([path, text]) => {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
    const file = new File([bytes], path.split('/').at(-1), { lastModified: 5 })
    return { isFile: true, isDirectory: false, fullPath: `/${path}`, file: done => done(file) }
  }
  const gone = { isFile: true, isDirectory: false, fullPath: '/drop/gone', file: (done, failed) => failed(new Error()) }
  const entry = folder('drop', [...files.map(leaf), gone])
  const item = { kind: 'file', webkitGetAsEntry: () => entry, getAsFile: () => null }
  for (const type of ['dragenter', 'dragover', 'drop']) {
    const event = new DragEvent(type, { bubbles: true, cancelable: true })
    Object.defineProperty(event, 'dataTransfer', { value: { types: ['Files'], items: [item], files: transfer.files } })
    document.querySelector('#drop').dispatchEvent(event)
  }
}
"""


def test_a_dropped_folder_is_walked_to_its_end(upload_page: Page, folder: Path) -> None:
    """Browsers give a folder's entries in pieces; a file that cannot be read has its line too."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    coded = [[f"drop/{path.relative_to(folder)}", base64.b64encode(path.read_bytes()).decode()] for path in files]
    upload_page.evaluate(DROP, coded)
    expect_finished(upload_page)
    expect_count(upload_page, "stored", 6)
    expect(upload_page.locator("#upload-files")).to_have_text("9 of 9 files")
    expect_count(upload_page, "failed", 1)
    expect(upload_page.locator("#upload-lines")).to_contain_text("drop/gone")


def test_dropped_files_come_from_a_real_transfer(upload_page: Page, folder: Path) -> None:
    """A DataTransfer with File objects, as a drop of single files has it."""
    upload_page.evaluate(
        """text => {
          const transfer = new DataTransfer()
          const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
          transfer.items.add(new File([bytes], 'single.dcm'))
          const options = { bubbles: true, cancelable: true, dataTransfer: transfer }
          document.querySelector('#drop').dispatchEvent(new DragEvent('drop', options))
        }""",
        base64.b64encode((folder / "again.dcm").read_bytes()).decode(),
    )
    expect_finished(upload_page)
    expect_count(upload_page, "stored", 1)


def test_the_same_folder_again_sends_nothing(upload_page: Page, folder: Path) -> None:
    """In the same upload the counts stay; in a new one each file says why."""
    choose(upload_page, folder)
    expect_finished(upload_page)
    sent: list[str] = []
    upload_page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/files") else None)
    upload_page.goto("/upload/")
    choose(upload_page, folder)
    expect_finished(upload_page)
    expect_count(upload_page, "already_here", 7)
    expect(upload_page.locator("#upload-lines")).to_contain_text("not sent again")
    assert sent == []
    report = upload_page.locator("#upload-report").get_attribute("href")
    upload_page.goto(f"/upload/?into={str(report).split('/')[2]}")
    choose(upload_page, folder)
    expect_finished(upload_page)
    expect(upload_page.locator("#report-title")).to_contain_text("8 files")
    assert sent == []


def test_bytes_that_are_here_are_not_sent(upload_page: Page, folder: Path, tmp_path: Path, live_app: LiveApp) -> None:
    """Another path, the same bytes: found by digest."""
    live_app.ingest(folder / "sub Größe")
    sent: list[str] = []
    upload_page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/files") else None)
    choose(upload_page, folder)
    expect_finished(upload_page)
    expect_count(upload_page, "already_here", 7)
    assert len(sent) == 1  # the text file


def test_a_lost_connection_is_waited_for(upload_page: Page, tmp_path: Path) -> None:
    """Offline in the middle: it says so, goes on by itself, and every file has one line."""
    folder = fill(tmp_path / "long", 400)
    halves = iter(range(1000))

    def cut(route: Any) -> None:
        if next(halves) == 1:
            upload_page.context.set_offline(True)
            route.abort("internetdisconnected")
        else:
            route.continue_()

    upload_page.route("**/files", cut)
    choose(upload_page, folder)
    expect(upload_page.locator("#upload-notice")).to_contain_text("cannot be reached")
    expect(upload_page.get_by_role("button", name="Stop")).to_be_visible()
    upload_page.context.set_offline(False)
    expect_finished(upload_page)
    expect_count(upload_page, "stored", 400)
    expect_count(upload_page, "already_here", 1)
    expect_count(upload_page, "failed", 0)
    expect(upload_page.locator("#report-title")).to_contain_text("402 files")


def test_a_restarted_server_is_waited_for(
    browser: Browser, tmp_path: Path, django_db_blocker: Any, login: Callable[[Any, Person], None]
) -> None:
    """Killed in the middle of an upload and started again: nothing is lost, nothing counted twice."""
    folder = fill(tmp_path / "long", 600)
    sent: list[Any] = []
    held: list[Any] | None = []

    def hold(route: Any) -> None:
        """Only the first batch arrives while the server runs, however fast it is."""
        sent.append(route)
        if held is None or len(sent) == 1:
            route.continue_()
        else:
            held.append(route)

    with LiveApp(tmp_path, django_db_blocker) as app:
        context = browser.new_context(base_url=app.url)
        page = context.new_page()
        page.set_default_timeout(30_000)
        app.manage("shell", "-c", _MAKE_USER)
        login(page, Person("uma", "correct horse battery", "uploader", 0))
        page.goto("/upload/")
        page.route("**/files", hold)
        with page.expect_response("**/files"):
            choose(page, folder)
        app.stop()
        waiting, held = held, None
        for route in waiting:
            route.continue_()
        expect(page.locator("#upload-notice")).to_contain_text("cannot be reached")
        app.start()
        expect_finished(page)
        expect_count(page, "failed", 0)
        expect(page.locator("#report-title")).to_contain_text("602 files")
        page.close()
        context.close()


_MAKE_USER = (
    "from pacsbrowser.access.models import User; "
    "User.objects.create_user('uma', password='correct horse battery', role='uploader')"
)


def test_a_zip_is_unpacked_and_its_progress_shown(upload_page: Page, folder: Path, tmp_path: Path) -> None:
    """The report goes on by itself until the worker is done."""
    path = shutil.make_archive(str(tmp_path / "scan"), "zip", folder)
    upload_page.locator("#files-input").set_input_files(path)
    expect_finished(upload_page)
    expect(upload_page.locator("#report")).to_contain_text("scan.zip!/read.me")
    expect(upload_page.locator("#report-title")).to_contain_text("8 files")


def test_pause_stop_and_leaving(upload_page: Page, tmp_path: Path) -> None:
    """Pausing stops sending, stopping says what was not sent, leaving asks."""
    folder = fill(tmp_path / "long", 450)
    held: list[Any] = []
    upload_page.route("**/files", lambda route: held.append(route))
    choose(upload_page, folder)
    pause = upload_page.get_by_role("button", name="Pause")
    pause.click()
    expect(upload_page.locator("#upload-notice")).to_contain_text("Paused")
    assert_accessible(upload_page)
    asked: list[str] = []
    upload_page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    upload_page.evaluate("location.reload()")
    upload_page.wait_for_function("true")
    upload_page.unroute("**/files")
    for route in held:
        route.continue_()
    upload_page.get_by_role("button", name="Stop").click()
    expect(upload_page.locator("#upload-notice")).to_contain_text("not sent")
    assert asked == ["beforeunload"]


def test_a_file_that_cannot_be_read_fails_and_can_be_retried(upload_page: Page, tmp_path: Path) -> None:
    """A server that refuses: the file has a line, and a button sends it again."""
    folder = fill(tmp_path / "few", 2)
    refuse = [True]

    def answer(route: Any) -> None:
        if refuse[0]:
            route.fulfill(status=400, content_type="application/json", body='{"error": "Not today."}')
        else:
            route.continue_()

    upload_page.route("**/files", answer)
    choose(upload_page, folder)
    expect_count(upload_page, "failed", 4)
    expect(upload_page.locator("#upload-lines")).to_contain_text("Not today.")
    expect(upload_page.get_by_role("button", name="Retry 4 failed")).to_be_visible()
    assert_accessible(upload_page)
    refuse[0] = False
    upload_page.get_by_role("button", name="Retry 4 failed").click()
    expect_count(upload_page, "stored", 2)
    expect_count(upload_page, "failed", 0)


def test_an_ended_session_is_said_and_gone_on_with(
    upload_page: Page, tmp_path: Path, uploader: Person, login: Callable[[Any, Person], None]
) -> None:
    """Nothing is lost: after a login in another tab the queue goes on."""
    folder = fill(tmp_path / "long", 250)
    batches = iter(range(1000))

    def forget(route: Any) -> None:
        if next(batches) == 1:
            upload_page.context.clear_cookies()
        route.continue_()

    upload_page.route("**/known", forget)
    choose(upload_page, folder)
    expect(upload_page.locator("#upload-notice")).to_contain_text("Your session has ended")
    assert_accessible(upload_page)
    other = upload_page.context.new_page()
    login(other, uploader)
    upload_page.get_by_role("button", name="Continue").click()
    expect_finished(upload_page)
    expect_count(upload_page, "stored", 250)
    expect_count(upload_page, "failed", 0)


def test_without_javascript(
    browser: Browser, live_app: LiveApp, folder: Path, login: Callable[[Any, Person], None]
) -> None:
    """The plain form leads to the same report."""
    context = browser.new_context(base_url=live_app.url, java_script_enabled=False)
    page = context.new_page()
    login(page, live_app.user("uploader"))
    page.goto("/upload/")
    page.locator("#plain-files").set_input_files([folder / "again.dcm", folder / "read.me"])
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page).to_have_url(re.compile(r"/upload/[0-9a-f-]{36}/$"))
    expect(page.locator("#report")).to_contain_text("1 file not simply stored")
    expect(page.locator("#report")).to_contain_text("read.me")
    context.close()


def test_the_page_is_accessible_and_fits_a_phone(upload_page: Page) -> None:
    """Before anything is chosen."""
    assert_accessible(upload_page)
    upload_page.set_viewport_size({"width": 390, "height": 844})
    assert_accessible(upload_page)
    assert upload_page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
