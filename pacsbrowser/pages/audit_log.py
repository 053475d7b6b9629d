"""The audit page: filters, pages by key, CSV. Reading it is an event as well."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from pacsbrowser.access.decorators import administrator_required
from pacsbrowser.audit.models import Action, Event, Result
from pacsbrowser.audit.record import did_lately, record
from pacsbrowser.pages.csv_files import send_csv
from pacsbrowser.pages.fields import style
from pacsbrowser.pages.render import page

PAGE = 50
COUNTED = 10_000
_DAY = forms.DateInput(attrs={"type": "date"})
# Python's first and last day have no midnight in every time zone, and the last one no day after it.
_YEARS = (MinValueValidator(date(1900, 1, 1)), MaxValueValidator(date(2999, 12, 31)))


class EventFilter(forms.Form):
    """What may be asked of the log; whole values, so that each filter has its index."""

    who = forms.CharField(required=False, max_length=150)
    action = forms.ChoiceField(label="What", required=False, choices=[("", "Anything"), *Action.choices])
    patient = forms.CharField(label="Patient ID", required=False, max_length=256)
    study = forms.CharField(label="Study UID", required=False, max_length=64)
    first_day = forms.DateField(label="From day", required=False, widget=_DAY, validators=_YEARS)
    last_day = forms.DateField(label="To day", required=False, widget=_DAY, validators=_YEARS)
    outcome = forms.ChoiceField(required=False, choices=[("", "Any"), *Result.choices])

    def events(self) -> QuerySet[Event]:
        """The events asked for, newest first; none for a form that cannot be read."""
        if not self.is_valid():
            return Event.objects.none()
        data = self.cleaned_data
        wanted = {name: data[name] for name in ("who", "action", "patient", "study", "outcome") if data[name]}
        events = Event.objects.filter(**wanted).order_by("-id")
        if data["first_day"]:
            events = events.filter(time__gte=_midnight(data["first_day"]))
        if data["last_day"]:
            events = events.filter(time__lt=_midnight(data["last_day"] + timedelta(days=1)))
        return events

    def asked(self) -> dict[str, str]:
        """The filters in use, for the record of who read what."""
        return {name: str(value) for name, value in self.cleaned_data.items() if value} if self.is_valid() else {}


@administrator_required
@require_safe
def event_list(request: HttpRequest) -> HttpResponseBase:
    """The events, newest first."""
    form = style(EventFilter(request.GET))
    asked = form.asked()
    after = request.GET.get("after", "")
    as_csv = request.GET.get("format") == "csv"
    detail = {**asked, **({"format": "csv"} if as_csv else {})}
    if not after or as_csv or not did_lately(request, Action.AUDIT_READ, detail):
        record(Action.AUDIT_READ, request=request, detail=detail)
    events = form.events()
    if as_csv:
        return send_csv(_csv_rows(events), "audit.csv")
    counted = events[: COUNTED + 1].count()
    if after.isdecimal() and len(after) < 19:
        events = events.filter(id__lt=int(after))
    rows = [_with_words(event) for event in events[: PAGE + 1]]
    context = {
        "form": form,
        "filtered": bool(asked),
        "events": rows[:PAGE],
        "next_after": rows[PAGE - 1].pk if len(rows) > PAGE else None,
        "after": after,
        "page_size": PAGE,
        "count_text": _count_text(counted),
        "zone": timezone.get_current_timezone_name(),
    }
    return page(request, "pages/event_list.html", context)


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _count_text(counted: int) -> str:
    if counted > COUNTED:
        return f"Over {COUNTED:,} events"
    return "1 event" if counted == 1 else f"{counted:,} events"


def _with_words(event: Event) -> Event:
    """Say the event's details in one line; `level` is already in the column before."""
    parts = []
    for key, value in event.detail.items():
        if key != "level" and value not in ("", None, []):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            parts.append(f"{key.replace('_', ' ')}: {text}")
    event.said = "; ".join(parts)[:300]  # type: ignore[attr-defined]
    return event


_COLUMNS = ("id", "time", "action", "outcome", "who", "role", "address", "door", "patient", "study", "object", "detail")


def _csv_rows(events: QuerySet[Event]) -> Iterator[Iterable[object]]:
    yield _COLUMNS
    for event in events.iterator(chunk_size=1000):
        yield [getattr(event, column) for column in _COLUMNS]
