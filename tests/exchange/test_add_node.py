"""Nodes by the command line: of either kind, trusted wherever they are."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from pacsbrowser.access.models import User
from pacsbrowser.exchange.models import FetchBy, Kind, Login, Node
from pacsbrowser.exchange.sealing import unseal

pytestmark = pytest.mark.django_db


def add(*arguments: str) -> Node:
    said = io.StringIO()
    call_command("add_node", *arguments, stdout=said)
    node = Node.objects.get(name=arguments[0])
    assert node.where in said.getvalue()
    return node


def test_a_dicomweb_node(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret\n")
    node = add("Web", "--url", "http://127.0.0.1:8042/dicom-web", "--token-file", str(file))
    assert (node.kind, node.login, unseal(node.secret), node.is_trusted) == (
        Kind.DICOMWEB,
        Login.BEARER,
        "secret",
        True,
    )
    node = add("Web", "--url", "http://127.0.0.1:8042/dicom-web", "--user", "anna", "--token-file", str(file))
    assert (node.login, node.username) == (Login.BASIC, "anna")
    assert Node.objects.count() == 1


def test_the_account_that_a_node_uses_here() -> None:
    user = User.objects.create_user("other-archive", password="x")
    assert add("Web", "--url", "http://127.0.0.1:8042/", "--account", "other-archive").account == user
    with pytest.raises(CommandError, match="no user nobody"):
        add("Web", "--url", "http://127.0.0.1:8042/", "--account", "nobody")


def test_a_dimse_node_that_is_fetched_from_by_c_get() -> None:
    node = add("Dimse", "--aet", "AE", "--host", "localhost", "--get")
    assert (node.kind, node.fetch_by, node.secret) == (Kind.DIMSE, FetchBy.GET, "")


@pytest.mark.parametrize(
    "arguments",
    [("--aet", "AE"), ("--host", "h"), ("--url", "nonsense"), ("--url", "http://h", "--token-file", "nowhere")],
)
def test_what_is_missing_is_said(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        add("Bad", *arguments)
