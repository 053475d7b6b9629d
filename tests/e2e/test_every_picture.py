"""The viewer in a real browser over every picture of the corpus: each is shown, and nothing complains.

Series by series one page goes through all instances, by the keys that people use. Of an object with many frames the
first, the middle and the last are seen. Without the corpus the same is done with pictures made here.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, Response

from pacsbrowser.dicom.transfer_syntaxes import VIDEO
from tests.e2e.viewing import write_volume
from tests.every_file import ingest_every_file
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e

PARTS = 4  # of the corpus, so that several processes can share it
# Broken on purpose: no decoder makes a picture of it, and the server does not either.
BROKEN = {"JPEG2000-embedded-sequence-delimiter.dcm": "Decoding"}
PICTURES = """
    SELECT study.id, study.study_instance_uid, series.series_instance_uid, instance.sop_instance_uid,
           instance.number_of_frames, instance.original_name, instance.transfer_syntax_uid
    FROM archive_instance instance
    JOIN archive_series series ON series.id = instance.series_id
    JOIN archive_study study ON study.id = series.study_id
    WHERE instance.removal_id IS NULL AND instance.has_pixel_data
    ORDER BY series.id, instance.position, instance.id
"""
# Goes to the pictures of the first viewport one after another, and returns what became of each.
VISIT = """async places => {
  const section = document.querySelector(".viewport"), slider = section.querySelector(".slice");
  const settled = () => section.dataset.state && !section.hasAttribute("aria-busy");
  const until = (true_, seconds) => new Promise(resolve => {
    const end = performance.now() + 1000 * seconds;
    const look = () => true_() || performance.now() > end ? resolve(true_()) : setTimeout(look, 10);
    look();
  });
  const seen = [];
  for (const place of places) {
    if (!slider.hidden && Number(slider.value) !== place) {
      slider.value = String(place);
      slider.dispatchEvent(new Event("input"));
    }
    const label = () => section.querySelector(".canvas").getAttribute("aria-label");
    const here = () => settled() && (section.dataset.state === "failed" || label().includes(` ${place} of `));
    const done = await until(here, 20);
    seen.push(done ? (section.dataset.state === "failed" ? section.dataset.problem : "shown") : "still waiting");
  }
  return { seen, count: Number(slider.max) };
}"""


@dataclass
class Strip:
    """A series with its pictures: for each instance the name of its file and how many frames it has."""

    holder: int
    study: str
    series: str
    instances: list[tuple[str, int]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the viewer opens it."""
        return f"/view/{self.study}/?holder={self.holder}&series={self.series}"

    @property
    def places(self) -> dict[int, str]:
        """The pictures to look at, from 1, and the files that they are from."""
        found: dict[int, str] = {}
        first = 1
        for name, frames in self.instances:
            found |= {first + at: name for at in {0, frames // 2, frames - 1}}
            first += frames
        return found


@pytest.fixture(scope="module")
def live_app(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[LiveApp]:
    """A running product with every file of the corpus, also those that share a UID, or with a made series."""
    folder = tmp_path_factory.mktemp("pictures")
    corpus = os.environ.get("DICOM_CORPUS", "")
    with LiveApp(tmp_path_factory.mktemp("live"), django_db_blocker) as app:
        if corpus:
            assert ingest_every_file(app, Path(corpus) / "dicom", folder) == [], "copies that could not be made"
        else:
            write_volume(folder / "made", 9081, slices=6)
            app.ingest(folder / "made")
        yield app


def strips(app: LiveApp) -> list[Strip]:
    """Return all series with pictures; those whose pictures lie over other series are opened over them."""
    database = sqlite3.connect(f"file:{app.folder}/data/index.sqlite3?mode=ro", uri=True)
    found: dict[tuple[int, str], Strip] = {}
    for holder, study, series, _, frames, name, syntax in database.execute(PICTURES):
        if syntax not in VIDEO:
            strip = found.setdefault((holder, series), Strip(holder, study, series))
            strip.instances.append((name, max(frames or 1, 1)))
    database.close()
    return list(found.values())


def names(app: LiveApp) -> list[tuple[str, str]]:
    """Return the UIDs of all instances with the names of their files."""
    with contextlib.closing(sqlite3.connect(f"file:{app.folder}/data/index.sqlite3?mode=ro", uri=True)) as database:
        return database.execute("SELECT sop_instance_uid, original_name FROM archive_instance").fetchall()


@pytest.fixture
def strict_page(page: Page, live_app: LiveApp, login: Callable[[Any, Person], None]) -> Iterator[Page]:
    """A page on which somebody is logged in; what the browser complains about fails the test."""
    said: list[str] = []
    broken = [uid for uid, name in names(live_app) if Path(name).name in BROKEN]

    def is_of_broken(url: str) -> bool:
        return any(f"/instances/{uid}/frames/1/rendered" in url for uid in broken)

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not is_of_broken(message.location["url"]):
            said.append(f"{page.url}: {message.text}")

    def failed(request: Request) -> None:
        # a browser that leaves a page breaks off what it was loading
        if request.failure and "ERR_ABORTED" not in request.failure:
            said.append(f"{page.url}: {request.url}: {request.failure}")

    def answered(response: Response) -> None:
        if response.status >= 400 and not is_of_broken(response.url):
            said.append(f"{page.url}: {response.url}: {response.status}")

    page.on("console", note)
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    page.on("requestfailed", failed)
    page.on("response", answered)
    page.set_default_timeout(30_000)
    # small, as pictures are drawn by the processor here
    page.set_viewport_size({"width": 480, "height": 480})
    login(page, live_app.user("viewer"))
    yield page
    assert said == []


@pytest.mark.parametrize("part", range(PARTS))
def test_every_picture_of_the_corpus_is_shown_without_an_error(strict_page: Page, live_app: LiveApp, part: int) -> None:
    found = strips(live_app)
    assert found
    if not found[part::PARTS]:
        pytest.skip("there are fewer series than parts: DICOM_CORPUS names no folder of test data")
    wrong = []
    for strip in found[part::PARTS]:
        strict_page.goto(strip.address)
        strict_page.locator(".viewport[data-state]").first.wait_for()
        strict_page.locator(".viewport[aria-busy]").first.wait_for(state="hidden")
        if strict_page.locator(f'.viewer-strip [aria-current][data-series="{strip.series}"]').count() == 0:
            # a segmentation is seen over the series that it belongs to
            strict_page.locator(".viewport .legend").wait_for()
            continue
        places = strip.places
        answer = strict_page.evaluate(VISIT, list(places))
        assert answer["count"] == sum(frames for _, frames in strip.instances), strip.address
        for (place, name), state in zip(places.items(), answer["seen"], strict=True):
            if state != BROKEN.get(Path(name).name, "shown"):
                wrong.append((name, place, state, strip.address))
    assert wrong == []
