"""How fast an upload is and what memory the web process takes: a folder of many files, and one large file.

    python -m tests.benchmarks.bench_upload [--files 5000] [--size 34000] [--large 2000000000]

Runs the product on a data folder of its own and drives real Chromium, which is what users have; prints figures, asserts
none. The large file is a valid object with zeros for pixels, sent by the same browser.
"""

import argparse
import os
import re
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--size", type=int, default=34_000)
    parser.add_argument("--large", type=int, default=2_000_000_000)
    arguments = parser.parse_args()
    import django

    django.setup()
    from playwright.sync_api import sync_playwright

    from tests.live import LiveApp

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with LiveApp(folder) as app, sync_playwright() as play:
            page = _logged_in(app, play)
            watch = _Watch(app)
            many = folder / "many"
            _write_many(many, arguments.files, arguments.size)
            _send(page, watch, "#folder-input", many, f"{arguments.files:,} files of {arguments.size:,} bytes")
            large = folder / "large.dcm"
            _write_large(large, arguments.large)
            _send(page, watch, "#files-input", large, f"one file of {arguments.large:,} bytes")
            watch.stop()


def _logged_in(app: Any, play: Any) -> Any:
    make = "from pacsbrowser.access.models import User; "
    make += "User.objects.create_user('bench', password='correct horse battery', role='uploader')"
    app.manage("shell", "-c", make)
    own = shutil.which("chromium") or shutil.which("google-chrome")
    browser = play.chromium.launch(executable_path=own, args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page(base_url=app.url)
    page.goto("/accounts/login/")
    page.get_by_label("User name").fill("bench")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(r"^(?!.*/accounts/login/)"))
    return page


def _send(page: Any, watch: "_Watch", field: str, path: Path, what: str) -> None:
    page.goto("/upload/")
    begun = time.monotonic()
    page.locator(field).set_input_files(path)
    page.locator("#report").get_by_text("Finished", exact=True).wait_for(timeout=1_200_000)
    taken = time.monotonic() - begun
    size = sum(file.stat().st_size for file in (path.rglob("*") if path.is_dir() else [path]) if file.is_file())
    title = page.locator("#report-title").inner_text()
    print(f"{what}: {taken:.1f} s, {size / taken / 1e6:.0f} MB/s; report: {title}")  # noqa: T201
    print(f"  highest resident memory so far, MB: {watch.highest()}")  # noqa: T201


class _Watch:
    """Notes the highest resident size of each process of the product."""

    def __init__(self, app: Any) -> None:
        self._root = app.process.pid
        self._highest: dict[str, int] = {}
        self._stop = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._stop.set()

    def highest(self) -> dict[str, int]:
        """Resident megabytes by kind of process, the largest of each kind."""
        return dict(sorted(self._highest.items()))

    def _look(self) -> None:
        while not self._stop.wait(0.2):
            for pid in _family(self._root):
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
                size = re.search(r"VmRSS:\s+(\d+)", status)
                key = next((word for word in ("web", "worker") if word in command), "start")
                self._highest[key] = max(self._highest.get(key, 0), int(size[1]) // 1000 if size else 0)


def _family(root: int) -> list[int]:
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        try:
            waiting += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except OSError:
            continue
    return found


def _write_many(folder: Path, count: int, size: int) -> None:
    from tests.datasets import ROOT, make_dataset

    folder.mkdir()
    marks = {"series": f"{ROOT}.9.9.", "number": "424242"}
    template = make_dataset(
        StudyInstanceUID=f"{ROOT}.9", SeriesInstanceUID=f"{ROOT}.9.9", SOPInstanceUID=f"{marks['series']}000000",
        InstanceNumber=marks["number"], Rows=1, Columns=1, PixelData=bytes(max(2, size - 800)),
    )  # fmt: skip
    for number in range(count):
        uid = f"{marks['series']}{number:06}".encode()
        data = template.replace(f"{marks['series']}000000".encode(), uid).replace(b"424242", b"%06d" % number)
        (folder / f"IM{number:06}").write_bytes(data)


def _write_large(path: Path, size: int) -> None:
    from tests.datasets import ROOT, make_dataset

    small = make_dataset(SOPInstanceUID=f"{ROOT}.8.8.8", NumberOfFrames="1", PixelData=bytes(128))
    at = small.rindex((128).to_bytes(4, "little"))
    length = (size - at - 4) // 2 * 2
    with path.open("wb") as file:
        file.write(small[:at] + length.to_bytes(4, "little"))
        file.truncate(at + 4 + length)


if __name__ == "__main__":
    main()
