"""The presentation of structured reports and key object selections: the document before everything else."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from pacsbrowser.archive import storage
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.sr.content import Path, Report
from pacsbrowser.dicom.sr.document import Step, document, unit_text
from pacsbrowser.dicom.sr.dose import Dose, read_dose
from pacsbrowser.dicom.sr.reading import read_report
from pacsbrowser.pages.lookup import InstancePlace
from pacsbrowser.pages.presentation import Presentation
from pacsbrowser.pages.report_lines import Lines, anchor

STYLE, SCRIPT = "css/reports.css", "js/report.js"
SECTIONS_LISTED = 40
SHOWN_KEYS = 120
# DCM: Key Object Description, Document Title Modifier (PS3.16 TID 2010).
DESCRIPTION, MODIFIER = "113012", "113011"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a long report."""

    number: int
    href: str
    is_current: bool


def read(place: InstancePlace) -> Report | None:
    """Return the report of an instance; None where its file cannot be read, which its page says anyhow."""
    try:
        with storage.open_blob(place.instance.blob) as file:
            return read_report(file)
    except (DicomError, OSError):
        return None


def present_report(place: InstancePlace, query: QueryDict) -> Presentation | None:
    """Return a report as a document, a dose report with its table of events before it."""
    report = read(place)
    if report is None:
        return None
    dose = read_dose(report)
    shown = {**_document(report, place, query), **_dose(dose), "report": report}
    if dose:
        shown["sections"] = []
    return Presentation("report.html", shown, STYLE, SCRIPT)


def present_key_objects(place: InstancePlace, query: QueryDict) -> Presentation | None:
    """Return a key object selection as a gallery with its title and description (PS3.3 A.35.4)."""
    report = read(place)
    if report is None:
        return None
    named = [item for item in report.root.children if item.reference]
    first = named[:SHOWN_KEYS]
    lines = Lines(report, place.instance, place.scope, [Step("gallery", report.root, items=first)], {})
    kinds = Counter(object_kind(item.reference.sop_class_uid) for item in named if item.reference)
    shown = {
        **_document(report, place, query),
        "report": report,
        "links": [link for item in first if (link := lines.link(item))],
        "left": len(named) - len(first),
        "descriptions": [item.text for item in report.root.children if item.is_named(DESCRIPTION) and item.text],
        "modifiers": [item.code for item in report.root.children if item.is_named(MODIFIER) and item.code],
        "kinds": kinds.most_common(),
    }
    return Presentation("key_objects.html", shown, STYLE, SCRIPT)


def _document(report: Report, place: InstancePlace, query: QueryDict) -> dict[str, Any]:
    parts = document(report)
    wanted = query.get("part", "")
    number = int(wanted) if wanted.isdecimal() and len(wanted) < 5 and 1 <= int(wanted) <= len(parts) else 1
    lines = list(
        Lines(report, place.instance, place.scope, parts[number - 1], _addresses(parts, query)).of(parts[number - 1])
    )
    sections = [line for line in lines if line.kind == "section" and line.level <= 3]
    return {
        "lines": lines,
        "sections": sections[:SECTIONS_LISTED] if len(sections) > 2 else [],
        "parts": [Part(one, _part_query(query, one), one == number) for one in range(1, len(parts) + 1)]
        if len(parts) > 1
        else [],
        "is_part": bool(wanted),
        "text_address": _address("report_text", place),
        "html_address": _address("report_html", place),
    }


def _addresses(parts: list[list[Step]], query: QueryDict) -> dict[Path, str]:
    """Return where each item stands: on this page, or in another part of a long report."""
    found: dict[Path, str] = {}
    for number, steps in enumerate(parts, 1):
        before = _part_query(query, number) if len(parts) > 1 else ""
        for step in steps:
            if step.item and step.kind in ("section", "entry"):
                found.setdefault(step.item.path, f"{before}#{anchor(step.item.path)}")
    return found


def _part_query(query: QueryDict, number: int) -> str:
    changed = query.copy()
    changed["part"] = str(number)
    return f"?{changed.urlencode()}"


def _address(name: str, place: InstancePlace) -> str:
    return reverse(name, args=place.url_arguments) + place.holder_query


def _dose(dose: Dose | None) -> dict[str, Any]:
    if dose is None:
        return {"dose": None}
    return {
        "dose": dose,
        "totals": [(title, [(item, unit_text(item)) for item in items]) for title, items in dose.accumulated],
        "events": [list(zip(event.cells, dose.columns, strict=True)) for event in dose.events],
        "dose_left": dose.event_count - len(dose.events),
    }
