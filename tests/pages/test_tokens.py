"""The page of API tokens: made once, shown once, revoked at once; and the command that makes them."""

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from pacsbrowser.access.models import Role, Token, User
from pacsbrowser.access.tokens import find_token
from pacsbrowser.audit.models import Action, Event

pytestmark = pytest.mark.django_db


def login(role: Role) -> tuple[Client, User]:
    """A browser of a user."""
    user = User.objects.create_user(f"the-{role}", password="a long password", role=role)
    browser = Client()
    browser.force_login(user)
    return browser, user


def secret_of(text: str) -> str:
    """The token that a text shows."""
    found = re.search(r"pb_[\w-]{43}", text)
    assert found, text
    return found[0]


def test_a_token_is_shown_once_and_works_until_it_is_revoked() -> None:
    browser, user = login(Role.UPLOADER)
    made = browser.post(
        reverse("token_list"), {"name": "viewer <b>", "may_read": "on", "may_store": "on", "days": "30"}
    )
    secret = secret_of(made.content.decode())
    assert "no-store" in made["Cache-Control"]
    again = browser.get(reverse("token_list")).content.decode()
    assert secret not in again
    assert "viewer &lt;b&gt;" in again
    row = find_token(f"Bearer {secret}")
    assert row is not None
    assert (row.user, row.scope, row.expires is not None) == (user, "read,store", True)
    browser.post(reverse("token_revoke", args=[row.pk]))
    assert find_token(f"Bearer {secret}") is None
    said = [event.detail["changed"] for event in Event.objects.filter(action=Action.USER_CHANGE)]
    assert sorted(said) == [["API token made"], ["API token revoked"]]
    assert secret not in str(list(Event.objects.values()))


def test_a_viewer_can_make_no_token_that_stores() -> None:
    browser, user = login(Role.VIEWER)
    browser.post(reverse("token_list"), {"name": "x", "may_read": "on", "may_store": "on", "days": ""})
    row = Token.objects.get(user=user)
    assert (row.may_store, row.expires) == (False, None)


@pytest.mark.parametrize(
    "data", [{}, {"name": "x"}, {"name": "", "may_read": "on"}, {"name": "x", "may_read": "on", "days": "9"}]
)
def test_a_form_with_a_problem_makes_nothing(data: dict[str, str]) -> None:
    browser, _ = login(Role.UPLOADER)
    assert browser.post(reverse("token_list"), data).status_code == 422
    assert not Token.objects.exists()


def test_nobody_revokes_the_token_of_another() -> None:
    browser, _ = login(Role.ADMINISTRATOR)
    other = User.objects.create_user("other")
    call_command("create_token", "other", stdout=io.StringIO())
    assert browser.post(reverse("token_revoke", args=[Token.objects.get(user=other).pk])).status_code == 404
    assert Token.objects.count() == 1


def test_the_command_prints_the_token_as_its_last_word() -> None:
    User.objects.create_user("uma", role=Role.UPLOADER)
    output = io.StringIO()
    call_command("create_token", "uma", "--scope", "read,store", "--days", "7", stdout=output)
    row = find_token(f"Bearer {output.getvalue().split()[-1]}")
    assert row is not None
    assert row.scope == "read,store"
    assert Event.objects.get(action=Action.USER_CHANGE).object == "uma"


@pytest.mark.parametrize("arguments", [["nobody"], ["vic", "--scope", "store"], ["vic", "--scope", "all"]])
def test_the_command_refuses_what_a_user_may_not(arguments: list[str]) -> None:
    User.objects.create_user("vic", role=Role.VIEWER)
    with pytest.raises(CommandError):
        call_command("create_token", *arguments, stdout=io.StringIO())
    assert not Token.objects.exists()


def test_the_conformance_statement_names_the_matching_keys() -> None:
    browser, _ = login(Role.VIEWER)
    text = browser.get(reverse("conformance")).content.decode()
    assert "After 400,000 data elements" in text and "1,000 or 128 million pixels are decoded" in text
    assert "PatientName" in text
    assert "http://testserver/dicom-web" in text
    assert reverse("conformance") in browser.get(reverse("help")).content.decode()
