"""Job functions of a test's own."""

import pytest

from pacsbrowser.jobs import work


@pytest.fixture
def own_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is registered but what the test registers."""
    monkeypatch.setattr(work, "_functions", {})
