"""The DIMSE process; `start` keeps it running."""

import logging
import os
import signal
import socket
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from pacsbrowser.archive.sweep import sweep
from pacsbrowser.dimse.server import Server
from pacsbrowser.management.binding import Binding, listening
from pacsbrowser.management.lifeline import die_with_parent


def _listener(options: dict[str, Any]) -> socket.socket:
    if options["descriptor"] is not None:
        return socket.socket(fileno=options["descriptor"])
    return listening(Binding(options["host"], options["port"]), "--port")


class Command(BaseCommand):
    """Answer DIMSE calls until told to stop."""

    help = "Answer DIMSE calls until told to stop (`start` does this by itself)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=11112)
        parser.add_argument("--descriptor", type=int, help="a socket that listens already, instead of host and port")
        parser.add_argument("--share", type=int, default=1, help="how many processes that socket is shared by")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the server in this process."""
        if os.environ.get("PACSBROWSER_SUPERVISED"):
            die_with_parent()
        # its warnings may quote values of what it reads
        for name in ("pynetdicom", "pydicom"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        # what a process before this one left half-written
        sweep()
        server = Server(_listener(options), options["share"])

        def stop(number: int, frame: FrameType | None) -> None:
            server.stop()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, stop)
        server.run()
