"""What has to be true before the processes start: tables, static files, an administrator; one start per data folder."""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from pacsbrowser.access.models import OneTimeLink, Role, User
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record


@contextlib.contextmanager
def only_start() -> Iterator[None]:
    """Hold the data folder; whoever comes second is told who has it. A killed holder frees it."""
    path: Path = settings.PACSBROWSER_DATA / "start.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CommandError(
                f"The PACS browser is already running on the data folder {settings.PACSBROWSER_DATA} "
                f"(process {file.read().strip() or 'unknown'}). Stop that one first, "
                "or name another folder with PACSBROWSER_DATA."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def migrate() -> None:
    """Bring the tables up to this version; quick when they are."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def collect_static() -> None:
    """Copy, hash and compress the static files, unless they are the same as last time."""
    stamp: Path = settings.PACSBROWSER_DATA / "static.stamp"
    current = _static_digest()
    if stamp.exists() and stamp.read_text() == current and Path(settings.STATIC_ROOT).is_dir():
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(current)


def _static_digest() -> str:
    digest = hashlib.sha256(str(Path(settings.STATIC_ROOT)).encode())
    for finder in get_finders():
        for name, storage in sorted(finder.list([]), key=lambda found: found[0]):
            state = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def first_administrator(base_url: str) -> str:
    """Make the administrator named in the environment, else return a one-time link to make one; '' if there is one."""
    name, password = os.environ.get("PACSBROWSER_ADMIN", ""), os.environ.get("PACSBROWSER_ADMIN_PASSWORD", "")
    if bool(name) != bool(password):
        raise CommandError("PACSBROWSER_ADMIN and PACSBROWSER_ADMIN_PASSWORD go together: one of them is missing.")
    if name and not User.objects.filter(username=name).exists():
        with transaction.atomic():
            User.objects.create_user(name, password=password, role=Role.ADMINISTRATOR)
            record(Action.USER_CHANGE, who="start", door="start", object=name, detail={"changed": ["added"]})
    if User.objects.filter(role=Role.ADMINISTRATOR).exists():
        return ""
    return f"{base_url}/setup/{OneTimeLink.make(None)}/"
