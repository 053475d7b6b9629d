"""Which series of a chart refer to which: told from the references of their instances, within a bound."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Max, Min

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive.models import Instance, Reference, Series
from pacsbrowser.archive.references import FRAME_OF_REFERENCE, MOST_REFERENCES, OF_LEVELS

# Of a series with more instances than these only the first and the last received are asked what they refer to.
ASKED_WHOLE = 60
_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Edges:
    """What one series refers to: rows of the series, apart from itself, and how many objects are not in the archive.

    `is_sampled`: not all of its instances were asked, so that `missing` is a least number.
    """

    targets: tuple[Series, ...]
    missing: int
    is_sampled: bool


def find_edges(rows: Sequence[Series], scope: Scope) -> dict[int, Edges]:
    """Return what these series refer to, by their keys; series that refer to nothing are left out."""
    named = _named(rows)
    uids = list({uid for found in named.values() for uid in found})
    holders: dict[str, set[int]] = defaultdict(set)
    visible = Instance.objects.visible_to(scope).order_by()
    for at in range(0, len(uids), _CHUNK):
        some = uids[at : at + _CHUNK]
        for uid, series in visible.filter(sop_instance_uid__in=some).values_list("sop_instance_uid", "series_id"):
            holders[uid].add(series)
    targets = {own: _targets(own, found, holders) for own, found in named.items()}
    loaded = Series.objects.select_related("study").in_bulk({key for found in targets.values() for key in found})
    sampled = {row.pk for row in rows if row.instance_count > ASKED_WHOLE}
    edges = {
        own: Edges(
            tuple(loaded[key] for key in sorted(targets[own]) if key in loaded),
            sum(1 for uid in found if not holders.get(uid)),
            own in sampled,
        )
        for own, found in named.items()
    }
    return {own: edge for own, edge in edges.items() if edge.targets or edge.missing}


def _targets(own: int, uids: set[str], holders: dict[str, set[int]]) -> set[int]:
    """Return the series that hold these UIDs; of those with a UID that the series has itself only that one."""
    return {key for uid in uids if own not in holders.get(uid, ()) for key in holders.get(uid, ())}


def _named(rows: Sequence[Series]) -> dict[int, set[str]]:
    """Return the SOP Instance UIDs that the instances of these series name."""
    small = [row.pk for row in rows if row.instance_count <= ASKED_WHOLE]
    large = [row.pk for row in rows if row.instance_count > ASKED_WHOLE]
    live = Instance.objects.live().order_by()
    ends = live.filter(series__in=large).values("series").annotate(first=Min("pk"), last=Max("pk"))
    asked = {pk for row in ends for pk in (row["first"], row["last"])} if large else set()
    references = Reference.objects.exclude(kind__in=(FRAME_OF_REFERENCE, *OF_LEVELS)).order_by()
    named: dict[int, set[str]] = defaultdict(set)
    for chosen in (
        references.filter(instance__in=live.filter(series__in=small)),
        references.filter(instance__in=asked),
    ):
        for series, uid in chosen.values_list("instance__series_id", "target_uid").distinct()[:MOST_REFERENCES]:
            named[series].add(uid)
    return named
