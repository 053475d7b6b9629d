"""A query that is asked again and again, compiled once.

Django builds the SQL of a query anew each time, which costs ten times what SQLite takes to answer one that finds a
single row. Where every request asks the same question with other values, it is built once, with slots for the values:

    held = Prepared(Instance.objects.visible_to(scope).filter(sop_instance_uid=Slot("instance")))
    held.find(instance="1.2.3")
"""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators

from pacsbrowser import statements

Row = TypeVar("Row", bound=Model)


class Slot(str):
    """Stands in a query for a text that each run brings; the condition must be an exact match of a text column."""

    __slots__ = ()


class Prepared(Generic[Row]):
    """A query of models, with `only` and `select_related` as it was made, whose values come at each run.

    Args:
        rows: the query.
        kept: so many models are given again as long as their rows are the same, and must only be read.
    """

    def __init__(self, rows: QuerySet[Row], kept: int = 0) -> None:
        compiler: Any = rows.query.get_compiler(DEFAULT_DB_ALIAS)
        self._sql = ""
        self._parameters: tuple[Any, ...] = ()
        with suppress(EmptyResultSet):  # no value could ever find anything: a scope of no study
            self._sql, self._parameters = compiler.as_sql()
        self._make = lru_cache(maxsize=kept)(self._model) if kept else self._model
        self._populate = _maker(compiler)
        self._converts = statements.converters(column[0].target for column in compiler.select)

    def find(self, **values: str) -> list[Row]:
        """Return the rows for these values of the slots.

        Raises:
            KeyError: a slot has no value.
        """
        if not self._sql:
            return []
        parameters = [values[one] if isinstance(one, Slot) else one for one in self._parameters]
        found = statements.rows_of(self._sql, parameters)
        return list(map(self._make, found))

    def _model(self, row: tuple[Any, ...]) -> Row:
        (values,) = statements.converted((row,), self._converts)
        made: Row = self._populate(values)
        return made


def _maker(compiler: Any) -> Callable[[Any], Any]:
    """Return what makes a model, with those it is related to, of a row; as Django's own ModelIterable does."""
    about = compiler.klass_info
    first, last = about["select_fields"][0], about["select_fields"][-1] + 1
    names = [column[0].target.attname for column in compiler.select[first:last]]
    populators = get_related_populators(about, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]
    model = about["model"]

    def make(row: Any) -> Any:
        made = model.from_db(DEFAULT_DB_ALIAS, names, row[first:last])
        for populator in populators:
            populator.populate(row, made)
        return made

    return make
