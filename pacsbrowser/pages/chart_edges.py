"""The arrows of a chart: which series refer to which, drawn beside the rows, and the same in words for the tree."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pacsbrowser.archive.hierarchy import SeriesNode
from pacsbrowser.archive.models import Series
from pacsbrowser.dicom.values import date_text
from pacsbrowser.pages.chart_text import harmless

LANE, MOST_LANES = 9, 8
STUB = 16
TIP = 6
NAMED = 3  # targets that the tree names in sight; all are named in words, up to WORDED
WORDED = 20


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the row of a series is drawn: its top and height, and where what is in it ends."""

    top: float
    height: float
    right: float

    def at(self, share: float) -> float:
        """Return a height in the upper part of the row."""
        return round(self.top + min(self.height, 30) * share, 1)


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow: its line, its head if it has one, what it says, and whether what it leads to is absent."""

    path: str
    head: str
    title: str
    is_dangling: bool = False


@dataclass(frozen=True, slots=True)
class Refers:
    """What a series refers to, for the tree: in short, in words, and how many objects are not in the archive."""

    short: str = ""
    words: str = ""
    missing: str = ""


def draw_edges(nodes: Iterable[SeriesNode], rows: dict[int, Extent]) -> tuple[list[Edge], float]:
    """Return the arrows of these series and where they end to the right; `rows` are the series that are drawn."""
    listed = [node for node in nodes if node.edges and node.row.pk in rows]
    if not listed:
        return [], 0.0
    right = max(extent.right for extent in rows.values())
    first_lane = right + STUB + LANE
    edges: list[Edge] = []
    sources: dict[int, list[SeriesNode]] = defaultdict(list)
    for node in listed:
        edges += _stubs(node, rows)
        for target in node.edges.targets if node.edges else ():
            if target.pk in rows:
                sources[target.pk].append(node)
    lanes = _lanes(sources, rows)
    for key, found in sources.items():
        x = first_lane + LANE * lanes[key]
        edges += [_arrow(node, rows[node.row.pk], rows[key], x, _target_of(node, key)) for node in found]
    return edges, first_lane + LANE * (max(lanes.values(), default=0) + 1)


def refers_of(node: SeriesNode) -> Refers:
    """Return what a series refers to, in words."""
    if node.edges is None:
        return Refers()
    own = node.row.study_id
    names = [_name(target, own) for target in node.edges.targets[:WORDED]]
    short = ", ".join(names[:NAMED]) + (
        f" +{len(node.edges.targets) - NAMED}" if len(node.edges.targets) > NAMED else ""
    )
    missing = _missing(node)
    said = [f"series {name}" for name in names]
    said += [f"{len(node.edges.targets) - WORDED} more series"] if len(node.edges.targets) > WORDED else []
    return Refers(f"→ {short}" if names else "", ", ".join(said), missing)


def _missing(node: SeriesNode) -> str:
    """Return how many objects that a series refers to are not in the archive, in words."""
    if node.edges is None or not node.edges.missing:
        return ""
    least = "at least " if node.edges.is_sampled else ""
    return f"{least}{node.edges.missing:,} not in the archive"


def _name(series: Series, own_study: int) -> str:
    name = harmless(series.series_number) or harmless(series.series_description) or harmless(series.modality) or "?"
    if series.study_id == own_study:
        return name
    return f"{name} of {harmless(date_text(series.study.study_date)) or 'a study without date'}"


def _target_of(node: SeriesNode, target: int) -> str:
    found = next(row for row in (node.edges.targets if node.edges else ()) if row.pk == target)
    return f"Series {harmless(node.row.series_number) or '–'} refers to series {_name(found, node.row.study_id)}"


def _stubs(node: SeriesNode, rows: dict[int, Extent]) -> list[Edge]:
    """Return short lines for what is not in the archive, and for what is but not on this chart."""
    extent, x = rows[node.row.pk], rows[node.row.pk].right + 4
    own = f"Series {harmless(node.row.series_number) or '–'}"
    stubs = []
    if missing := _missing(node):
        y = extent.at(0.25)
        cross = f"M{x + STUB - 6:g} {y - 3:g}l6 6m0 -6l-6 6"
        stubs.append(Edge(f"M{x:g} {y:g}h{STUB - 8}", cross, f"{own} refers to {missing}", is_dangling=True))
    elsewhere = [row for row in (node.edges.targets if node.edges else ()) if row.pk not in rows]
    if elsewhere:
        y = extent.at(0.75)
        names = ", ".join(_name(row, node.row.study_id) for row in elsewhere[:WORDED])
        head = f"M{x + STUB:g} {y:g}l-8 -4v8z"
        stubs.append(Edge(f"M{x:g} {y:g}h{STUB - TIP}", head, f"{own} refers to series {names}, not on this chart"))
    return stubs


def _arrow(node: SeriesNode, source: Extent, target: Extent, lane: float, title: str) -> Edge:
    begin, end = source.at(0.75), target.at(0.5)
    tip = target.right + 4
    path = f"M{source.right + 4:g} {begin:g}H{lane:g}V{end:g}H{tip + TIP:g}"
    return Edge(path, f"M{tip:g} {end:g}l8 -4v8z", title)


def _lanes(sources: dict[int, list[SeriesNode]], rows: dict[int, Extent]) -> dict[int, int]:
    """Give each target a lane of its own as far as there are some: all arrows to one target share its lane."""
    spans: dict[int, tuple[float, float]] = {}
    for target, found in sources.items():
        heights = [rows[target].at(0.5), *(rows[node.row.pk].at(0.75) for node in found)]
        spans[target] = min(heights), max(heights)
    taken: list[list[tuple[float, float]]] = []
    lanes: dict[int, int] = {}
    for target, (top, end) in sorted(spans.items(), key=lambda entry: entry[1][1] - entry[1][0]):
        free = (place for place, held in enumerate(taken) if all(end < low or top > high for low, high in held))
        lane = next(free, len(taken) if len(taken) < MOST_LANES else MOST_LANES - 1)
        if lane == len(taken):
            taken.append([])
        taken[lane].append((top, end))
        lanes[target] = lane
    return lanes
