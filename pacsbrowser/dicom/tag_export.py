"""The whole header as CSV or JSON, streamed row by row."""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from pacsbrowser.dicom.tags import TagRow, iter_rows

_COLUMNS = ("path", "tag", "keyword", "name", "vr", "vm", "length", "value", "note", "creator", "digest", "offset")
# A spreadsheet takes what begins so for a formula, unless it is a number.
_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBERS = re.compile(r"[-+0-9.eE\\]+")
_LINES_A_PIECE = 200


def iter_csv(file: BinaryIO) -> Iterator[str]:
    """Yield the header as CSV (RFC 4180); cells that a spreadsheet would run are quoted with an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(
        ("path", "tag", "keyword", "name", "vr", "vm", "bytes", "value", "note", "creator", "sha256", "offset")
    )
    for number, row in enumerate(iter_rows(file)):
        writer.writerow([_cell(getattr(row, column)) for column in _COLUMNS])
        if number % _LINES_A_PIECE == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def iter_json(file: BinaryIO) -> Iterator[str]:
    """Yield the header as a JSON array of rows in the order of the file; empty members are left out."""
    before = "["
    for row in iter_rows(file):
        yield before + json.dumps(_members(row), ensure_ascii=False)
        before = ",\n"
    yield "]\n" if before != "[" else "[]\n"


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBERS.fullmatch(text) else text


def _members(row: TagRow) -> dict[str, object]:
    members: dict[str, object] = {"path": row.path, "kind": row.kind, "level": row.level}
    for column in (*_COLUMNS[1:], "hex", "value_length"):
        value = getattr(row, column)
        if value not in ("", None):
            members[column] = value
    return members
