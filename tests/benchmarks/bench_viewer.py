"""How soon the viewer shows the first picture of a large series, and how it scrolls: 500 CT slices of 512 × 512.

    .venv/bin/python -m tests.benchmarks.bench_viewer [first] [scroll] [--slices 500] [--repeat 5] [--trace FILE]

Runs the product on a data folder of its own and drives Chromium as it is on a machine without a graphics card: it
composes its pages by the processor, and computes WebGL by it, so that the viewer draws stacks without WebGL. `first`:
from the click on "Open in viewer" until a picture is seen, the one that the server draws for the page or the viewer's
own, and until it is the viewer's; with an empty cache and with a filled one, and with what the browser asked for and
when. `scroll`: a slice for each frame of the display through all of them, before and after they are loaded, the times
between frames, and the memory of the page. Prints figures, asserts none. `--trace` writes a profile of the first
opening, to be read in the developer tools of Chromium.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

USER, PASSWORD = "bench", "a long password for figures"
FLAGS = ["--no-sandbox", "--disable-gpu"]
# Notes when a click happened, when a picture is first seen, the server's or the viewer's, and when the viewer's is.
WATCH = """
const now = () => performance.timeOrigin + performance.now();
addEventListener("click", () => sessionStorage.setItem("clicked", String(now())), true);
window.seen = {};
const note = name => requestAnimationFrame(() => setTimeout(() => {
  window.seen[name] ??= now() - Number(sessionStorage.getItem("clicked"));
  window.seen.first ??= window.seen[name];
}));
document.addEventListener("load", event => event.target.closest?.("#stage") && note("server"), true);
addEventListener("CORNERSTONE_IMAGE_RENDERED", () => note("viewer"), true);
"""
ASKED = """() => {
  const start = performance.timeOrigin - Number(sessionStorage.getItem("clicked"));
  const page = performance.getEntriesByType("navigation")[0];
  return [page, ...performance.getEntriesByType("resource")].map(one => ({
    name: one.name.replace(/^.*?:\\/\\/[^/]+/, "").replace(/[\\d.]{12,}/g, "…"), from: start + one.startTime,
    answer: start + one.responseStart, to: start + one.responseEnd, bytes: one.transferSize,
  }));
}"""
SCROLL = """count => new Promise(resolve => {
  const slider = document.querySelector(".slice");
  const shown = new Set(), gaps = [];
  let here = -1;
  addEventListener("CORNERSTONE_STACK_NEW_IMAGE", event => { here = event.detail.imageIdIndex; }, true);
  addEventListener("CORNERSTONE_IMAGE_RENDERED", () => shown.add(here), true);
  let last = performance.now(), at = 1;
  const step = now => {
    gaps.push(now - last);
    last = now;
    if (at >= count) return resolve({ gaps: gaps.slice(1), shown: shown.size });
    // as an event of a wheel or a finger: between two frames, and not within one
    setTimeout(() => {
      slider.value = String(++at);
      slider.dispatchEvent(new Event("input"));
    });
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})"""


def main() -> None:
    """Make the series, measure, print."""
    arguments = _arguments()
    import django

    django.setup()
    from playwright.sync_api import sync_playwright

    from tests.live import LiveApp

    _say(f"load of the machine at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    environment = {"PACSBROWSER_ADMIN": USER, "PACSBROWSER_ADMIN_PASSWORD": PASSWORD}
    os.environ |= environment
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name)
        _write(folder / "slices", arguments.slices)
        with LiveApp(folder, **environment) as app:
            app.ingest(folder / "slices")
            shutil.rmtree(folder / "slices")
            if "first" in arguments.parts:
                _first(play, app.url, arguments)
            if "scroll" in arguments.parts:
                _scroll(play, app.url, arguments.slices)
    _say(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", default=["first", "scroll"])
    parser.add_argument("--slices", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--trace", type=Path)
    return parser.parse_args()


def _write(folder: Path, count: int) -> None:
    from tests.benchmarks.slices import Place, Slices

    folder.mkdir()
    slices = Slices(512)
    for number in range(count):
        (folder / f"{number}.dcm").write_bytes(slices.bytes_of(Place(0, number)))


# ---------------------------------------------------------------- the first picture


def _first(play: Any, url: str, arguments: argparse.Namespace) -> None:
    found: dict[str, list[dict[str, float]]] = {"empty cache": [], "filled cache": []}
    for turn in range(arguments.repeat):
        browser, page = _logged_in(play, url)
        if arguments.trace and not turn:
            browser.start_tracing(page=page, path=str(arguments.trace))
        found["empty cache"].append(_open(page))
        if arguments.trace and not turn:
            browser.stop_tracing()
        if not turn:
            _print_requests(page.evaluate(ASKED), found["empty cache"][0]["viewer"])
        found["filled cache"] += [_open(page) for _ in range(3)]
        browser.close()
    for cache, seen in found.items():
        for name, words in (("first", "first picture"), ("viewer", "picture of the viewer")):
            times = sorted(one[name] for one in seen)
            middle = statistics.median(times)
            _say(f"{words:22} {cache:13}: median {middle:5.0f} ms, worst {times[-1]:5.0f} ms, n={len(times)}")


def _logged_in(play: Any, url: str) -> tuple[Any, Any]:
    own = shutil.which("chromium") or shutil.which("google-chrome")
    browser = play.chromium.launch(executable_path=own, args=FLAGS)
    page = browser.new_context(base_url=url, viewport={"width": 1280, "height": 800}, bypass_csp=True).new_page()
    page.add_init_script(WATCH)
    page.goto("/accounts/login/")
    page.get_by_label("User name").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")
    return browser, page


def _open(page: Any) -> dict[str, float]:
    """Click on "Open in viewer" and return the milliseconds until a picture is seen, and until it is the viewer's."""
    from tests.benchmarks.slices import Place

    page.goto(f"/studies/{Place(0, 0).uids[0]}/", wait_until="networkidle")
    page.get_by_role("link", name="Open in viewer").click()
    page.wait_for_url("**/view/**", wait_until="commit")
    page.wait_for_function("window.seen.viewer", timeout=60_000)
    seen: dict[str, float] = page.evaluate("window.seen")
    # what it goes on loading must not disturb the next opening
    page.locator(".viewport[aria-busy]").wait_for(state="hidden", timeout=60_000)
    return seen


def _print_requests(asked: list[dict[str, Any]], first: float) -> None:
    _say("what was asked for before the picture of the viewer (ms after the click: asked, answered, all here)")
    for one in sorted(asked, key=lambda one: one["from"]):
        if one["from"] < first:
            _say(
                f"  {one['from']:6.0f} {one['answer']:6.0f} {one['to']:6.0f} {one['bytes']:9,.0f} B  {one['name'][:80]}"
            )


# ---------------------------------------------------------------- scrolling


def _scroll(play: Any, url: str, count: int) -> None:
    browser, page = _logged_in(play, url)
    _open(page)
    for name in ("while loading", "loaded", "loaded, again"):
        page.evaluate("() => new Promise(requestAnimationFrame)")
        _print_scroll(name, page.evaluate(SCROLL, count))
        page.wait_for_load_state("networkidle")
    memory = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    _say(f"memory of the page's objects after that: {memory:.0f} MB")
    browser.close()


def _print_scroll(name: str, found: dict[str, Any]) -> None:
    gaps = sorted(found["gaps"])
    middle, late = statistics.median(gaps), gaps[int(len(gaps) * 0.95)]
    long = sum(gap > 34 for gap in gaps)
    _say(
        f"scrolling {name:14}: {1000 * len(gaps) / sum(gaps):4.0f} frames a second, median {middle:4.1f} ms, 95 % in "
        f"{late:4.0f} ms, longest {gaps[-1]:4.0f} ms, {long} of {len(gaps)} over 34 ms, {found['shown']} slices drawn"
    )


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
