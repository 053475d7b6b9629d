"""Lists of accession numbers or Patient IDs that a person pastes or uploads: one a line, or a column of a CSV."""

import codecs
import csv
from collections.abc import Sequence

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

MOST_BYTES = 1_000_000
LONGEST = 64
# What the heading of the column may be called, folded to its letters.
HEADINGS = {
    "accession": ("accessionnumber", "accession", "accessionno", "00080050", "acc"),
    "patient": ("patientid", "patient", "id", "pid", "mrn", "00100020"),
}
_WILD = frozenset("*?\\")


class SmallFile(FileUploadHandler):
    """Takes a file into memory, and no large one."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self._data = bytearray()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Keep a piece."""
        self._data += raw_data
        if len(self._data) > MOST_BYTES:
            raise StopUpload(connection_reset=True)
        return None

    def file_complete(self, file_size: int) -> "UploadedFile[bytes]":
        """Return the file."""
        return UploadedFile(ContentFile(bytes(self._data)), self.file_name, self.content_type, file_size)


class BadList(ValueError):
    """A list that cannot be read; the text says where."""


def decode(data: bytes) -> str:
    """Return the text of a file, in UTF-8 or, as spreadsheets write it, in UTF-16."""
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_wide else "utf-8-sig", "replace")


def read_numbers(text: str, kind: str) -> tuple[list[str], list[str]]:
    """Return the numbers of a list, each once and in its order, and what was left out because it can be none.

    Raises:
        BadList: it is no table.
    """
    reader = csv.reader(text.splitlines(), delimiter=_delimiter(text))
    try:
        rows = [row for row in reader if any(row)]
    except csv.Error:
        raise BadList(f"The list cannot be read: near line {reader.line_num:,}, a quote is not closed.") from None
    column, has_heading = _column(rows[0], kind) if rows else (0, False)
    cells = [row[column].strip() for row in rows[has_heading:] if len(row) > column]
    found = dict.fromkeys(cell for cell in cells if cell)
    refused = [one for one in found if len(one) > LONGEST or _WILD & set(one) or not one.isprintable()]
    return [one for one in found if one not in set(refused)], refused


def _delimiter(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    return max(",;\t", key=first.count)


def _column(first: Sequence[str], kind: str) -> tuple[int, bool]:
    """Return which column holds the numbers, and whether the first row is a heading."""
    folded = ["".join(sign for sign in cell.casefold() if sign.isalnum()) for cell in first]
    for heading in HEADINGS.get(kind, ()):
        if heading in folded:
            return folded.index(heading), True
    return 0, any(cell in headings for headings in HEADINGS.values() for cell in folded)
