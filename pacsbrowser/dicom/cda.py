"""The readable part of a CDA document (HL7 CDA R2 4.3.5): titles, paragraphs, lists and tables of its sections.

The stylesheet that a document names is not run. A document type declaration is refused: with it a few hundred bytes
can stand for gigabytes, and can name files of this machine.
"""

from dataclasses import dataclass, field
from xml.parsers import expat

MOST_BYTES = 4 << 20
MOST_ELEMENTS = 50_000
MOST_BLOCKS = 5_000
MOST_DEPTH = 200

_BREAKS = frozenset(("paragraph", "item", "caption", "br", "list", "renderMultiMedia"))
_CELLS = frozenset(("td", "th"))


class NotReadable(Exception):
    """The document cannot be shown as text; the message says why."""


@dataclass(slots=True)
class Block:
    """A piece of text: `kind` is paragraph, item, caption or table; a table has rows of cells."""

    kind: str
    text: str = ""
    rows: list[list[str]] = field(default_factory=list)


@dataclass(slots=True)
class Section:
    """A section; `level` counts from 1."""

    title: str
    level: int
    blocks: list[Block] = field(default_factory=list)


@dataclass(slots=True)
class ClinicalDocument:
    """A document with its sections one after the other."""

    title: str
    sections: list[Section]
    is_cut: bool = False


class _Reader:
    def __init__(self) -> None:
        self.document = ClinicalDocument("", [])
        self._path: list[str] = []
        self._open: list[Section] = []
        self._narrative = 0  # how deep inside a section's text
        self._text: list[str] = []
        self._in_title = False
        self._table: Block | None = None
        self._elements = self._blocks = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        parent = self._path[-1] if self._path else ""
        self._path.append(name)
        self._elements += 1
        if self._elements > MOST_ELEMENTS or len(self._path) > MOST_DEPTH:
            raise NotReadable("The document is nested too deep or has too many elements to be shown as text.")
        if self._narrative:
            self._narrative += 1
            self._start_narrative(name)
        elif name == "section":
            self._open.append(Section("", len(self._open) + 1))
            self.document.sections.append(self._open[-1])
        elif name == "title" and parent in ("section", "ClinicalDocument"):
            self._in_title, self._text = True, []
        elif name == "text" and parent == "section":
            self._narrative, self._text = 1, []

    def _start_narrative(self, name: str) -> None:
        if name == "table" and self._table is None:
            self._flush("paragraph")
            self._table = Block("table")
        elif name == "tr" and self._table is not None:
            self._table.rows.append([])
        elif name in _CELLS and self._table is not None:
            self._text = []
        elif name in _BREAKS and self._table is None:
            self._flush("paragraph")

    def end(self, tag: str) -> None:
        name = self._path.pop() if self._path else ""
        if self._in_title:
            self._end_title()
        elif self._narrative:
            self._narrative -= 1
            self._end_narrative(name)
        elif name == "section" and self._open:
            self._open.pop()

    def _end_title(self) -> None:
        self._in_title = False
        text = self._taken()
        if self._path and self._path[-1] == "section" and self._open:
            self._open[-1].title = text
        else:
            self.document.title = text

    def _end_narrative(self, name: str) -> None:
        if name in _CELLS and self._table is not None:
            if self._table.rows:
                self._table.rows[-1].append(self._taken())
        elif name == "table" and self._table is not None:
            table, self._table, self._text = self._table, None, []
            self._add(table)
        elif self._table is None and (name in _BREAKS or not self._narrative):
            self._flush(name if name in ("item", "caption") else "paragraph")

    def characters(self, text: str) -> None:
        if self._narrative or self._in_title:
            self._text.append(text)

    def _taken(self) -> str:
        text, self._text = " ".join("".join(self._text).split()), []
        return text

    def _flush(self, kind: str) -> None:
        text = self._taken()
        if text:
            self._add(Block(kind, text))

    def _add(self, block: Block) -> None:
        self._blocks += 1
        if self._blocks > MOST_BLOCKS:
            self.document.is_cut = True
        elif self._open and (block.text or any(block.rows)):
            self._open[-1].blocks.append(block)


def parse_cda(data: bytes) -> ClinicalDocument:
    """Return what of a document is written for people.

    Raises:
        NotReadable: it is no XML, too long, or declares a document type.
    """
    if len(data) > MOST_BYTES:
        raise NotReadable("The document is too long to be shown as text.")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(data.rstrip(b"\0 "), True)
    except LookupError:
        raise NotReadable("The document declares an encoding that is none of text.") from None
    except (expat.ExpatError, ValueError) as error:
        raise NotReadable(f"The document is no well-formed XML: {error}.") from None
    return reader.document


def _refuse(*_: object) -> None:
    raise NotReadable("The document declares a document type (DOCTYPE), which is refused: it can name other files.")
