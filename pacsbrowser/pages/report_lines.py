"""The lines of a report's page: the steps of its document with links, pictures and drawings in place of UIDs."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Instance
from pacsbrowser.archive.referenced import find_referenced
from pacsbrowser.dicom.sr.content import Code, Item, ObjectReference, Path, Report
from pacsbrowser.dicom.sr.document import Row, Step, graphic_text, places_text, unit_text, value_text
from pacsbrowser.pages.object_links import ObjectLink, link_to
from pacsbrowser.pages.shapes import shape_of

LONG = 160  # characters beyond which a text stands in a paragraph of its own


@dataclass(slots=True)
class Value:
    """What an item says: its name, its value and, for what is elsewhere, the link to it."""

    name: Code | None
    text: str
    code: Code | None = None
    unit: str = ""
    is_missing: bool = False
    link: ObjectLink | None = None
    target: str = ""
    is_long: bool = False


@dataclass(slots=True)
class TableRow:
    """A line of a table of measurements."""

    value: Value
    method: Value | None
    details: list[Value]


@dataclass(slots=True)
class Line:
    """A step of the document, ready for the template."""

    kind: str
    level: int = 0
    title: str = ""
    anchor: str = ""
    code: Code | None = None
    relation: str = ""
    is_continued: bool = False
    is_empty: bool = False
    value: Value | None = None
    rows: list[TableRow] = field(default_factory=list)
    links: list[ObjectLink] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    @property
    def heading(self) -> int:
        """The level of a section's heading on the page, whose own is the first and the report's title the second."""
        return min(self.level + 1, 6)

    @property
    def has_methods(self) -> bool:
        """Whether any measurement of the table names its method."""
        return any(row.method for row in self.rows)

    @property
    def has_details(self) -> bool:
        """Whether any measurement of the table has more to it."""
        return any(row.details for row in self.rows)


class Lines:
    """Turns steps of one report into lines; looks the objects that they name up in one go."""

    def __init__(
        self, report: Report, near: Instance, scope: Scope, steps: list[Step], address: dict[Path, str]
    ) -> None:
        self._report, self._address = report, address
        named = (reference.sop_instance_uid for item in _items_of(steps) if (reference := self._object(item)))
        self._found = find_referenced(named, near, scope)
        self._tables = 0
        self._targets = {item.target for item in report.by_path.values() if item.target}

    def of(self, steps: list[Step]) -> Iterator[Line]:
        """Yield the lines of these steps."""
        for step in steps:
            yield self._line(step)

    def _line(self, step: Step) -> Line:
        line = Line(step.kind, step.level, step.title, relation=step.relation, is_continued=step.is_continued)
        item = step.item
        if step.kind in ("section", "entry") and item:
            wanted = step.kind == "section" or item.path in self._targets
            line.anchor = anchor(item.path) if wanted and not step.is_continued else ""
        if step.kind == "section" and item:
            line.code = item.name
            line.is_empty = not item.children
        elif step.kind == "entry" and item:
            line.value = self.value(item)
        elif step.kind == "table":
            self._tables += 1
            line.title = f"Measurements, table {self._tables}"
            line.rows = [self._row(row) for row in step.rows]
            line.links = [found.link for row in line.rows for found in row.details if found.link and found.link.shapes]
        elif step.kind == "gallery":
            line.links = [link for one in step.items if (link := self.link(one))]
        elif step.kind == "text":
            line.values = [self.value(one) for one in step.items]
        return line

    def _row(self, row: Row) -> TableRow:
        method = self.value(row.method) if row.method else None
        return TableRow(self.value(row.item), method, [self.value(item) for item in row.details])

    def value(self, item: Item) -> Value:
        """Return what an item says."""
        if item.kind == "NUM":
            if not item.text:
                return Value(item.name, value_text(item), item.code, is_missing=True)
            return Value(item.name, item.text.replace("-", "−"), item.unit, unit_text(item))
        link = self.link(item)
        text = value_text(item)
        if item.target:
            return Value(item.name, self._target_text(item), target=self._address.get(item.target, ""))
        missing = not text and not item.is_section and not link
        long = len(text) > LONG or "\n" in text.strip()
        return Value(item.name, text or ("no value" if missing else ""), item.code, "", missing, link, is_long=long)

    def _target_text(self, item: Item) -> str:
        target = self._report.by_path.get(item.target)
        number = ".".join(map(str, item.target))
        if target is None:
            return f"item {number}, which is not in this report"
        return f"item {number}{f', {target.name.text}' if target.name else ''}"

    def link(self, item: Item) -> ObjectLink | None:
        """Return the link to the object that an item names or is drawn on, with the drawing."""
        reference = self._object(item)
        if reference is None or item.target:
            return None
        source = self._image_of(item) or item
        frame = reference.frames[0] if reference.frames else 1
        found = self._found.get(reference.sop_instance_uid)
        note = ", ".join(places_text(source))
        link = link_to(reference.sop_instance_uid, reference.sop_class_uid, found, frame, note)
        if item.graphic and found and found.rows and found.columns:
            shape = shape_of(item.graphic.shape, item.graphic.points, max(found.rows, found.columns) / 50)
            link.shapes = [shape] if shape else []
            link.words = graphic_text(item)
        return link

    def _image_of(self, item: Item) -> Item | None:
        """Return the item of the image that coordinates are of: below them, by value or by reference (C.18.6)."""
        if item.kind != "SCOORD":
            return None
        below = (self._report.resolve(child) for child in item.children)
        return next((child for child in below if child.kind == "IMAGE"), None)

    def _object(self, item: Item) -> ObjectReference | None:
        if item.reference:
            return item.reference
        image = self._image_of(item)
        return image.reference if image else None


def anchor(path: Path) -> str:
    """Return the id of an item on the page."""
    return "item-" + "-".join(map(str, path))


def _items_of(steps: list[Step]) -> Iterator[Item]:
    for step in steps:
        if step.item and step.kind == "entry":
            yield step.item
        yield from step.items
        for row in step.rows:
            yield from (row.item, *row.details)
