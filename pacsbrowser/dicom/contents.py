"""What is in an object of no known class: its plain attributes, its sequences, its private blocks."""

import re
from collections import defaultdict
from dataclasses import dataclass

from pacsbrowser.dicom.data_item import DataItem
from pacsbrowser.dicom.json_model import keyword_of
from pacsbrowser.dicom.model_values import values

# Groups of patient, study and series, which the pages around the object show, and of identifiers.
_AROUND = re.compile(r"0010|0020000[DE]|000800(?:05|1[2368]|[23]0|50)|00081030")
_PRIVATE_CREATOR = re.compile(r"[0-9A-F]{3}[13579BDF]00[1-9A-F][0-9A-F]")
MOST_ATTRIBUTES = 80
MOST_SEQUENCES = 40
MOST_BLOCKS = 100
_COLUMNS = 10


@dataclass(frozen=True, slots=True)
class PrivateBlock:
    """A block of private elements: who defined it, where it is, how many elements, of which so many are large."""

    creator: str
    group: str
    elements: int
    large: int


@dataclass(frozen=True, slots=True)
class SequenceFound:
    """A sequence with its keyword, its items, and the plain attributes that stand in its first items."""

    keyword: str
    items: list[DataItem]
    columns: tuple[str, ...]


def plain_attributes(dataset: DataItem) -> list[str]:
    """Return the keywords of the attributes with plain values that belong to the object itself, in their order."""
    found = (
        keyword_of(int(tag, 16)) for tag, entry in dataset.model.items()
        if entry.get("vr") not in ("SQ", "OB", "OW", "UN", "OF", "OD", "OL", "OV") and entry.get("Value")
        and not _AROUND.match(tag)
    )  # fmt: skip
    return [keyword for keyword in found if keyword][:MOST_ATTRIBUTES]


def sequences(dataset: DataItem) -> list[SequenceFound]:
    """Return the sequences of the outermost level that have items and names."""
    found = []
    for tag, entry in dataset.model.items():
        keyword = keyword_of(int(tag, 16)) if entry.get("vr") == "SQ" else ""
        items = dataset.items(keyword) if keyword else []
        if items:
            found.append(SequenceFound(keyword, items, _columns(items)))
    return found[:MOST_SEQUENCES]


def _columns(items: list[DataItem]) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for item in items[:20]:
        names.update(dict.fromkeys(plain_attributes(item)))
    return tuple(names)[:_COLUMNS]


def private_blocks(dataset: DataItem) -> list[PrivateBlock]:
    """Return the private blocks of the outermost level (PS3.5 7.8.1)."""
    creators: dict[str, str] = {}
    elements: dict[str, int] = defaultdict(int)
    large: dict[str, int] = defaultdict(int)
    for tag, entry in dataset.model.items():
        if _PRIVATE_CREATOR.fullmatch(tag):
            found = values(dataset.model, tag)
            creators[tag[:4] + tag[6:]] = str(found[0])[:64] if found else ""
        elif int(tag[3], 16) % 2:
            block = tag[:6]
            elements[block] += 1
            large[block] += "BulkDataURI" in entry
    blocks = [PrivateBlock(creators.get(block, ""), f"({block[:4]},{block[4:]}xx)", count, large[block])
              for block, count in elements.items()]  # fmt: skip
    return blocks[:MOST_BLOCKS]
