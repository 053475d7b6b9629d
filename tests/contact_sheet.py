"""Opens every object of a folder in Chromium and makes a contact sheet: the viewer's picture beside the server's.

    .venv/bin/python -m tests.contact_sheet FOLDER_OF_DICOM [--out DIRECTORY] [--only TEXT] [--each N]

Objects with pixels are opened in the viewer, at the middle frame, all others on their page; copies of one UID are
objects of their own. A segmentation is seen over what it belongs to, which the server's picture beside it is not. The
sheets (PNG, 24 objects each) and a table (`objects.csv`: what was shown or why not, how far the two pictures are apart,
what the console said) go to the directory, each as soon as it is known. Nothing is asserted: the sheets are there to be
looked at. Exit status 1 if a console complained.
"""

import argparse
import contextlib
import csv
import io
import os
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import Page, sync_playwright

from pacsbrowser.dicom.transfer_syntaxes import VIDEO
from tests.every_file import ingest_every_file
from tests.live import LiveApp

SIDE = 256
COLUMNS, ROWS = 4, 6
ADMIN, PASSWORD = "sheet", "a long password for sheets"
OBJECTS = """
    SELECT study.id, study.study_instance_uid, series.series_instance_uid, instance.sop_instance_uid,
           instance.has_pixel_data, instance.transfer_syntax_uid, series.modality, instance.original_name,
           instance.number_of_frames
    FROM archive_instance instance
    JOIN archive_series series ON series.id = instance.series_id
    JOIN archive_study study ON study.id = series.study_id
    WHERE instance.removal_id IS NULL ORDER BY instance.transfer_syntax_uid, instance.id
"""


@dataclass
class Seen:
    """An object: where it is, what became of it, and its two pictures."""

    holder: int
    study: str
    series: str
    instance: str
    has_pixels: bool
    syntax: str
    modality: str
    name: str
    frames: int
    state: str = ""
    apart: float | None = None
    said: list[str] = field(default_factory=list)
    shown: Image.Image | None = None
    drawn: Image.Image | None = None

    @property
    def is_drawn(self) -> bool:
        """Whether the viewer draws it; videos are played on their own page."""
        return self.has_pixels and self.syntax not in VIDEO

    @property
    def middle(self) -> int:
        """The frame in the middle, from 1."""
        return max(self.frames, 1) // 2 + 1 if self.frames > 1 else 1

    @property
    def page(self) -> str:
        """Where it is opened."""
        if self.is_drawn:
            place = f"series={self.series}&instance={self.instance}&frame={self.middle}"
            return f"/view/{self.study}/?holder={self.holder}&{place}"
        return f"/studies/{self.study}/series/{self.series}/instances/{self.instance}/?holder={self.holder}"


def main() -> int:
    """Make the sheets."""
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    os.environ |= {"PACSBROWSER_ADMIN": ADMIN, "PACSBROWSER_ADMIN_PASSWORD": PASSWORD}
    environment = {"PACSBROWSER_ADMIN": ADMIN, "PACSBROWSER_ADMIN_PASSWORD": PASSWORD}
    with tempfile.TemporaryDirectory() as folder, LiveApp(Path(folder), **environment) as app:
        for name in ingest_every_file(app, arguments.folder, Path(folder)):
            sys.stdout.write(f"a copy that is not shown by itself: {name}\n")
        wanted = _wanted(_objects(Path(folder) / "data"), arguments.only, arguments.each)
        with _page(app.url) as page, _Sheets(arguments.out) as sheets:
            for place, one in enumerate(wanted, 1):
                _open(page, one)
                sheets.add(one)
                apart = one.apart or 0
                sys.stdout.write(f"{place:4} {one.state:30.30} {apart:6.1f} {one.name} {one.said or ''}\n")
                sys.stdout.flush()
    return 1 if any(one.said for one in wanted) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make a contact sheet of all objects of a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("test-results/contact-sheet"))
    parser.add_argument("--only", default="", help="objects whose file name or transfer syntax holds this")
    parser.add_argument("--each", type=int, default=1_000_000, help="at most this many objects of a series")
    return parser.parse_args()


def _objects(data: Path) -> list[Seen]:
    with contextlib.closing(sqlite3.connect(data / "index.sqlite3")) as rows:
        return [Seen(row[0], *row[1:4], bool(row[4]), *row[5:]) for row in rows.execute(OBJECTS)]


def _wanted(found: list[Seen], only: str, each: int) -> list[Seen]:
    """Return those whose name or transfer syntax holds a text, not more than `each` of a series."""
    counts: Counter[tuple[int, str]] = Counter()
    wanted = []
    for one in found:
        counts[one.holder, one.series] += 1
        if only in f"{one.name} {one.syntax}" and counts[one.holder, one.series] <= each:
            wanted.append(one)
    return wanted


@contextlib.contextmanager
def _page(url: str) -> Iterator[Page]:
    own = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=own, args=flags)
        page = browser.new_context(base_url=url, viewport={"width": 640, "height": 640}).new_page()
        page.goto("/accounts/login/")
        page.get_by_label("User name").fill(ADMIN)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/")
        yield page
        browser.close()


def _open(page: Page, one: Seen) -> None:
    """Open an object and keep what is seen of it."""

    def complaint(message: Any) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            one.said.append(message.text[:200])

    def failure(error: Any) -> None:
        one.said.append(str(error)[:200])

    page.on("console", complaint)
    page.on("pageerror", failure)
    try:
        answer = page.goto(one.page)
        if one.is_drawn:
            _look(page, one)
        else:
            one.state = f"page {answer.status if answer else 0}"
            one.shown = _image(page.screenshot())
    except Exception as error:
        one.state = f"not seen: {type(error).__name__}"
        one.shown = _image(page.screenshot())
    finally:
        page.remove_listener("console", complaint)
        page.remove_listener("pageerror", failure)


def _look(page: Page, one: Seen) -> None:
    viewport = page.locator(".viewport").first
    page.locator(".viewport[data-state], .nothing").first.wait_for(timeout=20_000)
    page.locator(".viewport[aria-busy]").wait_for(state="hidden", timeout=20_000)
    problem = viewport.get_attribute("data-problem") if viewport.get_attribute("data-state") == "failed" else ""
    one.state = problem or "shown"
    page.keyboard.press("t")
    one.shown = _image(viewport.locator(".why" if problem else ".canvas").screenshot())
    base = f"/dicom-web/studies/{one.study}/series/{one.series}/instances/{one.instance}/frames/{one.middle}/rendered"
    size = f"?viewport={one.shown.width},{one.shown.height}"
    answer = page.request.get(base + size, headers={"Accept": "image/png"})
    if answer.ok:
        one.drawn = Image.new("RGB", one.shown.size)
        fitted = _image(answer.body())
        one.drawn.paste(fitted, ((one.shown.width - fitted.width) // 2, (one.shown.height - fitted.height) // 2))
        one.apart = None if problem else _apart(one.shown, one.drawn)
    else:
        one.state += f", server {answer.status}"


def _apart(shown: Image.Image, drawn: Image.Image) -> float:
    """Return the mean difference of two pictures in grey steps."""
    return float(np.abs(np.asarray(shown, int) - np.asarray(drawn, int)).mean())


def _image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


class _Sheets:
    """The table and the sheets, written as they grow; pictures are not kept once they are on a sheet."""

    def __init__(self, out: Path) -> None:
        self._out, self._count = out, 0
        self._sheet = self._blank()
        self._file = (out / "objects.csv").open("w", newline="", buffering=1)
        self._table = csv.writer(self._file)
        self._table.writerow(["file", "modality", "transfer syntax", "state", "apart", "console", "address"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._count % (COLUMNS * ROWS):
            self._save()
        self._file.close()

    def add(self, one: Seen) -> None:
        """Add an object; a sheet that is full is written."""
        apart = "" if one.apart is None else f"{one.apart:.1f}"
        self._table.writerow([one.name, one.modality, one.syntax, one.state, apart, " | ".join(one.said), one.page])
        place = self._count % (COLUMNS * ROWS)
        _paste(self._sheet, one, (place % COLUMNS) * (2 * SIDE + 8), (place // COLUMNS) * (SIDE + 30))
        one.shown = one.drawn = None
        self._count += 1
        if place == COLUMNS * ROWS - 1:
            self._save()
            self._sheet = self._blank()

    def _save(self) -> None:
        self._sheet.save(self._out / f"sheet-{(self._count - 1) // (COLUMNS * ROWS) + 1:02}.png")

    @staticmethod
    def _blank() -> Image.Image:
        return Image.new("RGB", (COLUMNS * (2 * SIDE + 8), ROWS * (SIDE + 30)), "#303030")


def _paste(sheet: Image.Image, one: Seen, x: int, y: int) -> None:
    for at, picture in enumerate((one.shown, one.drawn)):
        if picture:
            small = picture.copy()
            small.thumbnail((SIDE, SIDE))
            sheet.paste(small, (x + at * SIDE, y))
    apart = "" if one.apart is None else f" {one.apart:.1f}"
    words = ImageDraw.Draw(sheet)
    words.text((x + 2, y + SIDE), f"{Path(one.name).name[-58:]}", fill="white")
    words.text((x + 2, y + SIDE + 13), f"{one.modality} {one.syntax[-10:]} {one.state}{apart}", fill="#ffd24a")


if __name__ == "__main__":
    sys.exit(main())
