"""Nodes: adding one on the command line, and which addresses may be called."""

from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from pacsbrowser.access.scope import EVERYTHING
from pacsbrowser.audit.models import Action, Event
from pacsbrowser.exchange.addresses import comes_from, parse_networks, plain, resolve, why_refused
from pacsbrowser.exchange.failures import Unreachable
from pacsbrowser.exchange.models import Kind, Node

pytestmark = pytest.mark.django_db


def add(*arguments: str) -> str:
    """Run the command and return what it says."""
    out = StringIO()
    call_command("add_node", *arguments, stdout=out)
    return out.getvalue()


def test_adding_a_node() -> None:
    assert "WORKSTATION at 127.0.0.1:104" in add("Reading room", "--aet", "WORKSTATION", "--host", "127.0.0.1")
    node = Node.objects.get()
    assert node.rights == {"store", "find", "get", "move"}
    assert node.scope == EVERYTHING
    assert node.is_trusted
    assert Event.objects.get(action=Action.NODE_CHANGE).object == "Reading room"


def test_the_same_name_again_changes_the_node() -> None:
    add("One", "--aet", "ONE", "--host", "a.example")
    place = ("--host", "b.example", "--port", "11113", "--tls", "--from", "10.0.0.0/8,::1")
    add("One", "--aet", "ONE", *place, "--may", "store,find", "--institution", "Clinic")
    node = Node.objects.get()
    assert (node.host, node.port, node.tls) == ("b.example", 11113, True)
    assert node.rights == {"store", "find"}
    assert node.addresses.split() == ["10.0.0.0/8", "::1"]
    assert node.scope.institutions == {"Clinic"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("One", "--aet", "SEVENTEEN-LETTERS", "--host", "x"), "16 char"),
        (("One", "--aet", "A\\B", "--host", "x"), "no backslash"),
        (("One", "--aet", "OK", "--host", "x", "--port", "0"), "greater"),
        (("One", "--aet", "OK", "--host", "x", "--may", "fly"), "--may takes"),
        (("One", "--aet", "OK", "--host", "x", "--from", "there"), "--from"),
        (("One", "--aet", "TAKEN", "--host", "x"), "node_ae_title_once"),
    ],
)
def test_what_cannot_be_added(arguments: tuple[str, ...], word: str) -> None:
    add("Other", "--aet", "TAKEN", "--host", "x")
    with pytest.raises(CommandError, match=word):
        add(*arguments)


def test_a_node_of_dicomweb_needs_its_url() -> None:
    with pytest.raises(ValidationError):
        Node(name="Web", kind=Kind.DICOMWEB).full_clean()
    Node(name="Web", kind=Kind.DICOMWEB, url="https://pacs.example.org/dicom-web").full_clean()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "::1", "0.0.0.0", "::", "169.254.169.254", "fe80::1", "fe80::1%eth0",
        "::ffff:127.0.0.1", "::ffff:169.254.1.1", "100.100.100.200", "168.63.129.16", "fd00:ec2::254",
        "224.0.0.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_addresses_that_are_refused(address: str) -> None:
    assert why_refused(plain(address))


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.0.9", "172.16.1.1", "8.8.8.8", "2001:db8::1", "fd12::1"])
def test_addresses_that_are_not(address: str) -> None:
    assert why_refused(plain(address)) == ""


def test_names_are_resolved_first(settings: Any) -> None:
    with pytest.raises(Unreachable, match="this machine itself"):
        resolve("localhost", 104)
    with pytest.raises(Unreachable, match="no address"):
        resolve("no-such-host.invalid", 104)
    assert resolve("localhost", 104, is_trusted=True)
    settings.NODE_NETWORKS = parse_networks(["127.0.0.0/8", "::1"])
    assert resolve("127.0.0.1", 104) == ["127.0.0.1"]


def test_where_a_call_comes_from() -> None:
    assert comes_from("127.0.0.1", "localhost", 104, "")
    assert comes_from("::ffff:127.0.0.1", "127.0.0.1", 104, "")
    assert not comes_from("10.0.0.1", "127.0.0.1", 104, "")
    assert comes_from("10.0.0.1", "127.0.0.1", 104, "10.0.0.0/24\n192.0.2.1")
    assert not comes_from("10.0.1.1", "127.0.0.1", 104, "10.0.0.0/24")
    assert not comes_from("10.0.1.1", "no-such-host.invalid", 104, "")
