"""From a hierarchy to the boxes of its chart: four columns, heights in proportion, never lower than a readable line."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pacsbrowser.archive.hierarchy import Hierarchy, Part, Rest, SeriesNode, StudyNode
from pacsbrowser.dicom.modality import GROUP_NAMES, GROUPS, modality_group
from pacsbrowser.dicom.values import date_text
from pacsbrowser.pages.chart_edges import Edge, Extent, draw_edges
from pacsbrowser.pages.chart_links import Links
from pacsbrowser.pages.chart_text import fit, harmless, isolate, width_of, wrap, wrap_uid
from pacsbrowser.pages.templatetags.dicom_format import counted, filesize_si

WIDTH = 780
TOP = 46
PATIENT, STUDY, SERIES, INSTANCE = (6, 108), (122, 170), (300, 212), (520, 254)
HEADINGS = (
    ("Patient", "(0010,0020)", PATIENT[0]),
    ("Study", "(0020,000D)", STUDY[0]),
    ("Series", "(0020,000E)", SERIES[0]),
    ("Instance", "(0008,0018)", INSTANCE[0]),
)
# Heights: a box with one line of text; one instance where there are few; all series together, at least, and where
# there are many.
LINE = 26
TALLEST_INSTANCE = 56
SHORTEST = 112
PROPORTIONAL = 640
ROW_OF_INSTANCE = 19
TEXT_STEP = 16
STRIPE = 6
# The widths of the column of instances, of a bar and of cells in it: narrower where arrows are drawn beside it.
WIDE, NARROW = (INSTANCE[1], 150, 170), (186, 110, 104)
TICK_STEP = 5
GAP_HEIGHT = 7.0
BETWEEN_SERIES, BETWEEN_STUDIES = 2, 10


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text; x and y are those of its box's corner."""

    x: float
    y: float
    kind: str
    text: str


@dataclass(slots=True)
class Box:
    """A rectangle that is a link. `group` gives its colour, `kind` how it is filled: box, cell or missing."""

    href: str
    title: str
    group: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    labels: list[Label] = field(default_factory=list)
    ticks: str = ""
    bar: bool = False
    alert: bool = False

    @property
    def alert_at(self) -> float:
        """Where the tip of the warning sign is."""
        return self.width - 14


@dataclass(slots=True)
class Chart:
    """All that is drawn. `notes` are texts beside boxes."""

    height: float = 0.0
    boxes: list[Box] = field(default_factory=list)
    notes: list[Label] = field(default_factory=list)
    groups: list[tuple[str, str, str]] = field(default_factory=list)
    has_gaps: bool = False
    has_alerts: bool = False
    edges: list[Edge] = field(default_factory=list)
    width: float = WIDTH
    headings: tuple[tuple[str, str, int], ...] = HEADINGS

    @property
    def has_arrows(self) -> bool:
        """Whether any arrow leads to what is in the archive."""
        return any(not edge.is_dangling for edge in self.edges)

    @property
    def has_dangling(self) -> bool:
        """Whether anything is referred to that is not in the archive."""
        return any(edge.is_dangling for edge in self.edges)


def lay_out(tree: Hierarchy, links: Links, by_bytes: bool) -> Chart:
    """Return the chart of `tree`, with heights in proportion to instances or to bytes."""
    return _Layout(tree, links, by_bytes).drawn()


class _Layout:
    """One drawing in the making: the pen's height and what it drew."""

    def __init__(self, tree: Hierarchy, links: Links, by_bytes: bool) -> None:
        self.tree, self.links, self.by_bytes = tree, links, by_bytes
        self.chart = Chart()
        self.extents: dict[int, Extent] = {}
        has_edges = any(node.edges for study in tree.studies for node in study.series)
        self.room, self.bar, self.cells = NARROW if has_edges else WIDE
        rows = sum(len(study.series) + bool(study.rest) for study in tree.studies)
        weight = sum(self._weight(row) for study in tree.studies for row in _rows(study))
        instances = sum(study.row.instance_count for study in tree.studies)
        # With many rows their least heights would drown the proportions: the proportional part grows with them.
        tall = max(SHORTEST, min(TALLEST_INSTANCE * instances, max(PROPORTIONAL, rows * LINE / 2)))
        self.scale = tall / weight if weight else 0.0

    def drawn(self) -> Chart:
        """Draw all and return it."""
        y = float(TOP)
        for study in self.tree.studies:
            y = self._study(study, y) + BETWEEN_STUDIES
        end = max(y - BETWEEN_STUDIES, TOP + LINE)
        self.chart.boxes.insert(0, self._patient(end - TOP))
        self.chart.height = end + 10
        nodes = [node for study in self.tree.studies for node in study.series]
        self.chart.edges, edge = draw_edges(nodes, self.extents)
        self.chart.width = round(max(WIDTH, edge + 4))
        self.chart.groups = self._groups()
        self.chart.has_alerts = any(box.alert for box in self.chart.boxes)
        return self.chart

    def _groups(self) -> list[tuple[str, str, str]]:
        """Return what the legend explains: each colour once, with the modality that has it most often."""
        counts = Counter(node.row.modality for study in self.tree.studies for node in study.series)
        found = {modality_group(name): harmless(name)[:12] or "–" for name, _ in reversed(counts.most_common())}
        return [(group, found[group], GROUP_NAMES[group]) for group in GROUPS if group in found]

    def _weight(self, row: SeriesNode | Rest) -> int:
        if isinstance(row, Rest):
            return row.size if self.by_bytes else row.instances
        return row.row.size if self.by_bytes else row.row.instance_count

    def _patient(self, height: float) -> Box:
        patient, totals = self.tree.patient, self.tree.totals
        name = harmless(patient.name_display) or "(no name)"
        number = harmless(patient.patient_id) or "No ID"
        room = PATIENT[1] - 20
        texts = [("b", isolate(line)) for line in wrap(name, room, _lines(height, 5), bold=True)]
        texts += [("t3", line) for line in wrap_uid(number, room, _lines(height, 4))]
        texts += [("t2", counted(totals.studies, "study")), ("t2", counted(totals.series, "series"))]
        texts += [("t2", counted(totals.instances, "instance")), ("t2", filesize_si(totals.size))]
        title = f"Patient {name}, {number}, {counted(totals.studies, 'study')}, {counted(totals.instances, 'instance')}"
        box = Box(self.links.patient(patient), title, "pat", "box", PATIENT[0], TOP, PATIENT[1], height)
        box.labels = _stack(texts, height)
        return box

    def _study(self, study: StudyNode, top: float) -> float:
        """Draw a study with its series and return where it ends."""
        place = len(self.chart.boxes)
        y = top
        for row in _rows(study):
            height = round(max(LINE, self.scale * self._weight(row)), 1)
            if isinstance(row, Rest):
                self._rest(study, row, y, height)
            else:
                self._series(study, row, y, height)
            y += height + BETWEEN_SERIES
        height = max(LINE, y - BETWEEN_SERIES - top)
        self.chart.boxes.insert(place, self._study_box(study, top, height))
        return top + height

    def _study_box(self, study: StudyNode, top: float, height: float) -> Box:
        row = study.row
        day = harmless(date_text(row.study_date)) or "no date"
        description = harmless(row.study_description)
        counts = f"{counted(row.series_count, 'series')} · {self._amount(row.instance_count, row.size)}"
        room = STUDY[1] - 20 - (18 if study.findings else 0)
        if height < LINE + TEXT_STEP - 6:
            texts = [("b", fit(f"{day} {isolate(description)}", room, bold=True))]
        else:
            spare = int((height - 10) // TEXT_STEP) - 3
            texts = [("b", fit(day, room, bold=True))]
            texts += [("", isolate(line)) for line in wrap(description, room, max(1, min(3, spare)))]
            texts += [("t2", fit(counts, STUDY[1] - 20, 11))]
            uid_lines = wrap_uid(row.study_instance_uid, STUDY[1] - 20, _lines(height, len(texts)))
            texts += [("t3", line) for line in uid_lines]
        title = f"Study {day}, {description or 'no description'}, {counts}{_said(study.findings)}"
        group = modality_group(_leading_modality(study))
        box = Box(self.links.study(study), title, group, "box", STUDY[0], top, STUDY[1], round(height, 1))
        box.labels, box.alert = _stack(texts, height), bool(study.findings)
        return box

    def _rest(self, study: StudyNode, rest: Rest, top: float, height: float) -> None:
        text = f"{rest.series:,} more series · {self._amount(rest.instances, rest.size)}"
        title = f"{rest.series:,} more series, {counted(rest.instances, 'instance')}: the study's own chart"
        box = Box(self.links.study_chart(study), title, "", "box", SERIES[0], top, SERIES[1], height)
        box.labels = [Label(12, 17, "t2", fit(text, SERIES[1] - 20, 11))]
        self.chart.boxes.append(box)

    def _series(self, study: StudyNode, series: SeriesNode, top: float, height: float) -> None:
        row = series.row
        group = modality_group(row.modality)
        modality = harmless(row.modality) or "–"
        name = harmless(row.series_description or row.protocol_name) or "(no description)"
        label = f"{harmless(row.series_number) or '–'} · {isolate(name)}"
        counts = self._amount(row.instance_count, row.size)
        missing = f", {row.missing_count:,} missing" if row.missing_count and series.by_number else ""
        warned = bool(series.findings or missing)
        indent = 12 + max(34, width_of(fit(modality, 80, bold=True), bold=True) + 8)
        box = Box(self.links.series(study, series), "", group, "box", SERIES[0], top, SERIES[1], height, bar=True)
        box.title = f"Series {label}, {modality}, {counts}{missing}{_said(series.findings)}"
        box.labels = [
            Label(12, 17, "b", fit(modality, 80, bold=True)),
            Label(indent, 17, "", fit(label, SERIES[1] - indent - (24 if warned else 8))),
        ]
        texts = [("t2", fit(counts + missing, SERIES[1] - 20, 11))]
        texts += [("t3", line) for line in wrap_uid(row.series_instance_uid, SERIES[1] - 20, _lines(height, 2))]
        box.labels += _stack(texts, height, first=34)
        box.alert = warned
        self.chart.boxes.append(box)
        boxes, notes = len(self.chart.boxes), len(self.chart.notes)
        self._instances(study, series, group, top, height)
        ends = [box.x + box.width for box in self.chart.boxes[boxes:]]
        ends += [note.x + width_of(note.text, 11) for note in self.chart.notes[notes:]]
        self.extents[row.pk] = Extent(top, height, round(max(ends, default=INSTANCE[0]), 1))

    def _amount(self, instances: int, size: int) -> str:
        text = counted(instances, "instance")
        return f"{text} · {filesize_si(size)}" if self.by_bytes else text

    def _instances(self, study: StudyNode, series: SeriesNode, group: str, top: float, height: float) -> None:
        self.chart.has_gaps |= any(part.missing for part in series.parts)
        if not series.is_listed:
            self._ranges(study, series, group, top, height)
        elif height / len(series.parts) >= ROW_OF_INSTANCE:
            self._lines(study, series, group, top, height)
        elif height / len(series.parts) >= STRIPE:
            self._stripes(study, series, group, top, height)
        else:
            self._cells(study, series, group, top, height)

    def _part(self, study: StudyNode, series: SeriesNode, part: Part, group: str, kind: str) -> Box:
        """Return the box of a part, its place still to be set."""
        href = self.links.part(study, series, part)
        name = harmless(series.row.series_number) or "without number"
        title = f"{part_text(part, series.by_number)}, series {name}"
        return Box(href, title, group, "missing" if part.missing else kind, 0, 0, 0, 0)

    def _lines(self, study: StudyNode, series: SeriesNode, group: str, top: float, height: float) -> None:
        """Few instances: a line each, with its number and its UID."""
        step = height / len(series.parts)
        for place, part in enumerate(series.parts):
            box = self._part(study, series, part, group, "box")
            box.x, box.y, box.width = INSTANCE[0], round(top + place * step, 1), self.room
            box.height = round(step - (1 if place < len(series.parts) - 1 else 0), 1)
            baseline = min(17.0, round(box.height / 2 + 4, 1))
            if part.missing:
                box.labels = [Label(10, baseline, "t2", part_text(part, True))]
            else:
                number = harmless(part.number) or "–"
                box.labels = [Label(10, baseline, "b", fit(number, 60, bold=True))]
                x = 10 + max(22, width_of(fit(number, 60, bold=True), bold=True) + 8)
                room = self.room - x - 6
                for line, text in enumerate(wrap_uid(part.uid, room, _lines(box.height, 0))):
                    box.labels.append(Label(x, baseline + line * 14, "t3", text))
            self.chart.boxes.append(box)

    def _stripes(self, study: StudyNode, series: SeriesNode, group: str, top: float, height: float) -> None:
        """Some instances and much height: a stripe each, so that the series looks like the stack it is."""
        step = height / len(series.parts)
        for place, part in enumerate(series.parts):
            box = self._part(study, series, part, group, "cell")
            box.x, box.y = INSTANCE[0], round(top + place * step, 1)
            box.width, box.height = self.bar, round(step - 1, 1)
            self.chart.boxes.append(box)
        x = INSTANCE[0] + self.bar + 8
        ends = (harmless(series.parts[0].number), top + 10), (harmless(series.parts[-1].number), top + height - 3)
        self.chart.notes += [Label(x, round(y, 1), "t2", fit(text, 80, 11)) for text, y in ends if text]

    def _cells(self, study: StudyNode, series: SeriesNode, group: str, top: float, height: float) -> None:
        """Some instances: a small cell each, in as many rows as there is height for."""
        count = len(series.parts)
        rows = min(count, max(1, int(height // 13)))
        columns = -(-count // rows)
        rows = -(-count // columns)
        width, step = min(14.0, self.cells / columns), height / rows
        for place, part in enumerate(series.parts):
            box = self._part(study, series, part, group, "cell")
            box.x, box.y = round(INSTANCE[0] + place % columns * width, 1), round(top + place // columns * step, 1)
            box.width, box.height = round(width - 1, 1), round(step - 1, 1)
            self.chart.boxes.append(box)
        text = counted(series.row.instance_count, "instance")
        self.chart.notes.append(Label(round(INSTANCE[0] + columns * width + 6, 1), top + 17, "t2", text))

    def _ranges(self, study: StudyNode, series: SeriesNode, group: str, top: float, height: float) -> None:
        """Many instances: a bar a range, in proportion, and each gap as a strip that is always seen."""
        gaps = sum(part.missing for part in series.parts)
        strip = min(GAP_HEIGHT, height * 0.4 / gaps) if gaps else 0.0
        a_bar = (height - strip * gaps) / max(1, sum(part.count for part in series.parts if not part.missing))
        y, free = top, top
        for part in series.parts:
            box = self._part(study, series, part, group, "cell")
            tall = strip if part.missing else part.count * a_bar
            inset = 2 if part.missing else 0
            box.x, box.y = INSTANCE[0] - inset, round(y, 1)
            box.width, box.height = self.bar + 2 * inset, round(max(tall, 0.5), 1)
            if not part.missing:
                box.ticks = _ticks(box, part.count)
            self.chart.boxes.append(box)
            free = self._note(part, series, y, tall, free, top + height)
            y += tall

    def _note(self, part: Part, series: SeriesNode, y: float, tall: float, free: float, end: float) -> float:
        """Write numbers beside a bar, unless they would run into those above; return where there is room again.

        Where a range between two gaps begins and ends, the gaps say.
        """
        first, last = part is series.parts[0], part is series.parts[-1]
        if part.missing:
            wanted = [(y + tall / 2 + 4, f"{_span(part)} missing")]
        elif first and last and tall < 2 * 13:
            wanted = [(y + min(tall, 22) / 2 + 4, _span(part))]
        else:
            wanted = [(y + 10, f"{part.first:,}")] * first + [(max(y, end - 12) + 10, f"{part.last:,}")] * last
        for baseline, text in wanted:
            if baseline - 10 >= free and baseline <= end + 4:
                self.chart.notes.append(Label(INSTANCE[0] + self.bar + 8, round(baseline, 1), "t2", text))
                free = baseline + 1
        return free


def part_text(part: Part, by_number: bool) -> str:
    """Return what a part is, in words: Instance 7; Instances 1 to 206; 207 to 209 missing."""
    if part.uid:
        return f"Instance {harmless(part.number) or 'without number'}"
    if part.missing:
        return f"{_span(part)} missing"
    return f"{'Instances' if by_number else 'Places'} {_span(part)}"


def _span(part: Part) -> str:
    return f"{part.first:,}" if part.first == part.last else f"{part.first:,} to {part.last:,}"


def _rows(study: StudyNode) -> Iterator[SeriesNode | Rest]:
    yield from study.series
    if study.rest:
        yield study.rest


def _leading_modality(study: StudyNode) -> str:
    """Return the modality with the most instances: what a mixed study is coloured by."""
    counts: dict[str, int] = {}
    for series in study.series:
        counts[series.row.modality] = counts.get(series.row.modality, 0) + series.row.instance_count
    return max(counts, key=lambda modality: counts[modality]) if counts else study.row.modalities.partition("\\")[0]


def _said(findings: int) -> str:
    return f", {counted(findings, 'finding')}" if findings else ""


def _lines(height: float, used: int) -> int:
    """Return how many more lines of text a box has room for, at least one."""
    return max(1, int((height - 10) // TEXT_STEP) - used)


def _stack(texts: list[tuple[str, str]], height: float, first: float = 17.0) -> list[Label]:
    """Return lines of text below each other, as many as the box has room for."""
    x = 10 if first == 17 else 12
    labels = [Label(x, first + TEXT_STEP * place, kind, text) for place, (kind, text) in enumerate(texts)]
    return [label for label in labels if label.y <= max(17.0, height - 6)]


def _ticks(box: Box, count: int) -> str:
    """Return a path of lines across a bar that make it look like a stack."""
    lines = min(count - 1, int(box.height // TICK_STEP))
    step = box.height / (lines + 1)
    return "".join(f"M{box.x} {box.y + step * line:.1f}h{box.width}" for line in range(1, lines + 1))
