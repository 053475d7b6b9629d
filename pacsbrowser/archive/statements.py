"""The few statements that run for every group of arrivals, with their text made once.

Django builds a statement anew each time it runs: for one row that costs ten times what the database does. Here a
model's columns, converters and statements are kept; what comes and goes are still rows of the models.
"""

from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, models

Row = TypeVar("Row", bound=models.Model)

# What a value of a column becomes on its way out of the database.
_Convert = Callable[[Any], Any]


class _Shape(NamedTuple):
    """A model as statements see it. `prepares` and `converts` name only the columns that are not passed as they are."""

    names: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    select: str
    insert: str
    prepares: "tuple[tuple[int, models.Field[Any, Any]], ...]"
    converts: tuple[tuple[int, _Convert], ...]


def marks(values: Sequence[object]) -> str:
    """Return the place holders of a list in `IN (…)`."""
    return ", ".join(["%s"] * len(values))


def select(model: type[Row], condition: str, parameters: Sequence[Any]) -> list[Row]:
    """Return the rows of a model that meet a condition, which is SQL with `%s` for each parameter."""
    shape = _shape(model)
    with connection.cursor() as cursor:
        cursor.execute(shape.select + condition, parameters)
        found = [list(values) for values in cursor.fetchall()]
    for values in found:
        for place, convert in shape.converts:
            values[place] = convert(values[place])
    return [model.from_db(DEFAULT_DB_ALIAS, shape.names, values) for values in found]


def insert(rows: Sequence[Row]) -> None:
    """Write new rows of one model and give them their keys."""
    if not rows:
        return
    shape = _shape(type(rows[0]))
    with connection.cursor() as cursor:
        for row in rows:
            cursor.execute(shape.insert, _prepared(shape, row))
            row.pk = cursor.fetchone()[0]
            row._state.adding = False
            row._state.db = DEFAULT_DB_ALIAS


def as_stored(model: type[models.Model], name: str, value: object) -> Any:
    """Return a value as the database takes it for a field."""
    field: models.Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]
    return field.get_db_prep_save(value, connection)


def execute_all(statement: str, parameters: Sequence[Sequence[Any]]) -> None:
    """Run one statement for each of many sets of parameters."""
    with connection.cursor() as cursor:
        cursor.executemany(statement, parameters)


def _prepared(shape: _Shape, row: models.Model) -> Sequence[Any]:
    values = list(shape.values(row))
    for place, field in shape.prepares:
        values[place] = field.get_db_prep_save(values[place], connection)
    return values


@cache
def _shape(model: type[models.Model]) -> _Shape:
    fields: list[models.Field[Any, Any]] = list(model._meta.concrete_fields)
    written = [field for field in fields if not field.primary_key]
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    columns = ", ".join(f"{table}.{quote(str(field.column))}" for field in fields)
    into = ", ".join(quote(str(field.column)) for field in written)
    names = [field.attname for field in written]
    return _Shape(
        names=tuple(field.attname for field in fields),
        values=attrgetter(*names),
        select=f"SELECT {columns} FROM {table} WHERE ",  # noqa: S608
        insert=f"INSERT INTO {table} ({into}) VALUES ({marks(names)}) RETURNING {quote('id')}",  # noqa: S608
        prepares=tuple((place, field) for place, field in enumerate(written) if not _is_plain(field)),
        converts=tuple(
            (place, convert) for place, field in enumerate(fields) if (convert := _converter(field)) is not None
        ),
    )


def _is_plain(field: "models.Field[Any, Any]") -> bool:
    """Whether the database takes the Python values of a field as they are."""
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    return isinstance(target, models.CharField | models.IntegerField | models.FloatField)


def _converter(field: "models.Field[Any, Any]") -> _Convert | None:
    column = field.get_col(field.model._meta.db_table)
    converters = [*connection.ops.get_db_converters(column), *field.get_db_converters(connection)]
    if not converters:
        return None

    def convert(value: Any) -> Any:
        for one in converters:
            value = one(value, column, connection)
        return value

    return convert
