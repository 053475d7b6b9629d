"""The content of a structured report (PS3.3 C.17.3) as plain values: what every reading of it is made from."""

from collections.abc import Iterator
from dataclasses import dataclass, field

# The place of a content item: its number among the children at each level, from 1; the root is (1,) (C.17.3.2.5).
Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (PS3.3 8.8): its value and scheme for machines, its meaning for people."""

    value: str = ""
    scheme: str = ""
    meaning: str = ""

    @property
    def text(self) -> str:
        """What people read."""
        return self.meaning or self.value

    @property
    def label(self) -> str:
        """The code itself: "121071 DCM"."""
        return " ".join(part for part in (self.value, self.scheme) if part)


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """An object that an item names (PS3.3 10.3), and which of its frames, segments or channels."""

    sop_class_uid: str
    sop_instance_uid: str
    frames: tuple[int, ...] = ()
    segments: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Graphic:
    """Spatial coordinates: of SCOORD in pixels (column, row), of SCOORD3D in mm (x, y, z) (C.18.6, C.18.9)."""

    shape: str
    points: tuple[tuple[float, ...], ...]
    frame_of_reference_uid: str = ""

    @property
    def is_spatial(self) -> bool:
        """Whether the points are in space and not on an image."""
        return bool(self.points) and len(self.points[0]) == 3


@dataclass(slots=True)
class Item:
    """A content item. `text` is its value as it is read by people, as far as it is text; `code` is a coded value.

    Of a number `text` is the value as written and `unit` its unit; where it has no value `code` says why. `target` is
    the place of the item that a by-reference relationship leads to, which may be this item's own parent.
    """

    path: Path
    kind: str
    relationship: str = ""
    name: Code | None = None
    text: str = ""
    code: Code | None = None
    unit: Code | None = None
    reference: ObjectReference | None = None
    graphic: Graphic | None = None
    target: Path = ()
    template: str = ""
    is_continuous: bool = False
    children: list["Item"] = field(default_factory=list)

    @property
    def is_section(self) -> bool:
        """Whether it is a heading with what it contains."""
        return self.kind == "CONTAINER"

    def walk(self) -> Iterator["Item"]:
        """Yield the item and all below it, in reading order."""
        waiting = [self]
        while waiting:
            item = waiting.pop()
            yield item
            waiting.extend(reversed(item.children))

    def is_named(self, *values: str) -> bool:
        """Say whether its concept name has one of these code values."""
        return self.name is not None and self.name.value in values

    def child(self, *values: str) -> "Item | None":
        """Return the first child whose concept name has one of these code values."""
        return next((item for item in self.children if item.is_named(*values)), None)


@dataclass(frozen=True, slots=True)
class Observer:
    """A person, organisation or device that wrote, verified or took part; `when` as people read it."""

    role: str
    name: str
    organisation: str = ""
    when: str = ""


@dataclass(slots=True)
class Report:
    """A structured report or key object selection; `problem` says where reading ended before its end."""

    root: Item
    sop_class_uid: str = ""
    patient: str = ""
    patient_id: str = ""
    study: str = ""
    content_date: str = ""
    is_complete: bool | None = None
    completion_note: str = ""
    is_verified: bool | None = None
    is_preliminary: bool = False
    observers: list[Observer] = field(default_factory=list)
    count: int = 0
    problem: str = ""
    by_path: dict[Path, Item] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the report calls itself."""
        return self.root.name.text if self.root.name and self.root.name.text else "Structured report"

    def resolve(self, item: Item) -> Item:
        """Return the item that a by-reference relationship leads to, else the item itself; loops end at once."""
        return self.by_path.get(item.target, item) if item.target else item
