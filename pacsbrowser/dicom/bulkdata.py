"""One value of a data set by its path, as in a BulkDataURI: where it is, and its bytes in Little Endian."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pacsbrowser.dicom.elements import ITEM, PIXEL_TAGS, UNDEFINED, Broken, Element, Walker
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.part10 import Layout
from pacsbrowser.dicom.representation import implicit_vr
from pacsbrowser.dicom.swap import swapped

CHUNK = 1 << 20
_PATH = re.compile(r"[0-9A-Fa-f]{8}(?:/\d{1,7}/[0-9A-Fa-f]{8}){0,50}", re.ASCII)


class NoSuchValue(LookupError):
    """The path names no value of this object, or is no path."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value that was found; `is_encapsulated` for compressed pixel data, whose frames are fetched one by one."""

    layout: Layout
    element: Element
    vr: str

    @property
    def is_encapsulated(self) -> bool:
        """Whether the value is a row of fragments, not one piece."""
        return self.element.length == UNDEFINED

    @property
    def length(self) -> int:
        """The length in bytes, of a cut file what is there."""
        return min(self.element.length, max(self.layout.window.size - self.element.start, 0))

    def read(self, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `first` to `last`, both included, in pieces and in Little Endian."""
        window, start = self.layout.window, self.element.start
        end = self.length if last is None else min(last + 1, self.length)
        # Words are turned round whole, so a piece begins and ends where one does.
        position = first - first % 8
        while position < end:
            piece = window.read(start + position, min(CHUNK, self.length - position))
            if not self.element.encoding.little:
                piece = swapped(piece, self.vr)
            yield piece[max(first - position, 0) : end - position]
            position += len(piece) or end


def find_value(layout: Layout, path: str) -> Value:
    """Return the value at a path such as 7FE00010 or 54000100/0/54001010.

    Raises:
        NoSuchValue: there is none, or it is a sequence.
    """
    if not _PATH.fullmatch(path):
        raise NoSuchValue(path)
    first, *steps = path.split("/")
    element = _seek(Walker(layout.window, layout.start, layout.encoding), first)
    for step in steps:
        element = element and _seek(Walker.inside(layout.window, element), step)
    if element is None:
        raise NoSuchValue(path)
    is_container = element.vr == "SQ" or (element.length == UNDEFINED and element.tag not in PIXEL_TAGS)
    if is_container:
        raise NoSuchValue(path)
    vr = element.vr if element.vr != "UN" else implicit_vr(element.tag, element.length, False)
    return Value(layout, element, vr)


def _seek(walker: Walker, step: str) -> Element | None:
    """Return the child with this tag, or the item with this number; what the others hold is passed over."""
    tag = int(step, 16) if len(step) == 8 else None
    number = -1
    try:
        for element in walker:
            walker.skip = True
            if element.tag != ITEM:
                if tag == element.tag:
                    return element
                continue
            number += 1
            if tag is None and number == int(step):
                return element
    except (Broken, DicomError) as error:
        if isinstance(error, Broken) and tag == error.tag and error.tag in PIXEL_TAGS:
            return _cut(walker, error)
        return None
    return None


def _cut(walker: Walker, broken: Broken) -> Element | None:
    """Return pixel data that a cut file holds only a part of."""
    frame_encoding = walker._frames[-1].encoding if walker._frames else None
    head = walker.window.read(broken.offset, 12)
    if frame_encoding is None or len(head) < 12:
        return None
    start = broken.offset + (8 if frame_encoding.implicit else 12)
    return Element(broken.tag, "OW", broken.offset, start, max(walker.window.size - start, 0), 0, frame_encoding)
