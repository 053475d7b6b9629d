"""Tables as CSV files (RFC 4180), streamed; no cell of them is a formula to a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.http import StreamingHttpResponse

# A spreadsheet takes a cell that begins with one of these for a formula, also in their full-width forms.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "＝", "＋", "－", "＠")
_LINES_A_PIECE = 100


def send_csv(rows: Iterable[Iterable[object]], name: str) -> StreamingHttpResponse:
    """Send rows, of which the first has the names of the columns, as a file that is read while it is sent."""
    response = StreamingHttpResponse(_pieces(rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _pieces(rows: Iterable[Iterable[object]]) -> Iterator[bytes]:
    # Without the mark at the beginning, spreadsheets take UTF-8 for something else.
    buffer = io.StringIO("\ufeff")
    buffer.seek(1)
    writer = csv.writer(buffer)
    for number, row in enumerate(rows, 1):
        writer.writerow([cell(value) for value in row])
        if number % _LINES_A_PIECE == 0:
            yield buffer.getvalue().encode("utf-8", "replace")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode("utf-8", "replace")


def cell(value: object) -> object:
    """Return a value as a cell: moments in ISO 8601, and text, which comes from strangers, as nothing but text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value
