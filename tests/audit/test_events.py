"""Events are added, never changed; reading the log is an event."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from pacsbrowser.access.models import Role, User
from pacsbrowser.audit.models import Action, AppendOnlyError, Event
from pacsbrowser.audit.record import SEEN_AGAIN, address_of, record, record_view

pytestmark = pytest.mark.django_db


def request_of(user: User) -> HttpRequest:
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.7")
    request.user = user
    return request


@pytest.fixture
def boss() -> User:
    return User.objects.create_user("boss", password="x", role=Role.ADMINISTRATOR)


def test_python_refuses_change(boss: User) -> None:
    event = record(Action.VIEW, request=request_of(boss), patient="P1")
    for attempt in (event.delete, event.save, Event.objects.all().delete, lambda: Event.objects.update(who="x")):
        with pytest.raises(AppendOnlyError):
            attempt()


@pytest.mark.parametrize("statement", ["DELETE FROM audit_event", "UPDATE audit_event SET who = 'nobody'"])
def test_the_database_refuses_change(statement: str) -> None:
    record(Action.START, who="start")
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Event.objects.get().who == "start"


def test_who_and_where_come_from_the_request(boss: User) -> None:
    event = record(Action.DOWNLOAD, request=request_of(boss), study="1.2.3", detail={"instances": 4})
    event.refresh_from_db()
    assert (event.who, event.user_id, event.role, event.address, event.door) == (
        "boss", boss.pk, "administrator", "10.0.0.7", "web",
    )  # fmt: skip


def test_hostile_text_is_stored(boss: User) -> None:
    event = record(Action.VIEW, request=request_of(boss), patient="a\x00b\ud800" + "x" * 900)
    event.refresh_from_db()
    assert event.patient.startswith("a\N{REPLACEMENT CHARACTER}b?xxx") and len(event.patient) == 256


def test_only_a_trusted_proxy_may_name_the_client(settings) -> None:  # type: ignore[no-untyped-def]
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.7", headers={"X-Forwarded-For": "6.6.6.6, 10.9.9.9"})
    assert address_of(request) == "10.0.0.7"
    settings.TRUSTED_PROXIES = frozenset({"10.0.0.7"})
    assert address_of(request) == "10.9.9.9"


def test_views_are_recorded_once_in_five_minutes(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    other = User.objects.create_user("other", password="x")
    for _ in range(3):
        record_view(request_of(boss), "study", "1.2.3", "1.2.3", "P1")
        record_view(request_of(boss), "instance", "1.2.3.4.5", "1.2.3", "P1")
    record_view(request_of(other), "study", "1.2.3", "1.2.3", "P1")
    record_view(request_of(boss), "study", "1.2.4", "1.2.4", "P1")
    assert Event.objects.count() == 3
    monkeypatch.setattr("pacsbrowser.audit.record.SEEN_AGAIN", -SEEN_AGAIN + timedelta(0))
    record_view(request_of(boss), "study", "1.2.3", "1.2.3", "P1")
    assert Event.objects.count() == 4


def test_the_page_filters_and_is_recorded(client: Client, boss: User) -> None:
    client.force_login(boss)
    Event.objects.bulk_create(
        Event(action=Action.VIEW, who=f"user{number % 3}", patient=f"P{number}") for number in range(120)
    )
    page = client.get(reverse("event_list"), {"who": "user1"})
    assert "40 events" in page.content.decode()
    read = Event.objects.filter(action=Action.AUDIT_READ).latest("id")
    assert (read.who, read.detail) == ("boss", {"who": "user1"})


def test_pages_by_key_show_every_event_once(client: Client, boss: User) -> None:
    client.force_login(boss)
    Event.objects.bulk_create(Event(action=Action.VIEW, who="w", patient=f"P{number}") for number in range(120))
    seen: list[int] = []
    after = ""
    while True:
        context = client.get(reverse("event_list"), {"who": "w", "after": after}).context
        seen += [event.pk for event in context["events"]]
        if context["next_after"] is None:
            break
        after = str(context["next_after"])
        record(Action.VIEW, who="w")  # one that comes in between moves nothing
    assert len(seen) == len(set(seen)) == 120
    assert seen == sorted(seen, reverse=True)
    assert Event.objects.filter(action=Action.AUDIT_READ).count() == 1


@pytest.mark.parametrize(
    "query",
    [
        {"first_day": "rubbish"},
        {"after": "9" * 40},
        {"after": "x"},
        {"action": "none"},
        {"last_day": "9999-12-31"},
        {"first_day": "0001-01-01", "last_day": "0001-01-01"},
    ],
)
def test_odd_questions_are_answered(client: Client, boss: User, query: dict[str, str]) -> None:
    client.force_login(boss)
    assert client.get(reverse("event_list"), query).status_code == 200


@pytest.mark.parametrize("query", [{"after": "999999"}, {"after": "999999", "format": "csv"}])
def test_an_invented_cursor_does_not_read_unrecorded(client: Client, boss: User, query: dict[str, str]) -> None:
    client.force_login(boss)
    answer = client.get(reverse("event_list"), query)
    assert answer.status_code == 200
    assert Event.objects.filter(action=Action.AUDIT_READ, who="boss").count() == 1


def test_csv_is_no_formula(client: Client, boss: User) -> None:
    client.force_login(boss)
    record(Action.LOGIN_FAILED, who="=HYPERLINK(1)", outcome="failed")
    answer = client.get(reverse("event_list"), {"format": "csv"})
    assert b",'=HYPERLINK(1)," in answer.getvalue()
    assert Event.objects.filter(action=Action.AUDIT_READ, detail__format="csv").exists()


def test_what_was_typed_is_escaped(client: Client, boss: User) -> None:
    client.force_login(boss)
    record(Action.LOGIN_FAILED, who="<script>alert(1)</script>", detail={"reason": "<b>x</b>"})
    page = client.get(reverse("event_list")).content.decode()
    assert "<script>alert" not in page and "<b>x" not in page
