"""What tests share: the running product for browser tests, people of each role, and real DICOM files.

`live_app`  the product as `manage.py start` runs it, on a data folder of its own, one per test process
`login`     opens the log-in page and logs a user in: `login(page, live_app.user("viewer"))`
`corpus`    the folder of the larger test data, or a visible skip
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings

from tests.live import LiveApp, Person

# A busy machine takes its time, which says nothing about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def live_app(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[LiveApp]:
    """The product, running; made once per test process."""
    with LiveApp(tmp_path_factory.mktemp("live"), django_db_blocker) as app:
        yield app


@pytest.fixture
def login() -> Callable[[Any, Person], None]:
    """Log a person in through the form."""

    def log_in(page: Any, person: Person) -> None:
        page.goto("/accounts/login/")
        page.get_by_label("User name").fill(person.username)
        page.get_by_label("Password").fill(person.password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(re.compile(r"^(?!.*/accounts/login/)"))

    return log_in


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The larger set of real files; the environment variable DICOM_CORPUS says where it is."""
    folder = os.environ.get("DICOM_CORPUS", "")
    if not folder:
        pytest.skip("DICOM_CORPUS names no folder of test data")
    return Path(folder)


# ------------------------------------------------------------------ the browser


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The machine's own Chromium where there is one, else Playwright's."""
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync"]
    if os.geteuid() == 0:
        quiet.append("--no-sandbox")
    own = shutil.which("chromium") or shutil.which("google-chrome")
    return {**browser_type_launch_args, "args": quiet, **({"executable_path": own} if own else {})}


@pytest.fixture(scope="session")
def base_url() -> None:
    """Asked for by a plugin in every test; the product is started only for those that use a page."""


@pytest.fixture
def browser_context_args(browser_context_args: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    """Relative addresses are those of the running product."""
    app: LiveApp = request.getfixturevalue("live_app")
    return {**browser_context_args, "base_url": app.url}


# ------------------------------------------------------------------ the store and the database


@pytest.fixture(autouse=True)
def _own_store(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Files that a test stores are its own, as its rows are."""
    settings.PACSBROWSER_DATA = tmp_path_factory.mktemp("data")


@pytest.fixture(autouse=True, scope="session")
def _flush_may_empty_the_audit_log() -> Iterator[None]:
    """Tests with real transactions empty all tables afterwards, which the triggers of the audit log would refuse."""
    original = TransactionTestCase._fixture_teardown

    def teardown(case: Any) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'")
            triggers = cursor.fetchall()
            for name, _ in triggers:
                cursor.execute(f"DROP TRIGGER {name}")
            original(case)
            for _, sql in triggers:
                cursor.execute(sql)

    TransactionTestCase._fixture_teardown = teardown  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = original  # type: ignore[method-assign]
