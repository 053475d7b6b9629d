"""Two objects under one SOP Instance UID side by side: which elements differ, and where within their values."""

from dataclasses import dataclass

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Copy, Instance
from pacsbrowser.dicom.attributes import tag_text
from pacsbrowser.dicom.compare import ElementDifference, diff_elements
from pacsbrowser.dicom.errors import DicomError

SHOWN = 200
MOST = 2000
UNREADABLE = "One of the files cannot be read, so they cannot be compared element by element."


@dataclass(frozen=True, slots=True)
class Side:
    """A value with the stretch that is different in the other one."""

    before: str = ""
    changed: str = ""
    after: str = ""
    is_absent: bool = False


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """An element of which the two objects have different values."""

    path: str
    tag: str
    keyword: str
    first: Side
    second: Side


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between an instance and its copy; `is_cut` when there is more than is shown."""

    rows: list[DifferenceRow]
    is_cut: bool = False
    problem: str = ""


def compare(instance: Instance, copy: Copy, limit: int = SHOWN) -> Comparison:
    """Compare what is shown of an instance with one of its copies."""
    try:
        with storage.open_blob(instance.blob) as first, storage.open_blob(copy.blob) as second:
            found = diff_elements(first, second, limit + 1)
    except (DicomError, OSError):
        return Comparison([], problem=UNREADABLE)
    return Comparison([_row(one) for one in found[:limit]], is_cut=len(found) > limit)


def sides(first: str | None, second: str | None) -> tuple[Side, Side]:
    """Return two values with what their beginnings and ends have in common set apart."""
    if first is None or second is None:
        return _whole(first), _whole(second)
    start = _common(first, second)
    end = _common(first[start:][::-1], second[start:][::-1])
    return _side(first, start, end), _side(second, start, end)


def _common(first: str, second: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    pairs = zip(first, second, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


def _row(one: ElementDifference) -> DifferenceRow:
    first, second = sides(one.value_a, one.value_b)
    steps = [tag_text(int(step, 16)) if len(step) == 8 else f"item {int(step) + 1}" for step in one.path.split("/")]
    return DifferenceRow(" / ".join(steps[:-1]), tag_text(one.tag), one.keyword, first, second)


def _whole(value: str | None) -> Side:
    return Side(is_absent=True) if value is None else Side(changed=value)


def _side(value: str, start: int, end: int) -> Side:
    stop = len(value) - end
    return Side(value[:start], value[start:stop], value[stop:])
