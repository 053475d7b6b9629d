"""What the tests of DICOMweb share: callers, and bodies as clients write them."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.test import Client

from pacsbrowser.access.models import Role, User
from pacsbrowser.access.tokens import make_token
from pacsbrowser.archive.derived.pictures import decoders

BASE = "/dicom-web"
BOUNDARY = "frontier"
RELATED = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


class Api(Client):
    """A program with a token, which it sends with every request."""

    def __init__(self, user: User, *, may_read: bool = True, may_store: bool = True) -> None:
        _, secret = make_token(user, "test", may_read=may_read, may_store=may_store)
        super().__init__(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {secret}"})

    def stow(
        self, *files: bytes, study: str = "", accept: str = "application/dicom+json", body: bytes | None = None
    ) -> Any:
        """Store objects."""
        path = f"{BASE}/studies/{study}" if study else f"{BASE}/studies"
        data = related(files) if body is None else body
        return self.post(path, data, content_type=RELATED, headers={"Accept": accept})

    def query(self, path: str, **parameters: Any) -> Any:
        """Search and return the JSON; `__` in a name stands for a dot."""
        answer = self.get(f"{BASE}/{path}", {name.replace("__", "."): value for name, value in parameters.items()})
        assert answer.status_code == 200, answer.content
        return answer.json()


def person(role: Role = Role.UPLOADER, institutions: str = "") -> User:
    """Make a user."""
    name = f"user{User.objects.count()}"
    return User.objects.create_user(name, password="a long password", role=role, institutions=institutions)


def related(files: Sequence[bytes], content_type: str = "application/dicom") -> bytes:
    """Return the body of multipart/related."""
    head = f"--{BOUNDARY}\r\nContent-Type: {content_type}\r\n\r\n".encode()
    return b"".join(head + file + b"\r\n" for file in files) + f"--{BOUNDARY}--\r\n".encode()


def items(answer: Any, tag: str) -> list[dict[str, Any]]:
    """Return the items of a sequence of a response."""
    found: list[dict[str, Any]] = answer.json().get(tag, {}).get("Value", [])
    return found


def value(item: dict[str, Any], tag: str) -> Any:
    """Return the first value of an element, None without one."""
    found = item.get(tag, {}).get("Value") or [None]
    return found[0]


def seconds_worked() -> float:
    """Return the processor time of this process and of its decoders, where the system tells; what a clock on the wall
    says of a busy machine is the work of others."""
    ticks = 0
    for process in decoders()._all:
        stat = Path(f"/proc/{process._process.pid}/stat")
        if stat.exists():
            ticks += sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")
