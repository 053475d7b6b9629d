"""Logging in, being locked out, being idle, and what each role may open."""

import time
from importlib import import_module

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.urls.converters import IntConverter, UUIDConverter

from pacsbrowser.access.models import OneTimeLink, Role, User
from pacsbrowser.access.scope import EVERYTHING, NOTHING, Scope, scope_of
from pacsbrowser.audit.models import Action, Event

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def person(role: str = Role.VIEWER, **fields: str) -> User:
    return User.objects.create_user(fields.pop("username", f"a-{role}"), password=PASSWORD, role=role, **fields)


def try_to_log_in(client: Client, username: str, password: str, address: str = "10.0.0.1"):  # type: ignore[no-untyped-def]
    return client.post(reverse("login"), {"username": username, "password": password}, REMOTE_ADDR=address)


def test_log_in_and_out(client: Client) -> None:
    user = person()
    before = client.session.session_key
    answer = try_to_log_in(client, user.username, PASSWORD)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.session.session_key != before
    assert client.get(reverse("logout")).status_code == 405
    client.post(reverse("logout"))
    assert client.get(reverse("help")).status_code == 302
    assert [event.action for event in Event.objects.order_by("id")] == [Action.LOGIN, Action.LOGOUT]
    assert set(Event.objects.values_list("who", "address", "outcome")) >= {(user.username, "10.0.0.1", "success")}


@pytest.mark.parametrize("exists", [True, False])
def test_lock_out_says_the_same_for_an_unknown_user(client: Client, exists: bool) -> None:
    if exists:
        person(username="somebody")
    answers = [try_to_log_in(client, "somebody", "wrong") for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert [answer.status_code for answer in answers] == [200] * (settings.AXES_FAILURE_LIMIT - 1) + [429]
    assert "Too many failed tries" in answers[-1].content.decode()
    locked = try_to_log_in(client, "somebody", PASSWORD)
    assert locked.status_code == 429
    failures = Event.objects.filter(action=Action.LOGIN_FAILED, who="somebody")
    assert failures.filter(outcome="failed").count() >= settings.AXES_FAILURE_LIMIT - 1
    assert failures.filter(outcome="refused").exists()


def test_the_answer_to_a_wrong_password_does_not_tell_who_exists(client: Client) -> None:
    person(username="known")
    said = []
    for name in ("known", "other"):
        page = try_to_log_in(client, name, "wrong").content.decode().replace(name, "NAME")
        said.append("\n".join(line for line in page.splitlines() if "csrf" not in line))
    assert said[0] == said[1]


def test_nobody_is_locked_out_from_elsewhere(client: Client) -> None:
    user = person()
    for _ in range(settings.AXES_FAILURE_LIMIT + 1):
        try_to_log_in(client, user.username, "wrong", address="10.6.6.6")
    assert try_to_log_in(client, user.username, PASSWORD, address="10.0.0.2").status_code == 302


def test_an_idle_session_ends(client: Client) -> None:
    client.force_login(person())
    client.get(reverse("help"))
    session = client.session
    session["seen"] = int(time.time() - settings.SESSION_IDLE.total_seconds() - 1)
    session.save()
    assert client.get(reverse("help"))["Location"].startswith(reverse("login"))


def test_a_session_ends_after_its_lifetime_however_it_is_used(client: Client) -> None:
    client.force_login(person())
    client.get(reverse("help"))
    session = client.session
    session["since"] = int(time.time() - settings.SESSION_LIFETIME.total_seconds() + 60)
    session.save()
    assert client.get(reverse("help")).status_code == 200
    session = client.session
    session["since"] -= 120
    session.save()
    assert client.get(reverse("help"))["Location"].startswith(reverse("login"))
    assert not client.session.keys()


def test_a_page_that_asks_by_itself_does_not_keep_the_session_alive(client: Client) -> None:
    client.force_login(person())
    client.get(reverse("help"))
    session = client.session
    long_ago = session["seen"] = int(time.time()) - 600
    session.save()
    client.get(reverse("job_list"), headers={"X-Poll": "1"})
    assert client.session["seen"] == long_ago
    client.get(reverse("job_list"))
    assert client.session["seen"] > long_ago


def test_the_time_of_use_is_written_once_a_minute(client: Client, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    client.force_login(person())
    client.get(reverse("help"))
    with django_assert_num_queries(3) as captured:  # session, user, running jobs
        client.get(reverse("help"))
    assert not [query for query in captured.captured_queries if query["sql"].startswith(("UPDATE", "INSERT"))]


def test_a_fragment_is_never_answered_with_the_log_in_form(client: Client) -> None:
    answer = client.get(
        reverse("job_list"), headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/jobs/?of=all"}
    )
    assert answer.headers["HX-Redirect"] == "/accounts/login/?next=%2Fjobs%2F%3Fof%3Dall"
    assert answer.content == b""


@pytest.mark.parametrize("claimed", ["http://[", "//evil.example/x", "javascript:alert(1)", "\x00"])
def test_a_claimed_address_is_only_a_path(client: Client, claimed: str) -> None:
    person(username="somebody")
    answer = client.get(reverse("job_list"), headers={"HX-Request": "true", "HX-Current-URL": claimed})
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"].startswith("/accounts/login/?next=")
    there = client.post(answer.headers["HX-Redirect"], {"username": "somebody", "password": PASSWORD})
    assert there.status_code == 302
    assert "evil" not in there["Location"] and "javascript" not in there["Location"]


def test_the_theme_form_leads_back_to_a_page_of_ours_only(client: Client) -> None:
    client.force_login(person())
    for before, after in (("http://testserver/help/", "http://testserver/help/"), ("http://evil.example/", "/")):
        answer = client.post(reverse("theme"), {"theme": "dark"}, headers={"Referer": before})
        assert answer["Location"] == after


OPEN = {"healthz", "login", "setup"}
FOR_ADMINISTRATORS = {"user_list", "user_add", "user_detail", "user_link", "event_list", "removal_list"}
FOR_UPLOADERS = {"upload", "upload_report"}


def every_address() -> list[tuple[str, str]]:
    """Each URL of the pages, with a made-up value for each of its parts."""
    found = []
    mounts = [mount for mount in get_resolver().url_patterns if isinstance(mount, URLResolver)]
    pages = next(mount for mount in mounts if mount.urlconf_module.__name__ == "pacsbrowser.pages.urls")
    for pattern in pages.url_patterns:
        assert isinstance(pattern, URLPattern)
        values = {}
        for name, converter in pattern.pattern.converters.items():
            if isinstance(converter, UUIDConverter):
                values[name] = "00000000-0000-4000-8000-000000000000"
            else:
                values[name] = 987654 if isinstance(converter, IntConverter) else "1.2.3"
        found.append((str(pattern.name), reverse(str(pattern.name), kwargs=values)))
    return found


def test_every_address_demands_a_login(client: Client) -> None:
    for name, address in every_address():
        if name not in OPEN:
            for method in (client.get, client.post):
                answer = method(address)
                assert answer.status_code == 302, name
                assert answer["Location"].startswith(reverse("login")), name


def test_a_viewer_is_refused_what_needs_more(client: Client) -> None:
    client.force_login(person())
    for name, address in every_address():
        if name in FOR_ADMINISTRATORS | FOR_UPLOADERS:
            # a report is its uploader's own, so for others it is not there
            assert client.get(address).status_code in {403, 405} | ({404} if name == "upload_report" else set()), name
            assert client.post(address).status_code in {403, 405}, name


def test_an_uploader_is_no_administrator(client: Client) -> None:
    client.force_login(person(Role.UPLOADER))
    for name, address in every_address():
        if name in FOR_ADMINISTRATORS:
            assert client.get(address).status_code in {403, 405}, name
            assert client.post(address).status_code in {403, 405}, name


WRITERS = {
    "login", "logout", "account", "password_change", "theme", "setup", "user_add", "user_detail", "user_link",
    "job_cancel", "job_retry", "upload", "upload_begin", "upload_files", "upload_known", "upload_finish",
    "patient_remove", "study_remove", "series_remove", "instance_remove", "copy_show", "finding_decide",
    "removal_restore", "removal_purge", "token_list", "token_revoke", "remote_fetch", "remote_numbers",
    "node_add", "node_detail", "node_verify", "node_remove", "rule_add", "rule_detail", "rule_remove",
    "selection_zip", "selection_send", "selection_uids", "selection_remove",
}  # fmt: skip


def test_pages_are_read_by_get_and_head_only(client: Client) -> None:
    client.force_login(person(Role.ADMINISTRATOR))
    for name, address in every_address():
        for method in ("TRACE", "OPTIONS", "PUT", "DELETE", "PATCH"):
            answer = client.generic(method, address)
            # Django's own forms answer OPTIONS with what they allow, and nothing else
            allowed = name in {"login", "logout"} and method == "OPTIONS" and not answer.content
            assert allowed or answer.status_code == 405 or (name == "login" and answer.status_code == 302), (
                name,
                method,
            )
        if name not in WRITERS:
            assert client.post(address).status_code == 405, name


def test_every_write_wants_its_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person(Role.ADMINISTRATOR))
    for name, address in every_address():
        if name not in {"setup", "healthz"}:
            assert client.post(address).status_code in {403, 404, 405}, name


def test_scope() -> None:
    user = person()
    assert scope_of(user) == EVERYTHING
    user.institutions = " Hospital A \n\nHospital B\n"
    assert scope_of(user) == Scope(institutions=frozenset({"Hospital A", "Hospital B"}))
    user.is_active = False
    assert scope_of(user) == NOTHING
    from django.contrib.auth.models import AnonymousUser

    assert scope_of(AnonymousUser()) == NOTHING


# ------------------------------------------------------------------ one-time links


def set_password(client: Client, token: str, **data: str):  # type: ignore[no-untyped-def]
    return client.post(
        reverse("setup", args=[token]), {"password1": "a long enough one", "password2": "a long enough one", **data}
    )


def test_the_first_administrator_is_made_once(client: Client) -> None:
    token, late = OneTimeLink.make(None), "x"
    assert token not in str(list(OneTimeLink.objects.values()))
    assert client.get(reverse("setup", args=[token])).status_code == 200
    assert set_password(client, token, username="boss").status_code == 302
    assert User.objects.get().is_administrator
    assert client.get(reverse("help")).status_code == 200
    for used in (token, late, OneTimeLink.make(None)):
        assert set_password(Client(), used, username="second").status_code == 410
    assert User.objects.count() == 1


def test_a_link_for_a_user(client: Client) -> None:
    user = person()
    first, second = OneTimeLink.make(user), OneTimeLink.make(user)
    assert set_password(client, first).status_code == 410
    assert set_password(client, second, password2="another one").status_code == 422
    assert set_password(client, second, password1="short", password2="short").status_code == 422
    assert set_password(client, second).status_code == 302
    assert set_password(client, second).status_code == 410
    user.refresh_from_db()
    assert user.check_password("a long enough one")


def test_an_expired_link(client: Client) -> None:
    from django.utils import timezone

    token = OneTimeLink.make(person())
    OneTimeLink.objects.update(expires=timezone.now())
    assert client.get(reverse("setup", args=[token])).status_code == 410


# ------------------------------------------------------------------ managing users


def fields_of(user: User, **changes: str) -> dict[str, str]:
    fields = {"username": user.username, "first_name": "", "last_name": "", "role": user.role, "institutions": ""}
    return {**fields, **({"is_active": "on"} if user.is_active else {}), **changes}


def test_the_last_administrator_stays(client: Client) -> None:
    boss = person(Role.ADMINISTRATOR)
    client.force_login(boss)
    answer = client.post(reverse("user_detail", args=[boss.pk]), fields_of(boss, role="viewer"))
    assert "last active administrator" in answer.content.decode()
    boss.refresh_from_db()
    assert boss.is_administrator


def test_an_administrator_is_not_limited_to_institutions(client: Client) -> None:
    boss, other = person(Role.ADMINISTRATOR), person(institutions="North")
    client.force_login(boss)
    for whom, fields in ((other, fields_of(other, role="administrator", institutions="North")), (User(), {})):
        address = reverse("user_detail", args=[whom.pk]) if whom.pk else reverse("user_add")
        data = fields or fields_of(other, username="new", role="administrator", institutions="North")
        answer = client.post(address, data)
        assert answer.status_code == 422
        assert "An administrator sees everything" in answer.content.decode()
    assert not User.objects.filter(role=Role.ADMINISTRATOR).exclude(institutions="").exists()
    whole = client.post(reverse("user_detail", args=[other.pk]), fields_of(other, role="administrator"))
    assert whole.status_code == 302


def test_an_administrator_who_was_limited_before_is_none(client: Client) -> None:
    limited = person(Role.ADMINISTRATOR, institutions="North")
    client.force_login(limited)
    for name, address in every_address():
        if name in FOR_ADMINISTRATORS:
            assert client.get(address).status_code in {403, 405}, name
            assert client.post(address).status_code in {403, 405}, name
    assert limited.may_upload


@pytest.mark.parametrize("another", [True, False])
def test_limited_administrators_of_an_older_version(another: bool) -> None:
    from django.apps import apps

    limited = person(Role.ADMINISTRATOR, institutions="North")
    if another:
        person(Role.ADMINISTRATOR, username="whole")
    import_module("pacsbrowser.access.migrations.0002_whole_administrators").settle(apps, None)
    limited.refresh_from_db()
    expected = (Role.UPLOADER, "North") if another else (Role.ADMINISTRATOR, "")
    assert (limited.role, limited.institutions) == expected


def test_deactivating_ends_the_session(client: Client) -> None:
    boss, other = person(Role.ADMINISTRATOR), person()
    theirs = Client()
    theirs.force_login(other)
    assert theirs.get(reverse("help")).status_code == 200
    client.force_login(boss)
    fields = fields_of(other)
    del fields["is_active"]
    assert client.post(reverse("user_detail", args=[other.pk]), fields).status_code == 302
    assert theirs.get(reverse("help")).status_code == 302
    assert Event.objects.filter(action=Action.USER_CHANGE, object=other.username, who=boss.username).exists()


def test_changing_the_password_ends_other_sessions(client: Client) -> None:
    user = person()
    elsewhere = Client()
    elsewhere.force_login(user)
    client.force_login(user)
    new = "an entirely new one"
    answer = client.post(
        reverse("password_change"), {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    )
    assert answer.status_code == 302
    assert client.get(reverse("help")).status_code == 200
    assert elsewhere.get(reverse("help")).status_code == 302


def test_wrong_old_passwords_are_recorded_and_end_the_session(client: Client) -> None:
    user = person()
    client.force_login(user)
    new = "an entirely new one"
    fields = {"old_password": "guessed wrongly", "new_password1": new, "new_password2": new}
    answers = [client.post(reverse("password_change"), fields) for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert [answer.status_code for answer in answers] == [422] * (settings.AXES_FAILURE_LIMIT - 1) + [429]
    assert client.get(reverse("help")).status_code == 302
    events = Event.objects.filter(action=Action.LOGIN_FAILED, who=user.username, outcome="failed")
    assert events.count() == settings.AXES_FAILURE_LIMIT
    assert events[0].detail == {"reason": "wrong old password"}
    assert try_to_log_in(client, user.username, PASSWORD, "127.0.0.1").status_code == 429
    kept = str(list(AccessAttempt.objects.values()))
    assert new not in kept and "guessed" not in kept
    again = Client()
    again.force_login(user)
    locked = again.post(reverse("password_change"), {**fields, "old_password": PASSWORD})
    assert locked.status_code == 429
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_a_right_old_password_forgives_the_wrong_ones(client: Client) -> None:
    client.force_login(person())
    new = "an entirely new one"
    for old in ["wrong"] * (settings.AXES_FAILURE_LIMIT - 1) + [PASSWORD]:
        fields = {"old_password": old, "new_password1": new, "new_password2": new}
        answer = client.post(reverse("password_change"), fields)
    assert answer.status_code == 302
    assert not AccessAttempt.objects.exists()


# ------------------------------------------------------------------ headers


def test_headers(client: Client) -> None:
    client.force_login(person())
    answer = client.get(reverse("help"))
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "HX-Request" in answer["Vary"]
