"""Callers that are refused again and again fill neither the log nor the disk, and all of them are accounted for."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from pacsbrowser.audit import refusals
from pacsbrowser.audit.models import Action, Event, Refusal
from pacsbrowser.audit.refusals import add_up, record_refusal

pytestmark = pytest.mark.django_db
WHEN = datetime(2026, 3, 1, 12, 0, 5, tzinfo=timezone.get_default_timezone())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What time it is for the counting."""

    class Clock:
        now = WHEN

    monkeypatch.setattr(refusals.timezone, "now", lambda: Clock.now)
    return Clock


def refuse(address: str = "192.0.2.7", reason: str = "unknown", **more: Any) -> bool:
    return record_refusal(Action.ASSOCIATE, door="dimse", address=address, reason=reason, **more)


def test_one_event_at_once_and_one_for_the_rest_of_the_minute(clock: Any) -> None:
    assert refuse(who="SCANNER", object="PACS")
    event = Event.objects.get()
    assert (event.who, event.object, event.address, event.outcome) == ("SCANNER", "PACS", "192.0.2.7", "refused")
    assert event.detail == {"reason": "unknown"}
    assert {refuse() for _ in range(40)} == {False}
    add_up()
    assert Event.objects.count() == 1, "the minute is not over"
    clock.now += timedelta(minutes=1)
    assert refuse()
    add_up()
    add_up()
    details = list(Event.objects.order_by("pk").values_list("detail", flat=True))
    assert details == [
        {"reason": "unknown"},
        {"reason": "unknown"},
        {"reason": "unknown", "more": 40, "minute": "2026-03-01 12:00"},
    ]
    clock.now += timedelta(minutes=1)
    add_up()
    assert Event.objects.count() == 3, "a single one is in the log already"
    assert not Refusal.objects.exists()


def test_addresses_doors_and_reasons_are_counted_apart(clock: Any) -> None:
    assert refuse() and refuse("192.0.2.8") and refuse(reason="too many")
    assert record_refusal(Action.LOGIN_FAILED, door="dicomweb", address="192.0.2.7", reason="unknown")
    assert not refuse("192.0.2.8")


def test_all_addresses_of_one_network_are_one_caller(clock: Any) -> None:
    assert refuse("2001:db8:1:2::5") and not refuse("2001:db8:1:2:ffff::9") and refuse("2001:db8:1:3::5")
    assert Event.objects.order_by("pk")[0].address == "2001:db8:1:2::5"


def test_ipv4_callers_of_a_port_for_both_families_are_counted_apart(clock: Any) -> None:
    assert refuse("::ffff:192.0.2.7") and refuse("::ffff:192.0.2.8")
    assert not refuse("192.0.2.7"), "it is the same caller, however it is written"


def test_many_addresses_are_counted_together(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "MOST_ADDRESSES", 3)
    assert [refuse(f"192.0.2.{number}") for number in range(8)] == [True] * 4 + [False] * 4
    assert not refuse("192.0.2.1"), "those that are known are still counted each by itself"
    clock.now += timedelta(minutes=1)
    add_up()
    more = {event.address: event.detail["more"] for event in Event.objects.filter(detail__has_key="more")}
    assert more == {"several": 4, "192.0.2.1": 1}
