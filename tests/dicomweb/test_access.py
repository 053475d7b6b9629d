"""Who may call DICOMweb: sessions with their CSRF token, API tokens as Bearer and Basic, and nobody else."""

import base64
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from pacsbrowser.access.models import Role, Token, User
from pacsbrowser.access.tokens import make_token
from pacsbrowser.audit.models import Action, Event, Refusal
from pacsbrowser.dicomweb.urls import urlpatterns

pytestmark = pytest.mark.django_db(transaction=True)

BASE = "/dicom-web/"


@pytest.fixture
def user() -> User:
    """A user who may upload."""
    return User.objects.create_user("uma", password="a long password", role=Role.UPLOADER)


def basic(name: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def bearer(secret: str) -> dict[str, str]:
    """The header of a bearer token."""
    return {"Authorization": f"Bearer {secret}"}


def test_nobody_gets_a_challenge_and_no_page(client: Client) -> None:
    answer = client.get(f"{BASE}nothing")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert "Basic" in answer["WWW-Authenticate"]


def test_every_address_demands_a_credential(client: Client) -> None:
    for pattern in urlpatterns:
        address = BASE + re.sub(
            r"\(\?P<\w+>[^)]*\)|[$^?]", lambda found: "1.2.3" * (len(found[0]) > 1), str(pattern.pattern)
        )
        for method in (client.get, client.head, client.post, client.put, client.delete, client.options):
            answer = method(address, content_type="application/dicom") if method is client.post else method(address)
            assert answer.status_code == 401, address
            assert "html" not in answer["Content-Type"]


def test_an_empty_authorization_is_none(client: Client, user: User) -> None:
    empty = {"Authorization": ""}
    assert client.get(f"{BASE}studies", headers=empty).status_code == 401
    client.force_login(user)
    assert client.get(f"{BASE}studies", headers=empty).status_code == 200


def test_a_script_in_a_browser_is_not_asked_for_a_password(client: Client) -> None:
    assert "Basic" not in client.get(f"{BASE}nothing", headers={"Sec-Fetch-Mode": "cors"})["WWW-Authenticate"]


@pytest.mark.parametrize("name", ["uma", "", "anything"])
def test_a_token_is_taken_as_bearer_and_as_password(client: Client, user: User, name: str) -> None:
    _, secret = make_token(user, "tool")
    for headers in (bearer(secret), basic(name, secret)):
        answer = client.get(f"{BASE}nothing", headers=headers)
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer x",
        "Basic",
        "Basic !!!",
        "Basic eA==",
        "Digest pb_x",
        "Bearer pb_\udcff",
        "pb_x",
        "Bearer pb_ü",
    ],
)
def test_anything_else_is_refused(client: Client, user: User, value: str) -> None:
    make_token(user, "tool")
    assert client.get(f"{BASE}nothing", headers={"Authorization": value}).status_code == 401


def test_a_password_is_no_token(client: Client, user: User) -> None:
    assert client.get(f"{BASE}nothing", headers=basic("uma", "a long password")).status_code == 401
    assert Event.objects.filter(action=Action.LOGIN_FAILED, door="dicomweb").exists()


def test_refused_tokens_by_the_dozen_are_counted(client: Client, user: User) -> None:
    for number in range(12):
        client.get(f"{BASE}studies", headers={"Authorization": f"Bearer pb_{number}"})
    events = Event.objects.filter(action=Action.LOGIN_FAILED)
    counted = sum(Refusal.objects.values_list("more", flat=True))
    # the minute may end meanwhile
    assert events.count() <= 2 and events.count() + counted == 12
    assert events.first().address == "127.0.0.1"


def test_a_token_ends_with_its_time_and_with_its_user(client: Client, user: User) -> None:
    _, late = make_token(user, "late", expires=timezone.now() - timedelta(seconds=1))
    _, secret = make_token(user, "tool", expires=timezone.now() + timedelta(days=1))
    assert client.get(f"{BASE}nothing", headers=bearer(late)).status_code == 401
    assert client.get(f"{BASE}nothing", headers=bearer(secret)).status_code == 404
    User.objects.update(is_active=False)
    assert client.get(f"{BASE}nothing", headers=bearer(secret)).status_code == 401


def test_the_secret_is_not_kept_and_use_is_noted_once_a_minute(client: Client, user: User) -> None:
    row, secret = make_token(user, "tool")
    assert secret not in str(Token.objects.filter(pk=row.pk).values())
    assert secret.startswith(row.start)
    client.get(f"{BASE}nothing", headers=bearer(secret))
    first = Token.objects.get(pk=row.pk).last_used
    client.get(f"{BASE}nothing", headers=bearer(secret))
    assert first is not None
    assert Token.objects.get(pk=row.pk).last_used == first


def test_a_session_reads_and_needs_its_csrf_token_to_write(user: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.get(f"{BASE}nothing").status_code == 404
    for method in (browser.post, browser.delete):
        assert method(f"{BASE}nothing", content_type="application/dicom").status_code == 403
    browser.get("/accounts/")
    token = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    assert browser.post(f"{BASE}nothing", content_type="application/dicom", headers=token).status_code == 404
    assert browser.post(f"{BASE}nothing", {"csrfmiddlewaretoken": token["X-CSRFToken"]}).status_code == 403


def test_a_token_needs_no_csrf_token(user: User) -> None:
    _, secret = make_token(user, "tool", may_store=True)
    client = Client(enforce_csrf_checks=True)
    assert client.post(f"{BASE}nothing", content_type="application/dicom", headers=bearer(secret)).status_code == 404


def test_a_token_opens_no_page(client: Client, user: User) -> None:
    _, secret = make_token(user, "tool")
    assert client.get("/", headers=bearer(secret)).status_code == 302


def test_no_other_site_is_allowed_by_default(client: Client, user: User) -> None:
    _, secret = make_token(user, "tool")
    answer = client.get(f"{BASE}nothing", headers={**bearer(secret), "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_named_site_may_ask_with_a_token(client: Client, user: User, settings: pytest.FixtureRequest) -> None:
    settings.DICOMWEB_CORS_ORIGINS = frozenset(["https://viewer.example"])  # type: ignore[attr-defined]
    origin = {"Origin": "https://viewer.example"}
    asked = client.options(f"{BASE}studies", headers={**origin, "Access-Control-Request-Method": "GET"})
    assert asked.status_code == 204
    assert "Authorization" in asked["Access-Control-Allow-Headers"]
    _, secret = make_token(user, "tool")
    answer = client.get(f"{BASE}nothing", headers={**bearer(secret), **origin})
    assert answer["Access-Control-Allow-Origin"] == "https://viewer.example"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    other = client.get(f"{BASE}nothing", headers={**bearer(secret), "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers
    assert "Origin" in other["Vary"]
