"""Which object a URL means to this viewer: the one holder of its UIDs, a choice between several, or nothing at all.

A Study Instance UID may be here under several received identities, and a SOP Instance UID in several series. A URL
names study, series and instance, so it is unique within one holder of the study; `?holder=` says which. What a viewer
may not see is answered exactly like what does not exist.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ClassVar, Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponseBase

from pacsbrowser.access.scope import Scope, scope_of
from pacsbrowser.archive.models import Instance, Level, Patient, Series, Study
from pacsbrowser.pages.render import page

Rest = ParamSpec("Rest")
View = Callable[Concatenate[HttpRequest, Rest], HttpResponseBase]

NOT_HERE = "There is no such object here."
# A UID under more identities than this is a broken source, which its findings say; the choice stays readable.
HOLDERS_SHOWN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A study as this viewer reached it. `holder_query` is what links below the study must carry."""

    level: ClassVar[Level] = Level.STUDY

    study: Study
    scope: Scope
    holder_query: str = ""

    @property
    def patient(self) -> Patient:
        """The patient whom the study is shown under."""
        return self.study.patient

    @property
    def uid(self) -> str:
        """The UID of the object itself."""
        return self.study.study_instance_uid

    @property
    def row(self) -> Study | Series | Instance:
        """The object itself."""
        return self.study

    @property
    def url_arguments(self) -> list[str]:
        """The UIDs of which the object's address is made."""
        return [self.study.study_instance_uid]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPlace(Place):
    """A series with its study."""

    level: ClassVar[Level] = Level.SERIES

    series: Series

    @property
    def uid(self) -> str:
        """The Series Instance UID."""
        return self.series.series_instance_uid

    @property
    def row(self) -> Study | Series | Instance:
        """The series, or in a subclass what is in it."""
        return self.series

    @property
    def url_arguments(self) -> list[str]:
        """Study and series UID."""
        return [self.study.study_instance_uid, self.series.series_instance_uid]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancePlace(SeriesPlace):
    """An instance with its series and study."""

    level: ClassVar[Level] = Level.INSTANCE

    instance: Instance

    @property
    def uid(self) -> str:
        """The SOP Instance UID."""
        return self.instance.sop_instance_uid

    @property
    def row(self) -> Study | Series | Instance:
        """The instance."""
        return self.instance

    @property
    def url_arguments(self) -> list[str]:
        """Study, series and SOP Instance UID."""
        return [
            self.study.study_instance_uid, self.series.series_instance_uid, self.instance.sop_instance_uid,
        ]  # fmt: skip


class SeveralHoldersError(Exception):
    """A UID that several studies hold, between which the viewer has to choose."""

    def __init__(self, holders: list[Study]) -> None:
        self.holders = holders
        super().__init__("several studies have this UID")


def offers_choice(view: View[Rest]) -> View[Rest]:
    """Answer a URL that several studies would match with a page to choose from (300 Multiple Choices)."""

    @wraps(view)
    def chosen(request: HttpRequest, /, *args: Rest.args, **kwargs: Rest.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except SeveralHoldersError as several:
            response = page(request, "pages/holder_choice.html", {"holders": several.holders})
            response.status_code = 300
            return response

    return chosen


def find_patient(request: HttpRequest, pk: int) -> tuple[Patient, Scope]:
    """Return a patient with something this viewer may see."""
    scope = scope_of(request.user)
    patient = Patient.objects.visible_to(scope).filter(pk=pk).first()
    if patient is None:
        raise Http404(NOT_HERE)
    return patient, scope


def find_study(request: HttpRequest, study_uid: str) -> Place:
    """Return the study of this UID that the viewer may see and has chosen."""
    scope, holders = _holders(request, study_uid)
    study = _only(request, holders)
    return Place(study=study, scope=scope, holder_query=_query_of(study, holders))


def find_series(request: HttpRequest, study_uid: str, series_uid: str) -> SeriesPlace:
    """Return the series of this UID in the study of that one."""
    scope, holders = _holders(request, study_uid)
    rows = Series.objects.visible_to(scope).filter(study__in=holders, series_instance_uid=series_uid)
    found = {series.study_id: series for series in rows}
    study = _only(request, [holder for holder in holders if holder.pk in found])
    series = found[study.pk]
    series.study = study
    return SeriesPlace(study=study, scope=scope, holder_query=_query_of(study, holders), series=series)


def find_instance(request: HttpRequest, study_uid: str, series_uid: str, instance_uid: str) -> InstancePlace:
    """Return the instance of this UID in that series and study, with its file and its delivery."""
    scope, holders = _holders(request, study_uid)
    rows = (
        Instance.objects.visible_to(scope)
        .filter(series__study__in=holders, series__series_instance_uid=series_uid, sop_instance_uid=instance_uid)
        .select_related("series", "blob", "delivery", "delivery__user")
    )
    found = {instance.series.study_id: instance for instance in rows}
    study = _only(request, [holder for holder in holders if holder.pk in found])
    instance = found[study.pk]
    instance.series.study = study
    query = _query_of(study, holders)
    return InstancePlace(study=study, scope=scope, holder_query=query, series=instance.series, instance=instance)


def _holders(request: HttpRequest, study_uid: str) -> tuple[Scope, list[Study]]:
    scope = scope_of(request.user)
    rows = Study.objects.visible_to(scope).filter(study_instance_uid=study_uid).select_related("patient")
    return scope, list(rows.order_by("pk")[:HOLDERS_SHOWN])


def _only(request: HttpRequest, matching: list[Study]) -> Study:
    chosen = request.GET.get("holder", "")
    if chosen:
        matching = [study for study in matching if str(study.pk) == chosen]
    if not matching:
        raise Http404(NOT_HERE)
    if len(matching) > 1:
        raise SeveralHoldersError(matching)
    return matching[0]


def _query_of(study: Study, holders: list[Study]) -> str:
    return f"?holder={study.pk}" if len(holders) > 1 else ""
