"""The top level of a data set, walked once: the bytes of indexed attributes, what is out of order, what is named."""

from dataclasses import dataclass, field

from pacsbrowser.dicom.attributes import IDENTIFIERS, KEYWORDS, TAGS, tag_text
from pacsbrowser.dicom.elements import ITEM, MAX_ELEMENTS, PIXEL_DATA, PIXEL_TAGS, UNDEFINED, Broken, Element, Walker
from pacsbrowser.dicom.errors import TooLarge
from pacsbrowser.dicom.findings import HeaderFinding, finding
from pacsbrowser.dicom.part10 import Layout
from pacsbrowser.dicom.references import HeaderReference, ReferenceCollector

MOST_VALUE_BYTES = 16 * 1024  # of one indexed value; the file keeps the rest
_DIRECTORY_RECORDS = 0x00041220


@dataclass(slots=True)
class TopLevel:
    """What one walk over the top level of a data set saw; `raw` holds VR and bytes of the indexed attributes."""

    raw: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    findings: list[HeaderFinding] = field(default_factory=list)
    references: tuple[HeaderReference, ...] = ()
    pixel_length: int | None = None
    broken: Broken | None = None
    last_tag: int = 0
    is_directory: bool = False
    is_cut: bool = False  # the walk stopped at its limit; what follows is not known


def walk_top_level(layout: Layout, most_elements: int = MAX_ELEMENTS) -> TopLevel:
    """Walk any data set; raises TooDeep, and TooLarge before the UIDs that place the object were found."""
    seen = TopLevel()
    collector = ReferenceCollector(layout.window)
    walker = Walker(layout.window, layout.start, layout.encoding)
    walker.most = most_elements
    try:
        for element in walker:
            if element.depth or element.tag == ITEM:
                collector.take(element)
            elif not _take(element, layout, seen, collector):
                break
    except Broken as broken:
        seen.broken = broken
    except TooLarge as error:
        if any(TAGS[keyword] not in seen.raw for keyword in IDENTIFIERS):
            raise
        seen.is_cut = True
        seen.findings.append(finding("header_too_large", "", error.reason.rstrip(".")))
    for problem in walker.problems[:20]:
        seen.findings.append(finding(problem.code, "", f"{problem.reason} (byte {problem.offset:,})"))
    seen.references = collector.references()
    return seen


def _take(element: Element, layout: Layout, seen: TopLevel, collector: ReferenceCollector) -> bool:
    """Take a top-level element; False where the data set ends and other bytes follow."""
    tag = element.tag
    if tag <= seen.last_tag:
        if seen.last_tag >= PIXEL_DATA or tag == 0:
            left = layout.window.size - element.offset
            seen.findings.append(finding("trailing_data", "", f"{left:,} bytes from byte {element.offset:,}"))
            return False
        _note_order(tag, seen)
    else:
        seen.last_tag = tag
    if tag in KEYWORDS:
        length = min(element.length, MOST_VALUE_BYTES)
        seen.raw[tag] = element.vr, layout.window.read(element.start, length)
    elif element.vr == "SQ" or element.length == UNDEFINED:
        collector.take(element)
        seen.is_directory |= tag == _DIRECTORY_RECORDS
    if tag in PIXEL_TAGS:
        seen.pixel_length = element.length
    elif tag < 0x00080000 and tag & 0xFFFF and not seen.is_directory:
        seen.findings.append(finding("group_not_allowed", tag_text(tag)))
    if element.length & 1 and element.length != UNDEFINED:
        seen.findings.append(finding("odd_length", KEYWORDS.get(tag) or tag_text(tag)))
    return True


def _note_order(tag: int, seen: TopLevel) -> None:
    if tag in seen.raw or tag == seen.last_tag:
        seen.findings.append(finding("duplicate_element", KEYWORDS.get(tag) or tag_text(tag)))
    elif not any(noted.code == "out_of_order" for noted in seen.findings):
        seen.findings.append(finding("out_of_order", KEYWORDS.get(tag) or tag_text(tag)))
