"""The pages of nodes and rules: addresses are checked, secrets never shown, trust ends where the place changes."""

from typing import Any

import pytest
from django.urls import reverse

from pacsbrowser.archive.models import Study
from pacsbrowser.audit.models import Event
from pacsbrowser.exchange.models import Kind, Node, Rule
from pacsbrowser.exchange.sealing import unseal
from pacsbrowser.jobs.models import Job
from tests.datasets import ingest_datasets, make_series
from tests.dimse.peers import make_node
from tests.live import free_port
from tests.pages.browsing import client_of, text_of

pytestmark = pytest.mark.django_db

DIMSE = {
    "name": "Reading room",
    "kind": "dimse",
    "ae_title": "READ",
    "host": "198.51.100.7",
    "port": "104",
    "fetch_by": "move",
}
WEB = {
    "name": "Web", "kind": "dicomweb", "url": "https://198.51.100.7/dicom-web", "login": "bearer", "fetch_by": "move",
    "new_secret": "s3cret-token",
}  # fmt: skip


def test_a_node_is_added_changed_and_removed() -> None:
    client = client_of("administrator")
    assert client.post(reverse("node_add"), {**DIMSE, "may_find": "on"}).status_code == 302
    node = Node.objects.get()
    assert (node.rights, node.is_trusted, node.where) == (frozenset(["find"]), False, "READ at 198.51.100.7:104")
    page = text_of(client.get(reverse("node_list")))
    assert "Reading room" in page and "find" in page
    address = reverse("node_detail", args=[node.pk])
    client.post(address, {**DIMSE, "port": "11112", "addresses": "10.0.0.0/8"})
    node.refresh_from_db()
    assert (node.port, node.rights) == (11112, frozenset())
    assert "Remove Reading room" in text_of(client.get(reverse("node_remove", args=[node.pk])))
    client.post(reverse("node_remove", args=[node.pk]))
    assert not Node.objects.exists()
    events = Event.objects.filter(action="node_change").order_by("pk")
    assert [event.detail["changed"][0] for event in events] == ["added", "addresses", "removed"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"host": "127.0.0.1"}, "this machine itself"),
        ({"host": "169.254.169.254"}, "link-local"),
        ({"host": "::ffff:127.0.0.1"}, "this machine itself"),
        ({"host": "localhost"}, "this machine itself"),
        ({"host": "no such name.invalid"}, "has no address"),
        ({"host": ""}, "This is needed"),
        ({"ae_title": "much too long a title"}, "16 characters"),
        ({"addresses": "somewhere"}, "somewhere"),
        ({"kind": "dicomweb", "url": "http://127.0.0.1/x"}, "this machine itself"),
        ({"kind": "dicomweb", "url": "https://user:pass@198.51.100.7/"}, "fields of their own"),
        ({"kind": "dicomweb", "url": "ftp://198.51.100.7/"}, "begins with https"),
    ],
)
def test_what_must_not_be_called_is_refused(fields: dict[str, str], said: str) -> None:
    answer = client_of("administrator").post(reverse("node_add"), {**DIMSE, **fields})
    assert answer.status_code == 422 and said in text_of(answer).replace("&#x27;", "'")
    assert not Node.objects.exists()


def test_a_secret_is_sealed_kept_and_never_shown() -> None:
    client = client_of("administrator")
    client.post(reverse("node_add"), WEB)
    node = Node.objects.get()
    assert "s3cret" not in node.secret and unseal(node.secret) == "s3cret-token"
    address = reverse("node_detail", args=[node.pk])
    page = text_of(client.get(address)) + text_of(client.get(reverse("node_list")))
    assert "s3cret" not in page and node.secret not in page and "One is stored" in page
    client.post(address, {**WEB, "new_secret": "", "name": "Other"})
    node.refresh_from_db()
    assert (node.name, unseal(node.secret)) == ("Other", "s3cret-token")
    refused = text_of(client.post(address, {**WEB, "new_secret": "another", "url": "x"}))
    assert "another" not in refused
    client.post(address, {**WEB, "login": "", "new_secret": ""})
    assert Node.objects.get().secret == ""
    assert not Event.objects.filter(detail__icontains="s3cret").exists()


def test_a_secret_that_cannot_be_read_is_said_and_has_to_be_entered_again() -> None:
    client = client_of("administrator")
    client.post(reverse("node_add"), WEB)
    node = Node.objects.get()
    address = reverse("node_detail", args=[node.pk])
    assert "cannot be read" not in text_of(client.get(address))
    Node.objects.update(secret="of another installation")
    assert "cannot be read" in text_of(client.get(address))
    assert "cannot be read" in text_of(client.post(reverse("node_verify", args=[node.pk]), follow=True))
    assert client.post(address, {**WEB, "new_secret": ""}).status_code == 422
    assert client.post(address, WEB).status_code == 302
    assert "cannot be read" not in text_of(client.get(address))


def test_a_secret_is_sent_to_no_other_place_than_it_was_entered_for() -> None:
    client = client_of("administrator")
    assert "This is needed" in text_of(client.post(reverse("node_add"), {**WEB, "new_secret": ""}))
    client.post(reverse("node_add"), WEB)
    address = reverse("node_detail", args=[Node.objects.get().pk])
    moved = {**WEB, "url": "https://198.51.100.8/dicom-web"}
    assert "Enter it again" in text_of(client.post(address, {**moved, "new_secret": ""}))
    assert client.post(address, moved).status_code == 302


def test_trust_of_the_operator_ends_where_the_place_changes() -> None:
    node = make_node("READ", 104)
    client, address = client_of("administrator"), reverse("node_detail", args=[node.pk])
    own: dict[str, Any] = {**DIMSE, "host": "127.0.0.1"}
    assert client.post(address, {**own, "may_get": "on"}).status_code == 302
    assert Node.objects.get().is_trusted
    assert client.post(address, {**own, "port": "22"}).status_code == 422
    assert client.post(address, {**own, "host": "198.51.100.7"}).status_code == 302
    assert not Node.objects.get().is_trusted


def test_verifying_says_why_not() -> None:
    node = make_node("READ", free_port())
    client = client_of("administrator")
    page = text_of(client.post(reverse("node_verify", args=[node.pk]), follow=True))
    assert "does not answer as it should" in page and "does not take a connection" in page
    Node.objects.update(kind=Kind.DICOMWEB, url=f"http://127.0.0.1:{free_port()}/", ae_title="")
    page = text_of(client.post(reverse("node_verify", args=[node.pk]), follow=True))
    assert "does not take a connection" in page


def test_rules_begin_with_what_comes_after_them() -> None:
    ingest_datasets(*make_series(2))
    node, client = make_node("READ"), client_of("administrator")
    fields = {"name": "Thorax", "node": node.pk, "is_on": "on", "modalities": "CT"}
    assert client.post(reverse("rule_add"), fields).status_code == 302
    rule = Rule.objects.get()
    assert rule.seen > 0
    address = reverse("rule_detail", args=[rule.pk])
    client.post(address, {**fields, "is_on": ""})
    Rule.objects.update(seen=0)
    client.post(address, fields)
    assert Rule.objects.get().seen == rule.seen
    assert "modality CT" in text_of(client.get(reverse("node_list")))
    client.post(reverse("rule_remove", args=[rule.pk]))
    assert not Rule.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "uploader"])
def test_only_administrators_manage_nodes(role: str) -> None:
    node, client = make_node("READ"), client_of(role)
    rule = Rule.objects.create(name="r", node=node)
    for name, key in [("node_list", None), ("node_add", None), ("rule_add", None), ("node_detail", node.pk),
                      ("node_remove", node.pk), ("rule_detail", rule.pk)]:  # fmt: skip
        assert client.get(reverse(name, args=[key] if key else [])).status_code == 403
    for name, key in [("node_verify", node.pk), ("node_remove", node.pk), ("rule_remove", rule.pk)]:
        assert client.post(reverse(name, args=[key])).status_code == 403
    assert Node.objects.exists() and Rule.objects.exists()


def test_a_selection_is_sent_by_uploaders_only() -> None:
    ingest_datasets(*make_series(2))
    node, key = make_node("READ"), Study.objects.get().pk
    picked = {"level": "study", "pick": key, "back": "/studies/"}
    viewer, uploader = client_of("viewer"), client_of("uploader")
    assert viewer.post(reverse("selection_send"), picked).status_code == 403
    assert "selection/send" not in text_of(viewer.get("/studies/"))
    assert "selection/send" in text_of(uploader.get("/studies/"))
    page = text_of(uploader.post(reverse("selection_send"), picked))
    assert "Send 1 study" in page and node.name in page
    carried = {**picked, "asked": "1", "pick": [], "elsewhere": str(key)}
    assert uploader.post(reverse("selection_send"), carried).status_code == 422
    answer = uploader.post(reverse("selection_send"), {**carried, "node": node.pk})
    job = Job.objects.get()
    assert answer.headers["Location"] == reverse("job_detail", args=[job.pk])
    assert job.parameters == {"node": node.pk, "level": "study", "keys": [key]}
    assert Event.objects.get(action="send").detail == {"level": "study", "selected": 1, "to": node.name}
