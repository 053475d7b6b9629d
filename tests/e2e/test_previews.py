"""Thumbnails in a real browser: they load, keep their shape, wait until they are scrolled to, and axe finds nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.accessibility import assert_accessible
from tests.datasets import ROOT, make_series
from tests.live import LiveApp, Person

pytestmark = pytest.mark.e2e

STUDY = 61


@pytest.fixture(scope="module")
def pictures(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The running product with a series of 60 pictures that are twice as high as wide."""
    folder: Path = tmp_path_factory.mktemp("pictures")
    slices = make_series(60, study=STUDY, PixelSpacing=[2, 1], PatientID="E2E-61", PatientName="Okonkwo^Chidi")
    for number, file in enumerate(slices):
        (folder / f"{number:03}.dcm").write_bytes(file)
    live_app.ingest(folder)
    return live_app


def test_thumbnails_load_when_they_are_come_to(
    page: Page, pictures: LiveApp, login: Callable[[Any, Person], None]
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/preview") else None)
    page.goto(f"{pictures.url}/accounts/login/")
    login(page, pictures.user("viewer"))
    page.set_viewport_size({"width": 390, "height": 600})
    page.goto(f"{pictures.url}/studies/{ROOT}.{STUDY}/series/{ROOT}.{STUDY}.1/")
    images = page.locator(".instances .thumb img")
    expect(images).to_have_count(60)
    first, last = images.first, images.last
    first.scroll_into_view_if_needed()
    page.wait_for_function("image => image.complete", arg=first.element_handle())
    assert first.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [128, 256]
    box = first.bounding_box()
    assert box is not None and abs(box["width"] - box["height"]) < 1.5
    assert len(asked) < 60
    last.scroll_into_view_if_needed()
    page.wait_for_function("image => image.complete && image.naturalWidth === 128", arg=last.element_handle())
    assert_accessible(page)
