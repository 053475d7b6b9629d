"""What the study page shows: its attributes, where it came from, and a page of its series by number."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.http import QueryDict

from pacsbrowser.archive import browsing
from pacsbrowser.archive.browsing import Gap
from pacsbrowser.archive.inbox import finding_counts, is_key, open_findings_of
from pacsbrowser.archive.models import Delivery, DeliveryStudy, Instance, Series, Study
from pacsbrowser.archive.viewing import has_pictures
from pacsbrowser.pages.lookup import Place
from pacsbrowser.pages.patient_page import study_cards
from pacsbrowser.pages.thumbs import Thumb, series_thumb
from pacsbrowser.pages.wording import finding_lines

PAGE = 100
# Name in the URL, icon, label.
VIEWS = (("cards", "grid", "Cards"), ("table", "rows", "Table"))
OTHER_STUDIES = 4


@dataclass(frozen=True, slots=True)
class SeriesCard:
    """A series with what kind of objects it holds, its thumbnail, the gaps in its numbers and its findings."""

    series: Series
    sop_class_uid: str
    thumb: Thumb
    findings: int
    gaps: list[Gap] = field(default_factory=list)

    @property
    def whole_count(self) -> int:
        """How many instances there would be if no number were missing."""
        return self.series.instance_count + self.series.missing_count

    @property
    def has_more_frames(self) -> bool:
        """Whether frames are worth a word beside instances."""
        return self.series.frame_count > self.series.instance_count


def context(place: Place, query: QueryDict) -> dict[str, Any]:
    """Return the context of a study's page."""
    rows = _page(browsing.series_of_study(place.study, place.scope), query.get("after", ""))
    newer, older = browsing.neighbours_of_study(place.study, place.scope)
    view = query.get("view", "")
    return {
        "place": place,
        "patient": place.patient,
        "study": place.study,
        "cards": series_cards(rows[:PAGE], place),
        "more": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "continued": "after" in query,
        "is_viewable": has_pictures(place.study),
        "views": VIEWS,
        "view": view if view == "table" else "cards",
        "previous": _one_card(newer, place),
        "following": _one_card(older, place),
        "others": _other_studies(place),
        "deliveries": _deliveries(place.study),
        **banner(place),
        **findings_context(place),
    }


def banner(place: Place) -> dict[str, Any]:
    """Return what the patient banner says of findings."""
    counts = finding_counts([place.patient], place.scope)
    return {"patient_findings": counts.get(place.patient.pk, 0)}


def findings_context(place: Place) -> dict[str, Any]:
    """Return the notice on an object's findings: how many are open, and the first of them in words."""
    rows = open_findings_of(place.row, place.scope)
    lines = finding_lines(rows[:3])
    count = len(lines) if len(lines) < 3 else rows.count()
    query = f"?{place.level}={place.row.pk}"
    return {"finding_lines": lines, "finding_count": count, "findings_query": query}


def series_cards(rows: list[Series], place: Place) -> list[SeriesCard]:
    """Return series with what their cards show, in as many queries whatever their number."""
    gaps = browsing.find_small_gaps(rows)
    counts = finding_counts(rows, place.scope)
    firsts = _first_instances(rows)
    return [_card(series, firsts.get(series.pk), counts, gaps, place) for series in rows]


def _card(
    series: Series, first: Instance | None, counts: Mapping[int, int], gaps: Mapping[int, list[Gap]], place: Place
) -> SeriesCard:
    thumb = series_thumb(series, first, place)
    return SeriesCard(series, thumb.sop_class_uid, thumb, counts.get(series.pk, 0), gaps.get(series.pk, []))


def _first_instances(rows: list[Series]) -> dict[int, Instance]:
    """Return the first instance of each series, by the key of the series."""
    earliest = Instance.objects.live().filter(series=OuterRef("pk")).order_by("position", "pk")
    first = Subquery(earliest.values("pk")[:1])
    keys = Series.objects.filter(pk__in=[row.pk for row in rows]).values_list(first, flat=True)
    return {instance.series_id: instance for instance in Instance.objects.filter(pk__in=list(keys))}


def _page(rows: QuerySet[Series], after: str) -> list[Series]:
    last = rows.filter(pk=int(after)).first() if is_key(after) else None
    if last and last.series_number_value is None:
        rows = rows.filter(series_number_value=None, pk__gt=last.pk)
    elif last:
        number = last.series_number_value
        beyond = Q(series_number_value__gt=number) | Q(series_number_value=None)
        rows = rows.filter(beyond | Q(series_number_value=number, pk__gt=last.pk))
    return list(rows[: PAGE + 1])


def _one_card(study: Study | None, place: Place) -> Any:
    return study_cards([study], place.scope)[0] if study else None


def _other_studies(place: Place) -> list[Any]:
    """Return earlier studies of the patient, the latest first."""
    rows = Study.objects.visible_to(place.scope).filter(patient=place.patient).exclude(pk=place.study.pk)
    if place.study.date_sort:
        rows = rows.filter(date_sort__lte=place.study.date_sort).exclude(date_sort="")
    return study_cards(list(rows.order_by("-date_sort", "-pk")[:OTHER_STUDIES]), place.scope)


def _deliveries(study: Study) -> list[Delivery]:
    rows = DeliveryStudy.objects.filter(study=study).select_related("delivery", "delivery__user")
    return [row.delivery for row in rows.order_by(F("delivery__started").desc())[:3]]
