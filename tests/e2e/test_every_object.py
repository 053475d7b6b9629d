"""The page of every kind of object in a real browser: the whole corpus without an error, axe, paper, PDF, video, sound.

Without the corpus the same is done with objects made here and with the files of pydicom's wheel.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from tests.accessibility import assert_accessible
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e

PARTS = 8  # of the corpus, so that several processes can share it
# Of more objects of one kind in a series the pages are asked for, and not laid out by the browser as well.
MOST_ALIKE = 20
Address = tuple[str, str]
# Loads all pictures of a page, also those that are far down, and returns the addresses of those that do not show.
BROKEN = """async () => {
  const pictures = [...document.querySelectorAll("main img")].filter(image => image.checkVisibility());
  const shown = image => image.complete ? image.naturalWidth > 0 : new Promise(resolve => {
    image.addEventListener("load", () => resolve(true)); image.addEventListener("error", () => resolve(false));
    setTimeout(() => resolve(false), 15000);
  });
  for (const image of pictures) image.loading = "eager";
  const all = await Promise.all(pictures.map(shown));
  const broken = pictures.filter((_, at) => !all[at]).map(one => one.src);
  return { heading: document.querySelector("h1")?.textContent, broken };
}"""


@pytest.fixture(scope="module")
def live_app(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[LiveApp]:
    """A running product of this module's own with the corpus, and with made objects of the kinds that it lacks.

    Files of the corpus share UIDs with those that other modules upload, which would make conflicts there.
    """
    folder = tmp_path_factory.mktemp("every")
    for name, file in made_objects().items():
        (folder / f"{name}.dcm").write_bytes(file)
    corpus = os.environ.get("DICOM_CORPUS", "")
    with LiveApp(tmp_path_factory.mktemp("live"), django_db_blocker) as app:
        app.ingest(folder, *([Path(corpus) / "dicom"] if corpus else []))
        yield app


def made_objects() -> dict[str, bytes]:
    """Return objects of kinds that are rare in test data, each in a study of its own."""
    from tests.datasets import ROOT
    from tests.dicom.test_encapsulated import make_document, make_pdf
    from tests.pages import test_drawn_objects as drawn
    from tests.pages.test_presentations import make_ecg

    def uids(study: int) -> dict[str, str]:
        base = f"{ROOT}.{900 + study}"
        return {"StudyInstanceUID": base, "SeriesInstanceUID": f"{base}.1", "SOPInstanceUID": f"{base}.1.1"}

    with_uids = {
        "ecg": make_ecg(65), "segments": drawn.make_segmentation(), "structures": drawn.make_structures(),
        "dose": drawn.make_dose(), "pdf": make_document(make_pdf(), study=905),
    }  # fmt: skip
    return {name: _moved(file, uids(place)) for place, (name, file) in enumerate(with_uids.items())}


def _moved(file: bytes, uids: dict[str, str]) -> bytes:
    import io

    from pydicom import dcmread

    from tests.datasets import save

    dataset = dcmread(io.BytesIO(file))
    for keyword, value in uids.items():
        setattr(dataset, keyword, value)
    dataset.PatientID = uids["StudyInstanceUID"]
    return save(dataset)


def addresses(app: LiveApp, where: str = "1") -> list[Address]:
    """Return the pages of all instances with their SOP classes, one of each class and transfer syntax first."""
    database = sqlite3.connect(f"file:{app.folder}/data/index.sqlite3?mode=ro", uri=True)
    rows = database.execute(
        "SELECT study_instance_uid, t.id, series_instance_uid, sop_instance_uid, sop_class_uid"
        " FROM archive_instance i JOIN archive_series s ON s.id = i.series_id"
        f" JOIN archive_study t ON t.id = s.study_id WHERE i.removal_id IS NULL AND {where} ORDER BY i.id"
    ).fetchall()
    database.close()
    return [
        (f"/studies/{study}/series/{series}/instances/{instance}/?holder={holder}", sop_class)
        for study, holder, series, instance, sop_class in rows
    ]


@pytest.fixture
def strict_page(page: Page, live_app: LiveApp, login: Callable[[Any, Person], None]) -> Iterator[Page]:
    """A page on which somebody is logged in; whatever the browser complains about fails the test."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            said.append(f"{page.url}: {message.text}")

    def failed(request: Request) -> None:
        # a browser that leaves a page, or has enough of a video, breaks off what it was loading
        if request.failure and "ERR_ABORTED" not in request.failure:
            said.append(f"{page.url}: {request.url}: {request.failure}")

    page.on("console", note)
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    page.on("requestfailed", failed)
    page.set_default_timeout(20_000)
    login(page, live_app.user("viewer"))
    yield page
    assert said == []


@pytest.mark.parametrize("part", range(PARTS))
def test_every_object_of_the_corpus_opens_or_if_many_are_alike_is_answered(
    strict_page: Page, live_app: LiveApp, corpus: Path, part: int
) -> None:
    """Of objects of one class in one series, those after the first twenty are only asked for."""
    pages = addresses(live_app)
    assert len(pages) > 400
    counts: Counter[tuple[str, str]] = Counter()
    alike = set()
    for address, sop_class in pages:
        counts[address.partition("/instances/")[0], sop_class] += 1
        if counts[address.partition("/instances/")[0], sop_class] > MOST_ALIKE:
            alike.add(address)
    for address, _ in pages[part::PARTS]:
        if address in alike:
            assert strict_page.request.get(address).status == 200, address
            continue
        answer = strict_page.goto(address)
        assert answer is not None and answer.status == 200, address
        found = strict_page.evaluate(BROKEN)
        assert "Instance" in found["heading"], address
        assert found["broken"] == [], address


def one_of(live_app: LiveApp, where: str) -> str:
    """Return the address of an instance, or skip where none is here."""
    found = addresses(live_app, where)
    if not found:
        pytest.skip("no such object without DICOM_CORPUS")
    return found[0][0]


DRAWN = {
    "ECG": "i.sop_class_uid LIKE '%.9.1.1'", "SEG": "i.sop_class_uid LIKE '%.66.4'",
    "structures": "i.sop_class_uid LIKE '%.481.3'", "dose": "i.sop_class_uid LIKE '%.481.2'",
    "plan": "i.sop_class_uid LIKE '%.481.5'", "PDF": "i.sop_class_uid LIKE '%.104.1'",
    "CDA": "i.sop_class_uid LIKE '%.104.2'", "STL": "i.sop_class_uid LIKE '%.104.3'",
    "video": "i.sop_class_uid LIKE '%.77.1.1.1'", "annotations": "i.sop_class_uid LIKE '%.91.1'",
}  # fmt: skip


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_of_objects_are_accessible(strict_page: Page, live_app: LiveApp, kind: str, width: int) -> None:
    strict_page.set_viewport_size({"width": width, "height": 900})
    strict_page.goto(one_of(live_app, DRAWN[kind]))
    if kind != "PDF":  # axe runs in every frame, and the browser's own reader is one that it cannot enter
        assert_accessible(strict_page)
    assert strict_page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_paper_is_true_on_the_screen_and_in_print(strict_page: Page, live_app: LiveApp) -> None:
    strict_page.goto(one_of(live_app, DRAWN["ECG"]))
    size = "svg => [svg.getBoundingClientRect().width, svg.getCTM().a]"
    width, unit = strict_page.locator("svg.ecg").evaluate(size)
    assert width == pytest.approx(262 * 96 / 25.4, abs=0.5) and unit == pytest.approx(96 / 25.4, rel=0.001)
    strict_page.emulate_media(media="print")
    width, unit = strict_page.locator("svg.ecg").evaluate(size)
    assert width == pytest.approx(262 * 96 / 25.4, abs=0.5) and unit == pytest.approx(96 / 25.4, rel=0.001)
    assert width <= (297 - 16) * 96 / 25.4, "it fits on a sheet of A4 across"


def test_a_long_recording_is_leafed_through_by_links(strict_page: Page, live_app: LiveApp) -> None:
    strict_page.goto(one_of(live_app, "t.study_instance_uid LIKE '%.900'"))
    strict_page.get_by_role("link", name="Later").click()
    expect(strict_page.get_by_text("shown 10 s to 20 s")).to_be_visible()
    strict_page.get_by_role("link", name="6 × 2").click()
    expect(strict_page.get_by_text("shown 10 s to 20 s")).to_be_visible()
    strict_page.get_by_label("Go to").fill("0:50")
    strict_page.keyboard.press("Enter")
    expect(strict_page.get_by_text("shown 50 s to 1:00")).to_be_visible()


def test_a_pdf_is_read_in_the_page(strict_page: Page, live_app: LiveApp) -> None:
    with strict_page.expect_response(lambda answer: "/document" in answer.url and answer.ok) as arriving:
        strict_page.goto(one_of(live_app, DRAWN["PDF"]))
    assert arriving.value.headers["content-type"] == "application/pdf"
    assert strict_page.locator("object.pdf").evaluate("object => object.clientHeight") > 300
    with strict_page.expect_download() as saving:
        strict_page.get_by_role("link", name="Save PDF").click()
    assert saving.value.suggested_filename.endswith(".pdf")


def test_a_video_plays(strict_page: Page, live_app: LiveApp) -> None:
    strict_page.goto(one_of(live_app, DRAWN["video"]))
    player = strict_page.locator("video")
    # the page's policy lets no string be evaluated again and again, as waiting for a function does
    player.evaluate("""video => new Promise(resolve => {
        video.addEventListener("timeupdate", () => video.currentTime > 0.2 && resolve());
        video.muted = true; video.play();
    })""")
    assert player.evaluate("video => [video.videoWidth, Math.round(video.duration)]") == [320, 3]
    player.evaluate("""video => new Promise(resolve => {
        video.addEventListener("seeked", () => resolve());
        video.pause(); video.currentTime = 2.5;
    })""")
    assert player.evaluate("video => video.currentTime") == 2.5


def test_slices_are_leafed_through_without_javascript(
    live_app: LiveApp, browser: Any, login: Callable[[Any, Person], None]
) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=live_app.url)
    page = context.new_page()
    login(page, live_app.user("viewer"))
    page.goto(one_of(live_app, "t.study_instance_uid LIKE '%.902'"))
    expect(page.get_by_text("Slice 1 of 2")).to_be_visible()
    page.get_by_role("link", name="Next slice").click()
    expect(page.get_by_text("Slice 2 of 2")).to_be_visible()
    expect(page.get_by_text("z = 3.0 mm")).to_be_visible()
    context.close()
