"""Statements that run for every request or every group of arrivals, with their text made once.

Django builds a statement anew each time it runs, and hands it through six layers: for one row that costs twenty times
what the database does. Here a model's columns, converters and statements are kept, and statements go to the driver's
own connection; what comes and goes are still rows of the models.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias, TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

Row = TypeVar("Row", bound=models.Model)
_Field: TypeAlias = "models.Field[Any, Any]"

# What a value of a column becomes on its way into the database, or out of it; None: it is passed as it is.
_Convert = Callable[[Any], Any]

# Whether all statements are logged, which does not change while a process runs.
_LOGGED: bool = settings.DEBUG

# What the drivers take as it is.
_PLAIN = (models.CharField, models.IntegerField, models.FloatField, models.BooleanField, models.BinaryField)


class _Shape(NamedTuple):
    """A model as statements see it. `prepares` and `converts` name only the columns that are not passed as they are."""

    names: tuple[str, ...]
    written: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    select: str
    insert: str
    prepares: tuple[tuple[int, _Convert], ...]
    converts: tuple[tuple[int, _Convert], ...]


class _Change(NamedTuple):
    """An UPDATE of some columns of a model."""

    statement: str
    values: Callable[[Any], tuple[Any, ...]]
    prepares: tuple[tuple[int, _Convert], ...]


def marks(values: Sequence[object]) -> str:
    """Return the place holders of a list in `IN (…)`."""
    return ", ".join(["%s"] * len(values))


def rows_of(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a question, SQL with `%s` for each parameter, and return all that it finds as the driver gives it.

    Raises:
        DatabaseError: as Django's own cursors do.
    """
    return rows_of_each(statement, (parameters,))


def select(model: type[Row], condition: str, parameters: Sequence[Any]) -> list[Row]:
    """Return the rows of a model that meet a condition, which is SQL with `%s` for each parameter."""
    shape = _shape(model)
    found = converted(rows_of(shape.select + condition, parameters), shape.converts)
    return [model.from_db(DEFAULT_DB_ALIAS, shape.names, values) for values in found]


def converted(rows: Sequence[tuple[Any, ...]], converts: Sequence[tuple[int, _Convert]]) -> list[list[Any]]:
    """Return rows of the driver with the values of models; `converts` as `converters` gives them."""
    found = [list(values) for values in rows]
    for values in found:
        for place, convert in converts:
            if values[place] is not None:
                values[place] = convert(values[place])
    return found


def converters(fields: Iterable[_Field]) -> tuple[tuple[int, _Convert], ...]:
    """Return what makes values of the driver those of models, by their place; most are so already."""
    return tuple((place, found) for place, field in enumerate(fields) if (found := _converter(field)) is not None)


def new_row(model: type[Row], values: Mapping[str, Any]) -> Row:
    """Return a row that is not yet written, from values by their columns' attributes; what is not said is None.

    As the model itself makes it from a row of the database, without a look at defaults and relations.
    """
    return model(*map(values.get, _shape(model).names))


def rows_of_each(statement: str, parameters: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Run a question for each of many sets of parameters, and return all that is found."""
    link = connections[DEFAULT_DB_ALIAS]
    link.ensure_connection()
    found: list[tuple[Any, ...]] = []
    with link.wrap_database_errors:
        for one in parameters:
            found += _execute(link, statement, one).fetchall()
    return found


class Statements:
    """The connection of a transaction, looked up once for all that runs in it (see `statements`)."""

    def __init__(self, link: BaseDatabaseWrapper) -> None:
        self._link = link

    def ask(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a question and return all that it finds as the driver gives it."""
        found: list[tuple[Any, ...]] = _execute(self._link, statement, parameters).fetchall()
        return found

    def run(self, statement: str, parameters: Sequence[Any]) -> None:
        """Run a statement that changes rows."""
        _execute(self._link, statement, parameters)

    def insert(self, model: type[models.Model], values: Mapping[str, Any]) -> int:
        """Write a row from values by their columns' attributes and return its key; what is not said is NULL."""
        shape = _shape(model)
        row = _prepared(tuple(map(values.get, shape.written)), shape.prepares)
        key: int = _execute(self._link, shape.insert, row).fetchone()[0]
        return key


@contextmanager
def statements() -> Iterator[Statements]:
    """Give what runs several statements inside a transaction; the errors of the driver become Django's own."""
    link = _written()
    with link.wrap_database_errors:
        yield Statements(link)


def insert(rows: Sequence[Row]) -> None:
    """Write new rows of one model and give them their keys, inside a transaction."""
    if not rows:
        return
    shape = _shape(type(rows[0]))
    link = _written()
    with link.wrap_database_errors:
        for row in rows:
            row.pk = _execute(link, shape.insert, _prepared(shape.values(row), shape.prepares)).fetchone()[0]
            row._state.adding = False
            row._state.db = DEFAULT_DB_ALIAS


def update(rows: Sequence[Row], *names: str) -> None:
    """Write some fields, by their columns' attributes, of rows of one model, inside a transaction."""
    if not rows:
        return
    change = _change(type(rows[0]), names)
    execute_all(change.statement, [_prepared(change.values(row), change.prepares) for row in rows])


def as_stored(model: type[models.Model], name: str, value: object) -> Any:
    """Return a value as the database takes it for a field."""
    prepare = _preparer_of(model, name)
    return value if prepare is None or value is None else prepare(value)


def execute_all(statement: str, parameters: Sequence[Sequence[Any]]) -> None:
    """Run one statement for each of many sets of parameters, inside a transaction."""
    link = _written()
    if link.force_debug_cursor or _LOGGED:
        with link.cursor() as cursor:
            cursor.executemany(statement, parameters)
        return
    with link.wrap_database_errors:
        link.connection.cursor().executemany(_native(statement), parameters)


def _execute(link: BaseDatabaseWrapper, statement: str, parameters: Sequence[Any]) -> Any:
    """Run a statement and return its cursor; by Django's own way where its statements are counted or logged."""
    if link.force_debug_cursor or _LOGGED:
        cursor = link.cursor()
        cursor.execute(statement, parameters)
        return cursor
    return link.connection.execute(_native(statement), parameters)


def _written() -> BaseDatabaseWrapper:
    """Return the connection for a write. Outside a transaction it would go past the write lock."""
    link = connections[DEFAULT_DB_ALIAS]
    if not link.in_atomic_block:
        raise RuntimeError("rows are written inside a transaction")
    return link


@lru_cache(maxsize=512)
def _native(statement: str) -> str:
    """Return a statement with the place holders of the driver."""
    if connections[DEFAULT_DB_ALIAS].vendor != "sqlite":
        return statement
    return "%".join(part.replace("%s", "?") for part in statement.split("%%"))


def _prepared(values: tuple[Any, ...], prepares: Sequence[tuple[int, _Convert]]) -> Sequence[Any]:
    if not prepares:
        return values
    prepared = list(values)
    for place, prepare in prepares:
        if prepared[place] is not None:
            prepared[place] = prepare(prepared[place])
    return prepared


@cache
def _shape(model: type[models.Model]) -> _Shape:
    fields: list[_Field] = list(model._meta.concrete_fields)
    written = [field for field in fields if not field.primary_key]
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    table = quote(model._meta.db_table)
    columns = ", ".join(f"{table}.{quote(str(field.column))}" for field in fields)
    into = ", ".join(quote(str(field.column)) for field in written)
    names = [field.attname for field in written]
    return _Shape(
        names=tuple(field.attname for field in fields),
        written=tuple(names),
        values=attrgetter(*names),
        select=f"SELECT {columns} FROM {table} WHERE ",  # noqa: S608
        insert=f"INSERT INTO {table} ({into}) VALUES ({marks(names)}) RETURNING {quote('id')}",  # noqa: S608
        prepares=_preparers(written),
        converts=converters(fields),
    )


@cache
def _change(model: type[models.Model], names: tuple[str, ...]) -> _Change:
    fields = [_field(model, name) for name in names]
    quote = connections[DEFAULT_DB_ALIAS].ops.quote_name
    changes = ", ".join(f"{quote(str(field.column))} = %s" for field in fields)
    statement = f"UPDATE {quote(model._meta.db_table)} SET {changes} WHERE {quote('id')} = %s"  # noqa: S608
    return _Change(statement, attrgetter(*names, "pk"), _preparers(fields))


def _field(model: type[models.Model], attribute: str) -> _Field:
    return next(field for field in model._meta.concrete_fields if field.attname == attribute)


def _preparers(fields: Sequence[_Field]) -> tuple[tuple[int, _Convert], ...]:
    return tuple((place, found) for place, field in enumerate(fields) if (found := _preparer(field)) is not None)


@cache
def _preparer_of(model: type[models.Model], name: str) -> _Convert | None:
    return _preparer(_field(model, name))


def _preparer(field: _Field) -> _Convert | None:
    """Return what makes a value one of the driver's; None where it is one."""
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(target, _PLAIN):
        return None
    if isinstance(target, models.DateTimeField):
        return _stored_moment

    def prepare(value: Any) -> Any:
        return field.get_db_prep_save(value, connections[DEFAULT_DB_ALIAS])

    # all rows of a group name the same few deliveries
    return lru_cache(maxsize=64)(prepare) if isinstance(target, models.UUIDField) else prepare


@lru_cache(maxsize=64)
def _stored_moment(value: datetime) -> Any:
    """Return a moment as the driver takes it; a group has one for all its rows."""
    link = connections[DEFAULT_DB_ALIAS]
    if link.vendor == "sqlite":
        # text in UTC without a zone, as Django writes it
        return str(value.astimezone(UTC).replace(tzinfo=None))
    return link.ops.adapt_datetimefield_value(value)


def _converter(field: _Field) -> _Convert | None:
    link = connections[DEFAULT_DB_ALIAS]
    if isinstance(field, models.DateTimeField) and link.vendor == "sqlite":
        return _moment
    column = field.get_col(field.model._meta.db_table)
    converters = [*link.ops.get_db_converters(column), *field.get_db_converters(link)]
    # the driver of SQLite makes truth values by itself, and bytes are as good as a view of them
    if not converters or isinstance(field, models.BinaryField | models.BooleanField):
        return None

    def convert(value: Any) -> Any:
        for one in converters:
            value = one(value, column, connections[DEFAULT_DB_ALIAS])
        return value

    return convert


def _moment(value: datetime) -> datetime:
    """Return a moment as a program takes it; SQLite holds it in UTC and its driver gives it without a zone."""
    return value.replace(tzinfo=UTC)
