"""From a file to a report: the content tree as far as it can be read, within a bound (PS3.3 C.17.2, C.17.3)."""

from typing import Any, BinaryIO

from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.json_reader import read_bounded
from pacsbrowser.dicom.model_values import first_text, items, values
from pacsbrowser.dicom.names import PersonName
from pacsbrowser.dicom.sr.content import Code, Graphic, Item, ObjectReference, Observer, Path, Report
from pacsbrowser.dicom.values import date_text, parse_decimal, time_text

MOST_ITEMS = 20_000
MOST_ELEMENTS = 600_000
MOST_POINTS = 20_000
_CONTENT, _NAME, _CODED = "0040A730", "0040A043", "0040A168"
_REFERENCED_SOP = "00081199"
_TEXTS = {"TEXT": "0040A160", "UIDREF": "0040A124"}


def read_report(file: BinaryIO) -> Report:
    """Return the report that a file holds, as far as it can be read.

    Raises:
        DicomError: the file cannot be opened as DICOM at all.
    """
    reading = read_bounded(file, MOST_ELEMENTS)
    return parse_report(reading.model, reading.problem)


def parse_report(model: JsonModel, problem: str = "") -> Report:
    """Return the report of a data set read with decimal numbers as text."""
    parser = _Parser()
    root = parser.item(model, (1,))
    root.kind = "CONTAINER"
    if parser.is_cut:
        problem = f"It has more than the {MOST_ITEMS:,} content items that are shown."
    flags = [first_text(model, key) for key in ("0040A491", "0040A493", "0040A496")]
    return Report(
        root=root,
        sop_class_uid=first_text(model, "00080016"),
        patient=person(model, "00100010"),
        patient_id=first_text(model, "00100020"),
        study=_words(date_text(first_text(model, "00080020")), first_text(model, "00081030")),
        content_date=_words(
            date_text(first_text(model, "00080023")), time_text(first_text(model, "00080033").split("+")[0])
        ),
        is_complete={"COMPLETE": True, "PARTIAL": False}.get(flags[0]),
        completion_note=first_text(model, "0040A492"),
        is_verified={"VERIFIED": True, "UNVERIFIED": False}.get(flags[1]),
        is_preliminary=flags[2] == "PRELIMINARY",
        observers=_observers(model),
        count=len(parser.by_path) - 1,
        problem=problem,
        by_path=parser.by_path,
    )


def parse_code(model: JsonModel, key: str) -> Code | None:
    """Return the first code of a sequence, long and URN values included (PS3.3 8.1, 8.3)."""
    for item in items(model, key)[:1]:
        value = next((text for tag in ("00080100", "00080119", "00080120") if (text := first_text(item, tag))), "")
        return Code(value, first_text(item, "00080102"), first_text(item, "00080104"))
    return None


def person(model: JsonModel, key: str) -> str:
    """Return a person's name as it is shown."""
    found = values(model, key)
    groups: dict[str, Any] = found[0] if found and isinstance(found[0], dict) else {}
    raw = "=".join(str(groups.get(name, "")) for name in ("Alphabetic", "Ideographic", "Phonetic"))
    return PersonName.parse(raw.rstrip("=")).display


def moment_text(raw: str) -> str:
    """Return a DT value (PS3.5 6.2) as people read it: 2026-11-22 11:20:05, with its offset from UTC if it has one."""
    text = raw.strip(" \0")
    offset = next((text[at:] for at in (text.rfind("+"), text.rfind("-")) if at >= 4 and len(text) - at == 5), "")
    bare = text.removesuffix(offset)
    return _words(date_text(bare[:8]), time_text(bare[8:], seconds=True), offset)


def numbers(found: list[Any]) -> list[float | None]:
    """Return values as numbers, whether the model has them as such or as text; None for what is none."""
    return [parse_decimal(one) if isinstance(one, str) else one for one in found]


class _Parser:
    """Reads content items while the budget lasts."""

    def __init__(self) -> None:
        self.by_path: dict[Path, Item] = {}
        self.is_cut = False

    def item(self, model: JsonModel, path: Path) -> Item:
        """Return an item with all below it; nesting is bounded by the walk that read the model."""
        item = Item(path, first_text(model, "0040A040"), first_text(model, "0040A010"), parse_code(model, _NAME))
        self.by_path[path] = item
        item.is_continuous = first_text(model, "0040A050") == "CONTINUOUS"
        for template in items(model, "0040A504")[:1]:
            item.template = first_text(template, "0040DB00")
        target = [one for one in values(model, "0040DB73") if isinstance(one, int)]
        item.target = tuple(target)
        _read_value(item, model)
        for place, child in enumerate(items(model, _CONTENT), 1):
            if len(self.by_path) > MOST_ITEMS:
                self.is_cut = True
                break
            item.children.append(self.item(child, (*path, place)))
        return item


def _read_value(item: Item, model: JsonModel) -> None:
    """Set what an item says, by its value type (PS3.3 Table C.17.3-7)."""
    kind = item.kind
    if kind in _TEXTS:
        item.text = first_text(model, _TEXTS[kind])
    elif kind == "NUM":
        _read_number(item, model)
    elif kind == "CODE":
        item.code = parse_code(model, _CODED)
    elif kind == "PNAME":
        item.text = person(model, "0040A123")
    elif kind == "DATE":
        item.text = date_text(first_text(model, "0040A121"))
    elif kind == "TIME":
        item.text = time_text(first_text(model, "0040A122").split("+")[0], seconds=True)
    elif kind == "DATETIME":
        item.text = moment_text(first_text(model, "0040A120"))
    elif kind in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        item.reference = parse_reference(model)
    elif kind in ("SCOORD", "SCOORD3D"):
        item.graphic = parse_graphic(model, 3 if kind == "SCOORD3D" else 2)
    elif kind == "TCOORD":
        item.text = _temporal(model)


def _read_number(item: Item, model: JsonModel) -> None:
    for measured in items(model, "0040A300")[:1]:
        written = [str(one) for one in values(measured, "0040A30A") if one is not None]
        item.text = ", ".join(written[:20]) + (", …" if len(written) > 20 else "")
        item.unit = parse_code(measured, "004008EA")
    item.code = None if item.text else parse_code(model, "0040A301")


def parse_reference(model: JsonModel) -> ObjectReference | None:
    """Return the object named in the Referenced SOP Sequence (0008,1199)."""
    return next((parse_image(one) for one in items(model, _REFERENCED_SOP)), None)


def parse_image(item: JsonModel) -> ObjectReference:
    """Return the object that an item of a sequence of references names (PS3.3 10.3)."""
    return ObjectReference(
        first_text(item, "00081150"),
        first_text(item, "00081155"),
        _positive(values(item, "00081160")),
        _positive(values(item, "0062000B")),
    )


def _positive(found: list[Any]) -> tuple[int, ...]:
    """Return whole numbers from 1, of which IS values come as text."""
    wanted = (int(number) for number in numbers(found[:1000]) if number is not None)
    return tuple(number for number in wanted if number > 0)


def parse_graphic(model: JsonModel, dimensions: int) -> Graphic:
    """Return the points of Graphic Data (0070,0022) with their shape."""
    flat = numbers(values(model, "00700022")[: MOST_POINTS * dimensions])
    usable = [number for number in flat if number is not None]
    whole = len(usable) - len(usable) % dimensions if len(usable) == len(flat) else 0
    points = tuple(tuple(usable[at : at + dimensions]) for at in range(0, whole, dimensions))
    return Graphic(first_text(model, "00700023"), points, first_text(model, "30060024"))


def _temporal(model: JsonModel) -> str:
    """Return a temporal range (C.18.7) in words: samples, seconds or moments."""
    shape = first_text(model, "0040A130").lower()
    for key, unit in (("0040A132", "sample"), ("0040A138", "s"), ("0040A13A", "")):
        found = [str(one) for one in values(model, key)[:20]]
        if found:
            shown = ", ".join(moment_text(one) if not unit else one for one in found)
            return _words(shape, shown if unit != "sample" else f"samples {shown}", unit if unit == "s" else "")
    return shape


def _observers(model: JsonModel) -> list[Observer]:
    found = [
        Observer(
            "Verified by",
            person(one, "0040A075"),
            first_text(one, "0040A027"),
            moment_text(first_text(one, "0040A030")),
        )
        for one in items(model, "0040A073")[:50]
    ]
    for key, role in (("0040A078", "Author"), ("0040A07A", "Participant")):
        for one in items(model, key)[:50]:
            name = person(one, "0040A123") or first_text(one, "00081010") or first_text(one, "00080070")
            what = first_text(one, "0040A080").lower()
            found.append(
                Observer(what.capitalize() if what and role != "Author" else role, name, first_text(one, "00080080"),
                         moment_text(first_text(one, "0040A082")))
            )  # fmt: skip
    for one in items(model, "0040A07C")[:1]:
        found.append(Observer("Kept by", first_text(one, "00080080")))
    return [one for one in found if one.name or one.organisation]


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)
