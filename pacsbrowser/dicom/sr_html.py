"""A structured report (PS3.3 C.17.3) as plain HTML: the tree of its content, every text escaped."""

from collections.abc import Iterator
from html import escape
from typing import Any

from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.model_values import first_text, items, values
from pacsbrowser.dicom.names import PersonName
from pacsbrowser.dicom.values import date_text, time_text

MOST_ITEMS = 20_000
_CONTENT, _NAME, _TYPE = "0040A730", "0040A043", "0040A040"
_CODE_MEANING, _CODE_VALUE = "00080104", "00080100"


def sr_html(model: JsonModel) -> str:
    """Return the page of a report, or of a key object selection."""
    title = _code(model, _NAME) or "Structured report"
    head = "".join(f"<dt>{escape(name)}</dt><dd><bdi>{escape(value)}</bdi></dd>" for name, value in _facts(model))
    budget = [MOST_ITEMS]
    body = "".join(_children(model, budget, 2))
    rest = "" if budget[0] > 0 else f"<p>Only the first {MOST_ITEMS:,} items are shown.</p>"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
        f"<body><h1>{escape(title)}</h1><dl>{head}</dl>{body}{rest}</body></html>"
    )


def _facts(model: JsonModel) -> Iterator[tuple[str, str]]:
    name = PersonName.parse(_joined_name(model, "00100010")).display
    found = (
        ("Patient", name), ("Patient ID", first_text(model, "00100020")),
        ("Study", " ".join(part for part in (date_text(first_text(model, "00080020")), _study(model)) if part)),
        ("Content", " ".join((date_text(first_text(model, "00080023")), time_text(first_text(model, "00080033"))))),
        ("Completion", first_text(model, "0040A491")), ("Verification", first_text(model, "0040A493")),
    )  # fmt: skip
    return ((title, value) for title, value in found if value.strip())


def _study(model: JsonModel) -> str:
    return first_text(model, "00081030")


def _joined_name(model: JsonModel, key: str) -> str:
    found = values(model, key)
    groups = found[0] if found and isinstance(found[0], dict) else {}
    return "=".join(str(groups.get(name, "")) for name in ("Alphabetic", "Ideographic", "Phonetic")).rstrip("=")


def _children(model: JsonModel, budget: list[int], level: int) -> Iterator[str]:
    found = items(model, _CONTENT)
    if not found or budget[0] <= 0:
        return
    yield "<ul>"
    for item in found:
        budget[0] -= 1
        if budget[0] <= 0:
            break
        name, value = _code(item, _NAME), _value(item)
        label = f"<strong>{escape(name)}</strong>" if name else ""
        yield f"<li>{label}{': ' if label and value else ''}<bdi>{escape(value)}</bdi>"
        yield from _children(item, budget, level + 1)
        yield "</li>"
    yield "</ul>"


def _value(item: JsonModel) -> str:
    """Return what an item says, by its value type (PS3.3 Table C.17.3-7)."""
    kind = first_text(item, _TYPE)
    if kind == "NUM":
        return _number(item)
    if kind == "CODE":
        return _code(item, "0040A168")
    if kind == "PNAME":
        return PersonName.parse(_joined_name(item, "0040A123")).display
    keys = {
        "TEXT": "0040A160", "DATE": "0040A121", "TIME": "0040A122", "DATETIME": "0040A120", "UIDREF": "0040A124",
    }  # fmt: skip
    if kind in keys:
        return first_text(item, keys[kind])
    if kind in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        uids = [first_text(one, "00081155") for one in items(item, "00081199")]
        return f"{kind.lower()} {', '.join(uid for uid in uids if uid)}"
    if kind in ("SCOORD", "SCOORD3D", "TCOORD"):
        shape = first_text(item, "00700023") or first_text(item, "0040A130")
        return f"{shape} {_numbers(values(item, '00700022'))}".strip()
    return ""


def _number(item: JsonModel) -> str:
    for measured in items(item, "0040A300"):
        unit = _code(measured, "004008EA")
        return f"{_numbers(values(measured, '0040A30A'))} {unit}".strip()
    return ""


def _numbers(found: list[Any]) -> str:
    shown = ", ".join(f"{number:g}" if isinstance(number, float) else str(number) for number in found[:20])
    return f"{shown}, …" if len(found) > 20 else shown


def _code(model: JsonModel, key: str) -> str:
    for item in items(model, key)[:1]:
        return first_text(item, _CODE_MEANING) or first_text(item, _CODE_VALUE)
    return ""
