"""The whole header for the tag browser: levels read lazily, searched; broken headers as far as they go."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from pacsbrowser.dicom.elements import EXPLICIT_LITTLE, ITEM, Broken, Element, Walker, is_sequence
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.matching import fold
from pacsbrowser.dicom.part10 import Layout, locate_data_set
from pacsbrowser.dicom.tag_rows import Scope, TagRow, break_row, element_row, item_row
from pacsbrowser.dicom.window import Window

__all__ = ["NoSuchTag", "TagDocument", "TagRow", "iter_rows", "read_tags", "read_value", "search"]

ITEMS_A_PAGE = 200
ROWS_A_PAGE = 2000
MOST_HITS = 500
MOST_SEARCHED = 50_000
MOST_COUNTED = 500_000  # elements and items that are passed over to count and to find them
_TAG_WORD = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?", re.ASCII)
_PATH = re.compile(r"[0-9A-F]{8}(?:/\d{1,7}/[0-9A-F]{8})*(?:/\d{1,7})?", re.ASCII)


class NoSuchTag(LookupError):
    """The path names nothing in this object, or is no path."""


@dataclass(frozen=True, slots=True)
class TagDocument:
    """Rows of one level of a header, or the hits of a search with their parents.

    `next_child` is what to pass as `first` for the next page, None on the last one; `is_complete` is False when a
    search stopped before the end.
    """

    path: str
    rows: tuple[TagRow, ...]
    next_child: int | None = None
    is_complete: bool = True

    @property
    def is_broken(self) -> bool:
        """Whether the header breaks among these rows."""
        return any(row.kind == "break" for row in self.rows)


@dataclass(slots=True)
class _Place:
    """A point in the header from which rows are read, and what holds there."""

    walker: Walker
    window: Window
    scope: Scope
    steps: list[str]
    in_sequence: bool


def read_tags(file: BinaryIO, path: str = "", first: int = 0) -> TagDocument:
    """Return the rows at a path: of the whole top level (''), a sequence (its items with their elements), or an item.

    At most ITEMS_A_PAGE items and about ROWS_A_PAGE rows a call; `first` skips the children of earlier pages.
    Raises NoSuchTag for a path that is not there, DicomError for a file that cannot be opened at all.
    """
    layout = locate_data_set(file)
    rows: list[TagRow] = []
    if path:
        place = _find(layout, file, path)
    else:
        if not first:
            rows += (row for _, row in _meta_rows(layout, file))
        place = _top(layout)
    for child, row in _rows(place, lazy=True, first=first):
        begins = row.kind == "item" or not place.in_sequence
        if begins and (child - first >= ITEMS_A_PAGE if place.in_sequence else len(rows) >= ROWS_A_PAGE):
            return TagDocument(path, tuple(rows), child)
        if len(rows) >= 2 * ROWS_A_PAGE or (begins and len(rows) >= ROWS_A_PAGE):
            return TagDocument(path, tuple(rows), child if begins else child + 1)
        rows.append(row)
    return TagDocument(path, tuple(rows))


def read_value(file: BinaryIO, path: str) -> TagRow:
    """Return one element's row with its value in full (of text and numbers up to 16 MiB)."""
    layout = locate_data_set(file)
    parent, _, step = path.rpartition("/")
    if not _PATH.fullmatch(path) or len(step) != 8:
        raise NoSuchTag(path)
    if parent:
        place = _find(layout, file, parent)
    else:
        place = _meta(layout, file) if path.startswith("0002") and layout.meta else _top(layout)
    element = _seek(place, step)
    return element_row(element, path, place.scope, place.window, whole=True)


def iter_rows(file: BinaryIO, digests: bool = True) -> Iterator[TagRow]:
    """Yield every row of the header in the order of the file, items before their elements."""
    layout = locate_data_set(file)
    for _, row in _meta_rows(layout, file):
        yield row
    for _, row in _rows(_top(layout), lazy=False, digests=digests):
        yield row


def search(file: BinaryIO, words: str, limit: int = MOST_HITS) -> TagDocument:
    """Return the rows in which every word occurs, in tag, keyword, name, value or creator, each after its parents."""
    wanted = _search_words(words)
    found: dict[str, TagRow] = {}
    parents: list[TagRow] = []
    hits = 0
    for number, row in enumerate(iter_rows(file, digests=False)):
        if hits >= limit or number >= MOST_SEARCHED:
            return TagDocument("", tuple(found.values()), is_complete=False)
        while parents and not row.path.startswith(parents[-1].path + "/"):
            parents.pop()
        if _is_hit(row, wanted):
            hits += 1
            for parent in parents:
                found.setdefault(parent.path, parent)
            # An element that occurs twice has one path; its offset tells the two apart.
            key = row.path if row.path not in found else f"{row.path} {row.offset}"
            found[key] = replace(row, is_hit=True)
        if row.kind in ("sequence", "item"):
            parents.append(row)
    return TagDocument("", tuple(found.values()))


def _search_words(words: str) -> list[str]:
    """Return what has to occur in a hit; a tag, as (0010,0020), 0010,0020 or 00100020, is one word."""
    tags = [found[1] + found[2] for found in map(_TAG_WORD.fullmatch, words.split()) if found]
    others = [word for word in words.split() if not _TAG_WORD.fullmatch(word)]
    return [*(tag.lower() for tag in tags), *fold(" ".join(others)).split()]


def _is_hit(row: TagRow, wanted: list[str]) -> bool:
    if row.kind == "break":
        return True
    bare = row.tag.strip("()").replace(",", "")
    folded = fold(f"{row.tag} {bare} {row.keyword} {row.name} {row.value} {row.note} {row.creator}")
    return bool(wanted) and all(word in folded for word in wanted)


def _top(layout: Layout) -> _Place:
    place = _Place(Walker(layout.window, layout.start, layout.encoding), layout.window, Scope(), [], False)
    place.walker.most = MOST_COUNTED
    return place


def _meta(layout: Layout, file: BinaryIO) -> _Place:
    """Return the place of the File Meta Information, always in Explicit VR Little Endian (PS3.10 7.1)."""
    window = Window(file)
    return _Place(Walker(window, layout.meta_start, EXPLICIT_LITTLE, layout.offset), window, Scope(), [], False)


def _meta_rows(layout: Layout, file: BinaryIO) -> Iterator[tuple[int, TagRow]]:
    return _rows(_meta(layout, file), lazy=True) if layout.meta else iter(())


def _find(layout: Layout, file: BinaryIO, path: str) -> _Place:
    """Go down to a sequence or an item, noting on the way which character sets and private blocks are declared."""
    if not _PATH.fullmatch(path):
        raise NoSuchTag(path)
    place = _top(layout)
    for step in path.split("/"):
        element = _seek(place, step)
        is_item = element.tag == ITEM
        if not is_item and not is_sequence(element):
            raise NoSuchTag(path)
        place.walker = Walker.inside(place.window, element)
        place.walker.most = MOST_COUNTED
        place.scope = place.scope.inner() if is_item else place.scope
        place.steps.append(step)
        place.in_sequence = not is_item
    return place


def _seek(place: _Place, step: str) -> Element:
    """Return the child with this tag, or the item with this number, without reading what the others hold."""
    number = -1
    try:
        for element in place.walker:
            place.walker.skip = element.tag == ITEM or is_sequence(element)
            if element.tag != ITEM:
                if not place.in_sequence and element.tag == int(step, 16):
                    return element
                place.scope.note(element, place.window)
                continue
            number += 1
            if place.in_sequence and number == int(step):
                return element
    except (Broken, DicomError) as error:
        raise NoSuchTag("/".join((*place.steps, step))) from error
    raise NoSuchTag("/".join((*place.steps, step)))


def _rows(place: _Place, lazy: bool, first: int = 0, digests: bool = True) -> Iterator[tuple[int, TagRow]]:
    """Yield rows, each with the number of the child (item of a sequence, element of a data set) that it belongs to.

    Lazy: the sequences found are counted, not entered.
    """
    rows = _RowMaker(place, lazy, first, digests)
    try:
        for element in place.walker:
            yield from rows.take(element)
            yield from rows.problems()
    except Broken as broken:
        yield from rows.flush()
        yield rows.child, break_row(rows.path, rows.level, f"{broken.reason} (byte {broken.offset:,})", broken.offset)
    except DicomError as error:
        yield from rows.flush()
        yield rows.child, break_row(rows.path, rows.level, error.reason, error.offset or 0)
    else:
        yield from rows.flush()
        yield from rows.problems()


class _RowMaker:
    """Turns elements as they come into rows with paths; holds back a sequence's row until its items are counted."""

    def __init__(self, place: _Place, lazy: bool, first: int, digests: bool) -> None:
        self._place, self._first, self._digests = place, first, digests
        self._steps = list(place.steps)
        self._base = len(place.steps)
        self._scopes = [place.scope]
        self._top: int | None = None  # depth of the outermost children
        self._counted_depth = -1
        self._lazy = lazy
        self._pending: TagRow | None = None
        self._items = 0  # of the row held back
        self._told = 0
        self.child = -1
        self.level = 0

    @property
    def path(self) -> str:
        """The path of what came last."""
        return "/".join(self._steps)

    def flush(self) -> Iterator[tuple[int, TagRow]]:
        """Yield the row that was held back."""
        if self._pending is not None:
            yield self.child, replace(self._pending, n_items=self._items)
            self._pending = None

    def problems(self) -> Iterator[tuple[int, TagRow]]:
        """Yield a row for each thing that the walker has read past since the last call."""
        new = self._place.walker.problems[self._told :]
        self._told += len(new)
        for problem in new[:20]:
            yield from self.flush()
            reason = f"{problem.reason} (byte {problem.offset:,})"
            yield self.child, break_row(self.path, self.level, reason, problem.offset)

    def take(self, element: Element) -> Iterator[tuple[int, TagRow]]:
        """Yield the rows that are complete once this element is seen."""
        if self._top is None:
            self._top = element.depth
            self._counted_depth = element.depth + self._place.in_sequence if self._lazy else -1
        depth = element.depth - self._top
        if element.tag == ITEM:
            yield from self._take_item(element, depth)
            return
        yield from self.flush()
        at = self._base + 2 * depth - self._place.in_sequence
        del self._steps[at:]
        self._steps.append(f"{element.tag:08X}")
        self.level = element.depth
        scope = self._scopes[depth]
        if not self._place.in_sequence and not depth:
            self.child += 1
        if self.child < self._first:
            scope.note(element, self._place.window)
            return
        row = element_row(element, self.path, scope, self._place.window, digests=self._digests)
        if self._lazy and row.kind == "sequence":
            self._pending, self._items = row, 0
        else:
            yield self.child, row

    def _take_item(self, element: Element, depth: int) -> Iterator[tuple[int, TagRow]]:
        walker = self._place.walker
        if element.depth == self._counted_depth:
            walker.skip = True
            self._items += 1
            return
        yield from self.flush()
        at = self._base + 2 * depth + (not self._place.in_sequence)
        number = int(self._steps[at]) + 1 if len(self._steps) > at else 0
        del self._steps[at:]
        self._steps.append(str(number))
        del self._scopes[depth + 1 :]
        self._scopes.append(self._scopes[depth].inner())
        self.level = element.depth
        if self._place.in_sequence and not depth:
            self.child = number
            if number < self._first:
                walker.skip = True
                return
        yield self.child, item_row(element, self.path, number)
