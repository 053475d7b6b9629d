"""A report as a document: headings, lists, tables of measurements and running text, in parts of bounded length.

The tree becomes a flat run of steps, as a document is written and read from top to bottom. Each part opens again what
was open where the part before it ended, so that each is a whole document.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pacsbrowser.dicom.sr.content import Item, Report
from pacsbrowser.dicom.units import unit_symbol

PART = 600  # content items
# Of images a page holds fewer: each is a link with its picture.
GALLERY = 120
MOST_DETAILS = 12
# Code values of DCMR concepts; a scheme is not asked for, as writers spell theirs in several ways.
MEASUREMENT_GROUP = ("125007",)
TRACKING_IDENTIFIER, FINDING = ("112039",), ("121071",)
FINDING_SITE = ("363698007", "G-C0E3")
METHOD = ("370129005", "G-C036")
_RELATIONS = {"INFERRED FROM": "inferred from", "SELECTED FROM": "selected from"}


@dataclass(slots=True)
class Row:
    """A line of a table of measurements; `details` are the items below the measurement, but its method."""

    item: Item
    method: Item | None = None
    details: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class Step:
    """One step of a document.

    Kinds: section and end_section; list and end_list; entry and end_entry; table, with `rows`; gallery, with `items`;
    text, running text of `items`. `level` is that of a heading, from 2; `is_continued` marks what a part opens again.
    """

    kind: str
    item: Item | None = None
    level: int = 2
    title: str = ""
    relation: str = ""
    is_continued: bool = False
    rows: list[Row] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)


def document(report: Report, most: int = PART) -> list[list[Step]]:
    """Return the parts of a report's document, at least one."""
    writer = _Writer(most)
    writer.content(report.root, 2)
    return writer.parts


def section_title(item: Item) -> str:
    """Return what a container is called, a measurement group by what it tracks and where that is."""
    name = item.name.text if item.name else ""
    if item.is_named(*MEASUREMENT_GROUP):
        about = [child for values in (TRACKING_IDENTIFIER, FINDING, FINDING_SITE) if (child := item.child(*values))]
        texts = dict.fromkeys(text for child in about if (text := value_text(child)))
        return f"{name or 'Measurement group'}: {', '.join(texts)}" if texts else name
    return name or "Section"


def value_text(item: Item) -> str:
    """Return what an item says, as text; a number with its unit, or why it has none."""
    if item.kind == "NUM":
        if not item.text:
            return f"no value{f': {item.code.text}' if item.code else ''}"
        return f"{item.text} {unit_text(item)}".strip()
    if item.code is not None:
        return item.code.text
    if item.reference is not None:
        return reference_text(item)
    if item.graphic is not None:
        return graphic_text(item)
    return item.text


def unit_text(item: Item) -> str:
    """Return the unit of a number: its UCUM symbol, words where that is an annotation, nothing where it is "1"."""
    if item.unit is None or item.unit.value in ("1", ""):
        return ""
    symbol = item.unit.value
    if symbol.startswith("{"):
        return item.unit.text.strip("{}")
    return unit_symbol(symbol) if item.unit.scheme in ("UCUM", "") else item.unit.text


def reference_text(item: Item) -> str:
    """Return the object that an item names, by its UID, with frames and segments."""
    reference = item.reference
    if reference is None:
        return ""
    return ", ".join((reference.sop_instance_uid or "no UID", *places_text(item)))


def places_text(item: Item) -> list[str]:
    """Return which frames and segments of an object an item names, in words."""
    named = (("frame", item.reference.frames), ("segment", item.reference.segments)) if item.reference else ()
    return [
        f"{what}{'s' if len(found) > 1 else ''} {', '.join(map(str, found[:20]))}{' …' if len(found) > 20 else ''}"
        for what, found in named
        if found
    ]


def graphic_text(item: Item) -> str:
    """Return coordinates in words: shape, number of points and, in space, where they are in mm."""
    graphic = item.graphic
    if graphic is None:
        return ""
    shape = graphic.shape.lower() or "points"
    if not graphic.points:
        return f"{shape} without points that can be read"
    count = len(graphic.points)
    words = shape if shape == "point" and count == 1 else f"{shape} of {count:,} point{'s' if count > 1 else ''}"
    if not graphic.is_spatial:
        return words
    ranges = (
        f"{axis} {_number(min(line))}"
        if min(line) == max(line)
        else f"{axis} {_number(min(line))} to {_number(max(line))}"
        for axis, line in zip("xyz", zip(*graphic.points, strict=True), strict=True)
    )
    return f"{words} at {', '.join(ranges)} mm"


def _number(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")


class _Writer:
    """Writes steps, and begins a new part where the one at hand is full."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._written = 0
        self._open: list[Step] = []
        self.parts: list[list[Step]] = [[]]

    def content(self, item: Item, level: int) -> None:
        """Write what a container or an entry holds."""
        if item.is_continuous and all(_is_running(child) for child in item.children):
            self._add(Step("text", item, items=item.children), len(item.children))
            return
        for group in _groups(item):
            first = group[0]
            if first.is_section and item.is_section:
                self._section(first, level)
            elif first.kind == "NUM" and (len(group) > 1 or item.is_named(*MEASUREMENT_GROUP)):
                self._table(group)
            elif len(group) > 1 and _is_bare_image(first):
                self._gallery(item, group)
            else:
                self._list(group, level)

    def _section(self, item: Item, level: int) -> None:
        self._begin(Step("section", item, min(level, 6), section_title(item)), 1)
        self.content(item, level + 1)
        self._end()

    def _table(self, group: list[Item]) -> None:
        rows = [_row(item) for item in group]
        for at in range(0, len(rows), self._most):
            some = rows[at : at + self._most]
            self._add(Step("table", rows=some), sum(1 + len(row.details) for row in some))

    def _gallery(self, item: Item, group: list[Item]) -> None:
        weight = max(self._most // (2 * GALLERY), 1)
        for at in range(0, len(group), GALLERY):
            some = group[at : at + GALLERY]
            self._add(Step("gallery", item, items=some), weight * len(some))

    def _list(self, group: list[Item], level: int) -> None:
        self._begin(Step("list"))
        for item in group:
            relation = _RELATIONS.get(item.relationship, "")
            self._begin(Step("entry", item, level, relation=relation), 1)
            children = [child for child in item.children if not _is_drawn_with(item, child)]
            if children:
                self.content(Item(item.path, "", children=children), level + 1)
            self._end()
        self._end()

    def _add(self, step: Step, items: int) -> None:
        if self._written >= self._most:
            self._turn()
        self.parts[-1].append(step)
        self._written += items

    def _begin(self, step: Step, items: int = 0) -> None:
        self._add(step, items)
        self._open.append(step)

    def _end(self) -> None:
        self.parts[-1].append(Step(f"end_{self._open.pop().kind}"))

    def _turn(self) -> None:
        """Close all that is open, and open it again in the next part."""
        self.parts[-1] += [Step(f"end_{step.kind}") for step in reversed(self._open)]
        again = [Step(s.kind, s.item, s.level, s.title, s.relation, is_continued=True) for s in self._open]
        self.parts.append(again)
        self._written = 0


def _groups(item: Item) -> Iterator[list[Item]]:
    """Yield runs of children that are shown together: measurements, images, others; each section for itself."""
    run: list[Item] = []
    kind = ""
    for child in item.children:
        found = _kind_of(item, child)
        if run and (found != kind or found == "section"):
            yield run
            run = []
        run.append(child)
        kind = found
    if run:
        yield run


def _kind_of(item: Item, child: Item) -> str:
    if child.is_section and item.is_section:
        return "section"
    if child.kind == "NUM" and sum(1 for _ in child.walk()) <= MOST_DETAILS and not child.target:
        return "measurement"
    return "image" if _is_bare_image(child) else "entry"


def _is_bare_image(item: Item) -> bool:
    return item.kind in ("IMAGE", "COMPOSITE") and not item.children and item.reference is not None


def _is_drawn_with(item: Item, child: Item) -> bool:
    """Say whether a child is the image on which its parent's coordinates are drawn (C.18.6)."""
    return item.kind == "SCOORD" and child.kind == "IMAGE" and not child.children


def _is_running(item: Item) -> bool:
    """Say whether an item can stand in running text (Continuity of Content (0040,A050))."""
    return item.kind in ("TEXT", "CODE", "NUM", "PNAME", "DATE", "TIME", "DATETIME") and not item.children


def _row(item: Item) -> Row:
    method = item.child(*METHOD)
    drawn = {below.path for one in item.walk() for below in one.children if _is_drawn_with(one, below)}
    shown = (below for below in item.walk() if below is not item and below is not method)
    return Row(item, method, [below for below in shown if below.path not in drawn])
