"""A report as a page of HTML that stands alone: for DICOMweb (PS3.18 8.7.3.3) and as a file; every text escaped."""

from collections.abc import Iterator
from html import escape

from pacsbrowser.dicom.sr.content import Code, Item, Report
from pacsbrowser.dicom.sr.document import Step, document, value_text
from pacsbrowser.dicom.sr.text import WHOLE, report_facts, running_text

_ENDS = {"end_section": "</section>", "end_list": "</ul>", "end_entry": "</li>", "list": "<ul>"}


def report_html(report: Report) -> str:
    """Return the page of a report, or of a key object selection."""
    title = escape(report.title)
    facts = "".join(
        f"<dt>{escape(name)}</dt><dd><bdi>{escape(value)}</bdi></dd>" for name, value in report_facts(report)
    )
    body = "".join(piece for part in document(report, WHOLE) for step in part for piece in _pieces(step))
    problem = f"<p><strong>Reading ended early.</strong> {escape(report.problem)}</p>" if report.problem else ""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1><dl>{facts}</dl>{problem}{body}</body></html>"
    )


def _pieces(step: Step) -> Iterator[str]:
    if step.kind in _ENDS:
        yield _ENDS[step.kind]
    elif step.kind == "section":
        yield f"<section><h{step.level}>{escape(step.title)}</h{step.level}>"
    elif step.kind == "text":
        yield f"<p><bdi>{escape(running_text(step.items))}</bdi></p>"
    elif step.kind == "gallery":
        yield "<ul>" + "".join(f"<li>{_item(item)}</li>" for item in step.items) + "</ul>"
    elif step.kind == "table":
        yield "<table><tbody>"
        for row in step.rows:
            details = "; ".join(_item(item) for item in [*([row.method] if row.method else []), *row.details])
            name = _named(row.item.name) or "Measurement"
            yield f'<tr><th scope="row">{name}</th><td>{escape(value_text(row.item))}</td><td>{details}</td></tr>'
        yield "</tbody></table>"
    elif step.item:
        yield f"<li>{escape(step.relation)} {_item(step.item)}"


def _item(item: Item) -> str:
    name, value = _named(item.name), escape(value_text(item))
    if not value and item.target:
        value = f"see item {'.'.join(map(str, item.target))}"
    label = f"<strong>{name}</strong>" if name else ""
    title = f' title="{escape(item.code.label)}"' if item.code and item.code.label else ""
    return f"{label}{': ' if label and value else ''}" + (f"<bdi{title}>{value}</bdi>" if value else "")


def _named(name: Code | None) -> str:
    return f'<span title="{escape(name.label)}">{escape(name.text)}</span>' if name and name.text else ""
