"""What a hierarchy chart shows: the tree of a patient or a study in a bounded number of queries and rows.

The tree never holds one row an instance where there are many: a series of over `LISTED_INSTANCES` is told as ranges
of instance numbers (0020,0013) and the gaps between them; studies and series beyond a page are counted, not read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, F, OuterRef, Q, Subquery, Sum, Window
from django.db.models.functions import RowNumber

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import browsing, ordering
from pacsbrowser.archive.inbox import finding_counts, is_key
from pacsbrowser.archive.models import Instance, Patient, Series, Study
from pacsbrowser.archive.models.levels import StudyQuerySet
from pacsbrowser.archive.reference_edges import Edges, find_edges

# A series with up to so many instances has them listed one by one, as long as the whole chart stays within the total.
LISTED_INSTANCES = 60
LISTED_IN_TOTAL = 240
# More gaps than these are told by their number, not one by one.
LISTED_GAPS = 40
STUDIES_A_PAGE = 50
SERIES_A_PAGE = 120
# Series rows of a patient's chart: shared out between its studies, each of which shows at least two.
SERIES_ROWS = 200
# By Series Number (0020,0011); series without one come last.
IN_ORDER = (F("series_number_value").asc(nulls_last=True), F("id").asc())


@dataclass(frozen=True, slots=True)
class Part:
    """A single instance, a range of instances without a gap, or a gap in the instance numbers."""

    first: int
    last: int
    count: int
    missing: bool = False
    uid: str = ""
    number: str = ""


@dataclass(slots=True)
class SeriesNode:
    """A series with what is known of its instances; `more_gaps` when it has more gaps than are told.

    `edges` are what it refers to, None where it refers to nothing.
    """

    row: Series
    findings: int = 0
    parts: list[Part] = field(default_factory=list)
    more_gaps: bool = False
    edges: Edges | None = None

    @property
    def by_number(self) -> bool:
        """Whether the places in the series are Instance Numbers, so that one can be missing."""
        return self.row.order_rule == ordering.BY_NUMBER

    @property
    def is_listed(self) -> bool:
        """Whether each part is one instance."""
        return bool(self.parts) and all(part.uid for part in self.parts if not part.missing)


@dataclass(frozen=True, slots=True)
class Rest:
    """Series of a study that the chart counts but does not list."""

    series: int
    instances: int
    size: int


@dataclass(slots=True)
class StudyNode:
    """A study with the series that are listed. `is_shared`: the viewer sees other studies of the same UID."""

    row: Study
    findings: int = 0
    is_shared: bool = False
    series: list[SeriesNode] = field(default_factory=list)
    rest: Rest | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """What there is in all, on this page of the chart or not."""

    studies: int
    series: int
    instances: int
    size: int


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A patient's tree, whole or a page of it; `next` is the cursor of the page after it."""

    patient: Patient
    totals: Totals
    studies: list[StudyNode]
    is_first: bool
    next: str = ""
    left: int = 0


def find_patient_hierarchy(patient: Patient, scope: Scope, after: str = "") -> Hierarchy:
    """Return a page of the studies of `patient` in `scope`, newest first, with their series and instances."""
    studies = Study.objects.visible_to(scope).filter(patient=patient)
    page = studies.order_by("-date_sort", "-id")
    cursor = studies.filter(pk=after).values_list("date_sort", "id").first() if is_key(after) else None
    if cursor:
        page = page.filter(Q(date_sort__lt=cursor[0]) | Q(date_sort=cursor[0], id__lt=cursor[1]))
    left = max(0, page.count() - STUDIES_A_PAGE)
    nodes = _study_nodes(page[:STUDIES_A_PAGE], scope)
    _add_series(nodes, max(2, SERIES_ROWS // max(1, len(nodes))))
    _finish(nodes, scope)
    following = str(nodes[-1].row.pk) if left else ""
    return Hierarchy(patient, _totals(studies), nodes, cursor is None, following, left)


def find_study_hierarchy(study: Study, scope: Scope, after: str = "") -> Hierarchy:
    """Return one study (already found visible) with up to a page of its series."""
    studies = Study.objects.visible_to(scope).filter(pk=study.pk)
    nodes = _study_nodes(studies, scope)
    ordered = Series.objects.filter(study=study.pk, instance_count__gt=0).order_by(*IN_ORDER)
    order = list(ordered.values_list("pk", flat=True))
    key = int(after) if is_key(after) else 0
    start = order.index(key) + 1 if key in order else 0
    listed, left = order[start : start + SERIES_A_PAGE], max(0, len(order) - start - SERIES_A_PAGE)
    for node in nodes:
        node.series = [SeriesNode(row) for row in ordered.filter(pk__in=listed)]
    _finish(nodes, scope)
    return Hierarchy(study.patient, _totals(studies), nodes, start == 0, str(listed[-1]) if left else "", left)


def find_parts(series: Series, first: int, last: int, limit: int) -> tuple[list[Part], Part | None]:
    """Return up to `limit` instances of `series` from position `first` to `last`, with the gaps; and what remains."""
    rows = (
        Instance.objects.live()
        .filter(series=series, position__gte=first, position__lte=last)
        .order_by("position", "id")
        .values_list("position", "sop_instance_uid", "instance_number")[: limit + 1]
    )
    found = [Part(position, position, 1, uid=uid, number=number) for position, uid, number in rows]
    node = SeriesNode(series)
    for part in found[:limit]:
        _append(node, part)
    if len(found) <= limit:
        return node.parts, None
    rest_from = found[limit].first
    left = Instance.objects.live().filter(series=series, position__gte=rest_from, position__lte=last).count()
    return node.parts, Part(rest_from, last, left)


def _totals(studies: StudyQuerySet) -> Totals:
    """Sum up studies: the patient's own columns count studies that this viewer may not see."""
    sums = studies.aggregate(
        studies=Count("pk"),
        series=Sum("series_count", default=0),
        instances=Sum("instance_count", default=0),
        size=Sum("size", default=0),
    )
    return Totals(**sums)


def _study_nodes(studies: Iterable[Study], scope: Scope) -> list[StudyNode]:
    rows = list(studies)
    counts = finding_counts(rows, scope)
    nodes = [StudyNode(row, counts.get(row.pk, 0)) for row in rows]
    shared = Study.objects.visible_to(scope).shared_uids(row.study_instance_uid for row in rows)
    for node in nodes:
        node.is_shared = node.row.study_instance_uid in shared
    return nodes


def _add_series(nodes: Sequence[StudyNode], rows: int) -> None:
    """Give each study its first `rows` series; where there are more, one row less and what remains in numbers."""
    by_pk = {node.row.pk: node for node in nodes}
    place = Window(RowNumber(), partition_by="study", order_by=IN_ORDER)
    ranked = Series.objects.filter(study__in=by_pk, instance_count__gt=0).annotate(place=place)
    for row in ranked.filter(place__lte=rows).order_by("study", *IN_ORDER):
        by_pk[row.study_id].series.append(SeriesNode(row))
    for node in nodes:
        if node.row.series_count > rows:
            node.series = node.series[: rows - 1]
        rest = node.row.series_count - len(node.series)
        if rest > 0:
            instances = node.row.instance_count - sum(series.row.instance_count for series in node.series)
            node.rest = Rest(rest, instances, node.row.size - sum(series.row.size for series in node.series))


def _finish(nodes: Sequence[StudyNode], scope: Scope) -> None:
    """Add to the series what is known of their findings and their instances."""
    series_list = [series for node in nodes for series in node.series]
    counts = finding_counts([series.row for series in series_list], scope)
    for series in series_list:
        series.findings = counts.get(series.row.pk, 0)
    edges = find_edges([series.row for series in series_list], scope)
    for series in series_list:
        series.edges = edges.get(series.row.pk)
    _add_instances(series_list)


def _add_instances(series_list: Sequence[SeriesNode]) -> None:
    """List the instances of the smallest series, as many as the chart may hold, and tell the others as ranges."""
    left = LISTED_IN_TOTAL
    listed: dict[int, SeriesNode] = {}
    told: dict[int, SeriesNode] = {}
    for series in sorted(series_list, key=lambda node: node.row.instance_count):
        ordering.ensure_ordered(series.row)
        if series.row.instance_count <= min(LISTED_INSTANCES, left):
            listed[series.row.pk] = series
            left -= series.row.instance_count
        else:
            told[series.row.pk] = series
    _list_instances(listed)
    _tell_ranges(told)


def _list_instances(listed: dict[int, SeriesNode]) -> None:
    rows = (
        Instance.objects.live()
        .filter(series__in=listed)
        .order_by("series", "position", "id")
        .values_list("series", "position", "sop_instance_uid", "instance_number")
    )
    for pk, position, uid, number in rows:
        _append(listed[pk], Part(position, position, 1, uid=uid, number=number))


def _append(node: SeriesNode, part: Part) -> None:
    """Add an instance to the parts of a series, and before it the gap in the numbers if there is one."""
    before = node.parts[-1].last if node.parts else part.first
    if node.row.missing_count and node.by_number and part.first > before + 1:
        node.parts.append(_gap(before + 1, part.first - 1))
    node.parts.append(part)


def _tell_ranges(told: dict[int, SeriesNode]) -> None:
    """Tell series as ranges: two seeks in the index for the ends, one walk of those that have gaps."""
    if not told:
        return
    positions = Instance.objects.live().filter(series=OuterRef("pk")).values("position")
    ends = Series.objects.filter(pk__in=told).values_list(
        "pk",
        Subquery(positions.order_by("position", "id")[:1]),
        Subquery(positions.order_by("-position", "-id")[:1]),
    )
    gaps = browsing.find_gaps([series.row for series in told.values()], limit=LISTED_GAPS + 1)
    for pk, first, last in ends:
        if first is not None:
            _add_ranges(told[pk], first, last, gaps.get(pk, []))


def _add_ranges(series: SeriesNode, first: int, last: int, gaps: list[browsing.Gap]) -> None:
    series.more_gaps = len(gaps) > LISTED_GAPS
    left = series.row.instance_count
    for gap in gaps[:LISTED_GAPS]:
        count = gap.first - first
        series.parts += [Part(first, gap.first - 1, count), _gap(gap.first, gap.last)]
        first, left = gap.last + 1, left - count
    series.parts.append(Part(first, last, left))


def _gap(first: int, last: int) -> Part:
    return Part(first, last, last - first + 1, missing=True)
