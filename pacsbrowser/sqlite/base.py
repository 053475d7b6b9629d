"""The database backend: Django's own for SQLite, with the fair lock around transactions and lone writes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
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

    def _start_transaction_under_autocommit(self) -> None:
        lock = self.write_lock()
        if lock is None:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
            return
        lock.take()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
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
        try:
            super()._close()  # type: ignore[misc]
        finally:
            if self._write_lock is not None:
                self._write_lock.close()
                self._write_lock = None

    def _release(self) -> None:
        if self._write_lock is not None:
            self._write_lock.release()
