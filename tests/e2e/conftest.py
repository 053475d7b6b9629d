"""What tests of the viewer are given beside the fixtures of all tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.viewing import RENDERERS, draw_by, watched
from tests.live import LiveApp, Person


@pytest.fixture(params=RENDERERS)
def page_of(
    page: Page, balls: LiveApp, login: Callable[[Any, Person], None], request: pytest.FixtureRequest
) -> Iterator[Page]:
    """A page on which somebody is logged in, and that must not complain, with either way of drawing.

    `balls`: a module's own fixture, the running product with what its tests look at.
    """
    draw_by(page, request.param)
    with watched(page, balls, login, (1000, 640)) as page:
        yield page
