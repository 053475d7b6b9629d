"""The database backend: Django's own for SQLite, with the fair lock around transactions and lone writes.

A web server hands requests to many threads in turn. Connections are kept apart from them, the last one used on top: one
for each thread would keep up to 20 MB of pages for each, most of them cold.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from django.db.backends.sqlite3 import base as django_sqlite

from pacsbrowser.sqlite.lock import WriteLock

_WRITES = re.compile(
    r"\s*(?:(?:INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|VACUUM|REINDEX|ANALYZE)\b"
    r"|WITH\b.*\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|REPLACE\s+INTO)\b)",
    re.IGNORECASE | re.DOTALL,
)


# Connections that are open and in nobody's hands, by database, and how many of them this process keeps.
_idle: dict[str, list[sqlite3.Connection]] = {}
_most_idle = 0


def keep_connections(most: int) -> None:
    """Let this process keep up to so many connections of a database when they are closed, for whoever opens one."""
    global _most_idle
    _most_idle = most


class _Held(AbstractContextManager[None]):
    def __init__(self, lock: WriteLock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.take()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class Cursor(django_sqlite.SQLiteCursorWrapper):
    """A cursor whose writes outside a transaction hold the lock for as long as the statement runs."""

    wrapper: "DatabaseWrapper"

    def execute(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:  # type: ignore[override]
        """Run one statement; a write outside a transaction is a transaction of its own and takes the lock."""
        with self.wrapper.lock_for(query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Iterable[Any]) -> Any:
        """Run one statement for many rows, under the same rule."""
        with self.wrapper.lock_for(query):
            return super().executemany(query, param_list)


class DatabaseWrapper(django_sqlite.DatabaseWrapper):
    """One connection. Reads outside transactions never wait; every write waits its turn."""

    transaction_mode: str | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._write_lock: WriteLock | None = None

    def write_lock(self) -> WriteLock | None:
        """This connection's lock; none for a database in memory, which no other process can see."""
        if self._write_lock is None and not self.is_in_memory_db():
            self._write_lock = WriteLock(Path(self.settings_dict["NAME"]))
        return self._write_lock

    def lock_for(self, query: str) -> AbstractContextManager[None]:
        """What to hold while a statement runs: nothing for a read, or inside a transaction."""
        if not _WRITES.match(query):
            return nullcontext()
        lock = self.write_lock()
        return nullcontext() if lock is None or lock.held else _Held(lock)

    def create_cursor(self, name: str | None = None) -> Any:
        """A cursor that knows its connection."""
        cursor = self.connection.cursor(factory=Cursor)
        cursor.wrapper = self
        return cursor

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        """Take the connection that was closed last, or open one."""
        idle = _idle.get(str(conn_params["database"]))
        with suppress(IndexError):
            if idle:
                return idle.pop()
        opened: sqlite3.Connection = super().get_new_connection(conn_params)
        return opened

    def _start_transaction_under_autocommit(self) -> None:
        lock = self.write_lock()
        if lock is None:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
            return
        lock.take()
        try:
            if self.queries_logged or self.transaction_mode is None:
                super()._start_transaction_under_autocommit()  # type: ignore[misc]
            else:
                # a cursor of Django's takes longer to make than the statement to run
                with self.wrap_database_errors:
                    self.connection.execute(f"BEGIN {self.transaction_mode}")
        except BaseException:
            lock.release()
            raise

    def _commit(self) -> None:
        # a commit that fails leaves the transaction open: the rollback that follows releases
        super()._commit()  # type: ignore[misc]
        self._release()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._release()

    def _close(self) -> None:
        if self._is_worth_keeping():
            _idle.setdefault(str(self.settings_dict["NAME"]), []).append(self.connection)
            return
        try:
            super()._close()  # type: ignore[misc]
        finally:
            if self._write_lock is not None:
                self._write_lock.close()
                self._write_lock = None

    def _is_worth_keeping(self) -> bool:
        if self.is_in_memory_db() or self.errors_occurred or self.connection.in_transaction:
            return False
        return len(_idle.get(str(self.settings_dict["NAME"]), ())) < _most_idle

    def _release(self) -> None:
        if self._write_lock is not None:
            self._write_lock.release()
