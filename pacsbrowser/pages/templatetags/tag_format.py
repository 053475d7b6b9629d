"""How rows of the tag browser look: indentation, anchors, hex dumps, values in plain words."""

from django import template

from pacsbrowser.dicom.tags import TagRow
from pacsbrowser.dicom.values import date_text, time_text
from pacsbrowser.pages import tag_words

register = template.Library()

DEEPEST = 6
BYTES_A_LINE = 16


@register.filter
def tag_level(level: int) -> str:
    """Return the CSS class of a nesting level."""
    return f"l{min(level, DEEPEST)}" if level else ""


@register.filter
def path_id(path: str) -> str:
    """Return a path as the id of its row."""
    return path.replace("/", "-")


@register.simple_tag
def tag_link(address: str, holder_query: str, path: str) -> str:
    """Return the permanent address of an element: on the page of the sequence it is in, where it is shown."""
    parent = "/".join(path.split("/")[:-2])
    query = f"{'&' if holder_query else '?'}path={parent}" if parent else ""
    return f"{address}{holder_query}{query}#tag-{path_id(path)}"


@register.filter
def vr_words(vr: str) -> str:
    """Return what a value representation is."""
    return tag_words.vr_words(vr)


@register.filter
def plain_value(row: TagRow) -> str:
    """Return a date or time as people read it, '' for what is plain already."""
    if row.vm != 1:
        return ""
    if row.vr == "DA":
        return date_text(row.value)
    return time_text(row.value, seconds=True) if row.vr == "TM" else ""


@register.filter
def hexdump(digits: str) -> str:
    """Return bytes, given as hexadecimal digits, in lines of offset, digits and characters."""
    raw = bytes.fromhex(digits)
    lines = []
    for start in range(0, len(raw), BYTES_A_LINE):
        part = raw[start : start + BYTES_A_LINE]
        signs = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:08x}  {part[:8].hex(' '):<23}  {part[8:].hex(' '):<23}  |{signs}|")
    return "\n".join(lines)


@register.filter
def hex_length(digits: str) -> int:
    """Return how many bytes a text of hexadecimal digits stands for."""
    return len(bytes.fromhex(digits))
