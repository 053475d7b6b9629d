"""The one command that runs the product."""

import os
import sys
import urllib.error
import urllib.request
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from pacsbrowser.archive.sweep import sweep
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.management import preparation
from pacsbrowser.management.binding import Binding, listening, parse_binding, refuse_taken_port, refuse_unsafe
from pacsbrowser.management.supervisor import Child, Supervisor

# two processes use two cores; more gain nothing on one SQLite file
_DIMSE_PROCESSES = 2


class Command(BaseCommand):
    """Prepare the data folder, then run the web, DIMSE and worker processes until Ctrl-C."""

    help = "Run the PACS browser: prepares the data folder and keeps the web, DIMSE and worker processes running."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What may be chosen at start; everything else is in the environment (see settings.py)."""
        parser.add_argument("--bind", default="127.0.0.1:8000", metavar="HOST:PORT", help="where the web pages answer")
        parser.add_argument("--dimse-port", type=int, default=11112, metavar="PORT", help="where DIMSE calls are taken")
        parser.add_argument("--dimse-host", metavar="ADDRESS", help="the address for that (default: that of --bind)")
        parser.add_argument("--only", choices=["web", "worker", "dimse"], help="run only this part, on this host")
        parser.add_argument("--demo", action="store_true", help="load demonstration data first")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, then supervise."""
        only: str = options["only"] or ""
        binding = parse_binding(options["bind"])
        dimse = parse_binding(f"{options['dimse_host'] or binding.host}:{options['dimse_port']}", "--dimse-port")
        serves = only in ("", "web")
        if serves:
            refuse_unsafe(binding)
        # more workers may join on the same data folder, but there is one web part
        with preparation.only_start() if serves else nullcontext():
            if serves:
                refuse_taken_port(binding)
            if only in ("", "dimse"):
                refuse_taken_port(dimse, "--dimse-port")
            self._prepare(binding, serves, options["demo"])
            self._run(binding, dimse, only)

    def _prepare(self, binding: Binding, serves: bool, demo: bool) -> None:
        preparation.migrate()
        sweep()
        if serves:
            preparation.collect_static()
            if link := preparation.first_administrator(binding.public_url):
                self._say(f"Create the administrator with this one-time link (good for 24 hours):\n  {link}")
        if demo:
            from pacsbrowser.archive.demo import load_demo

            load_demo()
            self._say("Demonstration data is loaded.")

    def _run(self, binding: Binding, dimse: Binding, only: str) -> None:
        manage = str(Path(settings.BASE_DIR) / "manage.py")
        commands = {
            "web": [sys.executable, "-m", "pacsbrowser.management.web", binding.host, str(binding.port)],
            "worker": [sys.executable, manage, "worker"],
        }
        children = [Child(name, command) for name, command in commands.items() if only in ("", name)]
        if only in ("", "dimse"):
            children += _dimse_children([sys.executable, manage, "dimse"], dimse)
        record(Action.START, who="start", door="start", object=only or "all")
        # the children open their own connections; this process needs none while it waits
        connections.close_all()
        announce = _Announcement(self, binding) if only in ("", "web") else lambda: None
        if only in ("", "dimse"):
            self._say_dimse(dimse)
        Supervisor(children, on_tick=announce).run()
        record(Action.STOP, who="start", door="start", object=only or "all")
        self._say("Stopped.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _say_dimse(self, dimse: Binding) -> None:
        self._say(f"DIMSE: {settings.DIMSE_AE_TITLE} at {dimse.host}:{dimse.port}")
        if not dimse.is_loopback and not settings.DIMSE_TLS_CERT:
            self._say(
                "Warning: DIMSE is not encrypted, and AE titles prove nothing: keep its port in a trusted network."
            )

    def say_ready(self, binding: Binding) -> None:
        """Tell where the product is, once it answers."""
        self._say(f"PACS browser is ready: {binding.public_url}/   (stop with Ctrl-C)")
        if not binding.is_loopback and not settings.HTTPS:
            self._say("Warning: passwords and patient data travel unencrypted. Put a TLS proxy in front (README).")


def _dimse_children(command: list[str], binding: Binding) -> list[Child]:
    """Return the DIMSE processes. They share one port, so that callers need not know how many there are.

    The port is opened here: a caller who comes while a process starts again waits, and is not refused.
    """
    count = min(_DIMSE_PROCESSES, os.cpu_count() or 1)
    # kept open, by number, for as long as this process lives
    descriptor = listening(binding, "--dimse-port").detach()
    more = ["--descriptor", str(descriptor), "--share", str(count)]
    names = ["dimse", *(f"dimse {number}" for number in range(2, count + 1))]
    return [Child(name, command + more, [descriptor]) for name in names]


class _Announcement:
    """Called at every tick; says once that the web process answers."""

    def __init__(self, command: Command, binding: Binding) -> None:
        self._command, self._binding, self._done = command, binding, False

    def __call__(self) -> None:
        if not self._done and _answers(self._binding):
            self._done = True
            self._command.say_ready(self._binding)


def _answers(binding: Binding) -> bool:
    url = f"{binding.local_url}/healthz"
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own http address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
