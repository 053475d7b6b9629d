"""The web process: granian serving the WSGI application. Started by the supervisor, without Django in the parent."""

import argparse
import os
from pathlib import Path

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from pacsbrowser.management.lifeline import die_with_parent


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    if os.environ.get("PACSBROWSER_SUPERVISED"):
        die_with_parent()
    server = Server(
        "pacsbrowser.wsgi:application",
        address=options.host,
        port=options.port,
        interface=Interfaces.WSGI,
        # two processes use two cores; more cost memory and gain nothing on one SQLite file
        workers=min(2, os.cpu_count() or 1),
        # the number of blocking threads stays granian's own: a small one dies under a few slow bodies
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=15_000),
        respawn_failed_workers=True,
        respawn_interval=0.5,
        workers_kill_timeout=5,
        log_level=LogLevels.error,
        log_access=False,
        working_dir=Path(__file__).resolve().parents[2],
    )
    server.serve()


if __name__ == "__main__":
    main()
