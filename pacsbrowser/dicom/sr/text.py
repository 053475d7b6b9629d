"""A report as plain text: for the clipboard, for a file, for what searches and compares."""

from collections.abc import Iterator

from pacsbrowser.dicom.sr.content import Item, Report
from pacsbrowser.dicom.sr.document import Step, document, section_title, value_text

WHOLE = 1 << 30


def report_facts(report: Report) -> list[tuple[str, str]]:
    """Return what stands above a report: patient, study, date, who verified it; only what is known."""
    completion = {True: "complete", False: "partial", None: ""}[report.is_complete]
    verification = {True: "verified", False: "unverified", None: ""}[report.is_verified]
    note = f"{completion}, {report.completion_note}" if report.completion_note else completion
    facts = [
        ("Patient", report.patient), ("Patient ID", report.patient_id), ("Study", report.study),
        ("Content", report.content_date), ("Completion", note),
        ("Verification", verification), ("Status", "preliminary" if report.is_preliminary else ""),
    ]  # fmt: skip
    for observer in report.observers:
        facts.append((observer.role, ", ".join(filter(None, (observer.name, observer.organisation, observer.when)))))
    return [(name, value) for name, value in facts if value]


def report_text(report: Report) -> str:
    """Return the report as text, a line an item, indented by its level."""
    lines = [report.title, "=" * min(len(report.title), 70), ""]
    lines += [f"{name}: {value}" for name, value in report_facts(report)]
    lines += [line for part in document(report, WHOLE) for line in _lines(part)]
    if report.problem:
        lines += ["", f"Reading ended early. {report.problem}"]
    return "\n".join(lines) + "\n"


def line_text(item: Item) -> str:
    """Return an item as one line: "Long axis: 14.2 mm"."""
    name = item.name.text if item.name else ""
    value = value_text(item) or (f"see item {'.'.join(map(str, item.target))}" if item.target else "")
    return ": ".join(part for part in (name, value) if part) or item.kind.lower()


def _lines(steps: list[Step]) -> Iterator[str]:
    depth = 0
    for step in steps:
        if step.kind == "section" and step.item:
            yield ""
            yield f"{'#' * step.level} {section_title(step.item)}"
        elif step.kind == "list":
            depth += 1
        elif step.kind == "end_list":
            depth -= 1
        elif step.kind == "text":
            yield running_text(step.items)
        elif step.kind == "entry" and step.item:
            relation = f"{step.relation} " if step.relation else ""
            text = line_text(step.item).replace("\r\n", "\n").replace("\n", "\n" + "  " * (depth + 1))
            yield f"{'  ' * (depth - 1)}- {relation}{text}"
        for item in [below for row in step.rows for below in row.item.walk()] + (
            step.items if step.kind == "gallery" else []
        ):
            below = len(item.path) - len(step.rows[0].item.path) if step.rows else 0
            yield f"{'  ' * (depth + below)}- {line_text(item)}"


def running_text(items: list[Item]) -> str:
    """Return items as the sentence that they make together (Continuity of Content (0040,A050))."""
    return " ".join(value_text(item).strip() for item in items)
