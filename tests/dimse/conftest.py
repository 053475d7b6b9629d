"""The DIMSE door, listening in a thread of the test on a port of its own."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from pacsbrowser.dimse.server import Server
from pacsbrowser.management.binding import Binding, listening
from tests.dimse.peers import Archive


@pytest.fixture
def archive(transactional_db: Any, settings: Any) -> Iterator[Archive]:
    """The archive as a node. Threads have their own connections, so rows are really committed."""
    settings.DIMSE_STRANGERS = frozenset(("store", "find", "get", "move"))
    server = Server(listening(Binding("127.0.0.1", 0)))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Archive(server.port)
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()
        connections.close_all()
