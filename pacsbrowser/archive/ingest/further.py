"""The common case: further objects of series that are here, about which there is nothing to say.

Most of what arrives is the next slice of a series. `writer` finds out what to do with an object from a dozen models;
here two questions tell that nothing special is to be done, and a few statements do it. Whatever is special in any way
(a new series, a UID that is known, a finding, a value that differs, a number given twice) is left to the writer, and
what is written is the same either way.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from pacsbrowser.archive import ordering
from pacsbrowser.archive.counters import free_places
from pacsbrowser.archive.ingest import references, results, rows
from pacsbrowser.archive.ingest.arrival import Arrival
from pacsbrowser.archive.ingest.results import IngestResult
from pacsbrowser.archive.models import Blob, Instance, Outcome, Series
from pacsbrowser.statements import Statements, as_stored, marks, statements

# What all objects of a patient, study and series say alike, as columns of the three and as keywords; the institution of
# a study is last, for it may differ between series.
_COMPARED = (
    ("patient", rows.PATIENT_ATTRIBUTES), ("study", rows.STUDY_ATTRIBUTES), ("series", rows.SERIES_ATTRIBUTES),
    ("study", rows.STUDY_FROM_EQUIPMENT),
)  # fmt: skip
_said = itemgetter(*(keyword for _, attributes in _COMPARED for keyword in attributes.values()))
_COLUMNS = ", ".join(f"{table}.{column}" for table, attributes in _COMPARED for column in attributes)

_HOME = f"""SELECT series.id, series.study_id, study.patient_id, series.order_rule, series.lowest_number,
    series.highest_number, series.instance_count, {_COLUMNS}
    FROM archive_study study
    JOIN archive_series series ON series.study_id = study.id AND series.series_instance_uid = %s
    JOIN archive_patient patient ON patient.id = study.patient_id
    WHERE study.study_instance_uid = %s AND study.received_identity_key = %s"""  # noqa: S608 names of columns
_TAKEN = "SELECT sop_instance_uid FROM archive_instance WHERE sop_instance_uid IN ({})"
_NUMBERED = (
    "SELECT 1 FROM archive_instance WHERE series_id = %s AND removal_id IS NULL AND position BETWEEN %s AND %s"
    " AND position IN ({}) LIMIT 1"
)
_GROW_SERIES = """UPDATE archive_series SET instance_count = instance_count + %s, frame_count = frame_count + %s,
    size = size + %s, change_seq = change_seq + 1, lowest_number = %s, highest_number = %s, missing_count = %s,
    received = %s WHERE id = %s"""
_GROW_STUDY = """UPDATE archive_study SET instance_count = instance_count + %s, size = size + %s, received = %s
    WHERE id = %s"""
_GROW_PATIENT = "UPDATE archive_patient SET instance_count = instance_count + %s, size = size + %s WHERE id = %s"


@dataclass(slots=True)
class Home:
    """A series that is here, with the rows above it and what the group adds to it."""

    series: int
    study: int
    patient: int
    order_rule: str
    lowest: int
    highest: int
    count: int
    shown: tuple[Any, ...]
    arrivals: list[Arrival] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0
    frames: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether it is in the order of its numbers; one whose objects are all in the trash gets back what it lost."""
        has_ends = self.lowest is not None and self.highest is not None
        return self.count > 0 and self.order_rule == ordering.BY_NUMBER and has_ends

    def agrees(self, said: tuple[str, ...]) -> bool:
        """Whether an object says nothing that differs from what is shown, or that is shown nowhere yet."""
        if said == self.shown:
            return True
        *alike, institution = zip(said, self.shown, strict=True)
        return all(not value or value == here for value, here in alike) and not (institution[0] and not institution[1])


@dataclass(slots=True)
class Further:
    """What became of the further objects of a group: their results by the arrivals' ids, and new ones by study.

    `homeless`: those that lack nothing but a series that is here; once their first is, the others are further ones.
    """

    results: dict[int, IngestResult] = field(default_factory=dict)
    new_in_study: list[tuple[Arrival, int]] = field(default_factory=list)
    homeless: list[Arrival] = field(default_factory=list)


def write(arrivals: Sequence[Arrival], now: datetime) -> Further:
    """Write those of a group that are merely the next of their series; inside a transaction."""
    with statements() as link:
        written = Further()
        homes = [home for home in _homes(link, arrivals, now, written) if _numbers_are_free(link, home)]
        # rows are locked by everybody in the order of their keys
        for home in sorted(homes, key=lambda home: home.series):
            _insert(link, home, written)
            _grow_series(link, home, now)
        _grow_above(link, homes, now)
    return written


def series_key(arrival: Arrival) -> tuple[str, str, str]:
    """Return what says which series an object belongs to."""
    return arrival.header.series_instance_uid, arrival.header.study_instance_uid, arrival.identity_key


def _homes(link: Statements, arrivals: Sequence[Arrival], now: datetime, written: Further) -> list[Home]:
    """Return the series at hand with the arrivals that are nothing but further objects of them."""
    candidates = [arrival for arrival in arrivals if not arrival.header.findings]
    if not candidates:
        return []
    uids = [arrival.header.sop_instance_uid for arrival in candidates]
    taken = {uid for (uid,) in link.ask(_TAKEN.format(marks(uids)), uids)}
    if len(set(uids)) < len(uids):
        taken |= {uid for uid, count in Counter(uids).items() if count > 1}
    homes: dict[tuple[str, str, str], Home | None] = {}
    for arrival in candidates:
        if arrival.header.sop_instance_uid in taken:
            continue
        key = series_key(arrival)
        if key not in homes:
            homes[key] = _home(link, key)
        home = homes[key]
        if home is None:
            written.homeless.append(arrival)
        elif home.is_plain and home.agrees(_said(arrival.header.values)):
            home.arrivals.append(arrival)
            home.columns.append(arrival.columns(now))
    return [home for home in homes.values() if home is not None and home.arrivals]


def _home(link: Statements, key: tuple[str, str, str]) -> Home | None:
    for series, study, patient, rule, lowest, highest, count, *shown in link.ask(_HOME, key):
        return Home(series, study, patient, rule, lowest, highest, count, tuple(shown))
    return None


def _numbers_are_free(link: Statements, home: Home) -> bool:
    """Whether the series stays in the order of its numbers (see `archive.ordering`)."""
    numbers = [columns["instance_number_value"] for columns in home.columns]
    if None in numbers or len(set(numbers)) < len(numbers):
        return False
    first, last = min(numbers), max(numbers)
    if last < home.lowest or first > home.highest:
        return True
    return not link.ask(_NUMBERED.format(marks(numbers)), [home.series, first, last, *numbers])


def _insert(link: Statements, home: Home, written: Further) -> None:
    named = []
    for arrival, columns in zip(home.arrivals, home.columns, strict=True):
        staged, header = arrival.staged, arrival.header
        file = {"sha256": staged.sha256, "path": arrival.relative, "size": staged.size}
        columns["series_id"], columns["blob_id"] = home.series, link.insert(Blob, file)
        key = link.insert(Instance, columns)
        home.size += staged.size
        home.frames += columns["number_of_frames"]
        if header.references:
            named.append((key, header))
        written.results[id(arrival)] = results.accepted(staged, header, Outcome.STORED, instance_id=key)
        written.new_in_study.append((arrival, home.study))
    references.save(named)


def _grow_series(link: Statements, home: Home, now: datetime) -> None:
    numbers = [columns["instance_number_value"] for columns in home.columns]
    lowest, highest = min(home.lowest, *numbers), max(home.highest, *numbers)
    added = len(numbers)
    missing = free_places(lowest, highest, home.count + added)
    moment = as_stored(Series, "received", now)
    link.run(_GROW_SERIES, (added, home.frames, home.size, lowest, highest, missing, moment, home.series))


def _grow_above(link: Statements, homes: Sequence[Home], now: datetime) -> None:
    moment = as_stored(Series, "received", now)
    for study, count, size in _sums((home.study, len(home.arrivals), home.size) for home in homes):
        link.run(_GROW_STUDY, (count, size, moment, study))
    for patient, count, size in _sums((home.patient, len(home.arrivals), home.size) for home in homes):
        link.run(_GROW_PATIENT, (count, size, patient))


def _sums(grown: Iterator[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Add up counts and sizes by key, in the order of the keys."""
    sums: dict[int, tuple[int, int]] = {}
    for key, count, size in grown:
        before = sums.get(key, (0, 0))
        sums[key] = (before[0] + count, before[1] + size)
    return [(key, *sums[key]) for key in sorted(sums)]
