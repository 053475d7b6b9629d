"""The tree beside a chart: the same hierarchy as nested links, for keyboards, screen readers and without scripts."""

from dataclasses import dataclass, field

from pacsbrowser.archive.hierarchy import Hierarchy, Part, SeriesNode, StudyNode
from pacsbrowser.dicom.values import date_text
from pacsbrowser.pages.chart_edges import Refers, refers_of
from pacsbrowser.pages.chart_layout import part_text
from pacsbrowser.pages.chart_links import Links, range_address
from pacsbrowser.pages.chart_text import harmless, tail

# Up to so many items a tree is opened whole; up to so many it holds its instances, else they come when asked for.
OPEN_WHOLE = 40
HELD_WHOLE = 200


@dataclass(slots=True)
class Item:
    """A link of the tree. `lead` and `text` name it (`text` is a value of the data), `end` is its count or UID.

    `refers` is what it refers to; `more` is where its children come from when they are not here yet; `closed` asks the
    script to begin with it closed.
    """

    id: str
    href: str
    lead: str = ""
    text: str = ""
    modality: str = ""
    end: str = ""
    unit: str = ""
    findings: int = 0
    refers: Refers = field(default_factory=Refers)
    missing: bool = False
    closed: bool = False
    more: str = ""
    children: list["Item"] = field(default_factory=list)


def tree_of(tree: Hierarchy, links: Links) -> Item:
    """Return the root of the tree: the patient."""
    patient = tree.patient
    name = patient.name_display or "(no name)"
    root = Item("t-p", links.patient(patient), text=name, end=f"{tree.totals.instances:,}", unit="instances")
    rows = sum(len(study.series) for study in tree.studies)
    parts = sum(len(node.parts) for study in tree.studies for node in study.series)
    lazy = len(tree.studies) + rows + parts > HELD_WHOLE
    root.children = [_study(study, links, lazy) for study in tree.studies]
    if len(tree.studies) + rows + parts > OPEN_WHOLE:
        for place, study in enumerate(root.children):
            study.closed = place > 0
            for node in study.children:
                node.closed = True
    return root


def _study(study: StudyNode, links: Links, lazy: bool) -> Item:
    row = study.row
    item = Item(
        f"t-s{row.pk}",
        links.study(study),
        lead=date_text(row.study_date) or "No date",
        text=row.study_description,
        end=f"{row.instance_count:,}",
        unit="instances",
        findings=study.findings,
    )
    item.children = [_series(study, node, links, lazy) for node in study.series]
    if study.rest:
        rest = study.rest
        more = Item(f"t-m{row.pk}", links.study_chart(study), lead=f"{rest.series:,} more series")
        more.end, more.unit = f"{rest.instances:,}", "instances"
        item.children.append(more)
    return item


def _series(study: StudyNode, node: SeriesNode, links: Links, lazy: bool) -> Item:
    row = node.row
    item = Item(
        f"t-e{row.pk}",
        links.series(study, node),
        lead=harmless(row.series_number),
        text=row.series_description or row.protocol_name or "(no description)",
        modality=row.modality,
        end=f"{row.instance_count:,}",
        unit="instances",
        findings=node.findings,
        refers=refers_of(node),
    )
    if lazy and node.is_listed:
        item.more = range_address(study, node, node.parts[0].first, node.parts[-1].last)
    else:
        item.children = [part_item(study, node, part, links) for part in node.parts]
    return item


def part_item(study: StudyNode, node: SeriesNode, part: Part, links: Links) -> Item:
    """Return the item of an instance, of a gap, or of a range that opens into its instances."""
    item = Item(
        f"t-i{node.row.pk}-{part.first}{'-gap' if part.missing else ''}",
        links.part(study, node, part),
        lead=part_text(part, node.by_number),
        end=tail(part.uid) if part.uid else f"{part.count:,}",
        unit="" if part.uid else "missing" if part.missing else "instances",
        missing=part.missing,
    )
    if not part.uid and not part.missing:
        item.more = range_address(study, node, part.first, part.last)
        item.closed = True
    return item
