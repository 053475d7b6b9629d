"""`manage.py add_node NAME …`: a remote node, DIMSE or DICOMweb, added by the operator of this machine."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from pacsbrowser.access.models import User
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record
from pacsbrowser.exchange.addresses import parse_networks
from pacsbrowser.exchange.models import RIGHTS, FetchBy, Kind, Login, Node
from pacsbrowser.exchange.sealing import seal


class Command(BaseCommand):
    """Adds a node or, where the name is known, changes it."""

    help = "Add a DICOM node, or change the one of this name. Its host may be any address, also of this machine."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", help="what people call it")
        parser.add_argument("--aet", default="", help="its AE title, as which it calls and is called")
        parser.add_argument("--host", default="", help="name or address")
        parser.add_argument("--port", type=int, default=104, help="where it listens (default: 104)")
        parser.add_argument("--tls", action="store_true", help="call it over TLS")
        parser.add_argument(
            "--may", default="store,find,get,move", metavar="WORDS",
            help="what it may ask of this archive: store,find,get,move (default: all), or nothing",
        )  # fmt: skip
        parser.add_argument(
            "--from", dest="addresses", default="", metavar="ADDRESSES",
            help="addresses or networks its calls come from, separated by commas (default: those of the host)",
        )  # fmt: skip
        parser.add_argument("--get", action="store_true", help="fetch from it by C-GET (default: by C-MOVE)")
        parser.add_argument("--url", default="", help="the URL of its DICOMweb service, in place of AE title and host")
        parser.add_argument("--user", default="", help="user name for that, if it wants a password")
        parser.add_argument("--token-file", metavar="FILE", help="file with the token, or with the password of --user")
        parser.add_argument("--account", default="", metavar="USER", help="whose API token it uses here")
        parser.add_argument(
            "--institution", action="append", default=[], help="limit it to studies of an institution; may be repeated"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Add it."""
        words = {word.strip() for word in options["may"].split(",")} - {"", "nothing"}
        if not words <= set(RIGHTS):
            raise CommandError(f"--may takes {', '.join(RIGHTS)}, or nothing.")
        addresses = options["addresses"].replace(",", "\n")
        try:
            parse_networks(addresses.splitlines())
        except ValueError as error:
            raise CommandError(f"--from: {error}.") from None
        node = Node.objects.filter(name=options["name"]).first() or Node(name=options["name"])
        node.kind = Kind.DICOMWEB if options["url"] else Kind.DIMSE
        node.ae_title, node.host, node.port = options["aet"], options["host"], options["port"]
        node.fetch_by = FetchBy.GET if options["get"] else FetchBy.MOVE
        self._set_web(node, options)
        node.tls, node.addresses, node.is_trusted = options["tls"], addresses, True
        node.institutions = "\n".join(options["institution"])
        for word in RIGHTS:
            setattr(node, f"may_{word}", word in words)
        self._save(node)
        self.stdout.write(f"Node {node.name}: {node.where}.")

    def _set_web(self, node: Node, options: dict[str, Any]) -> None:
        """Set where its DICOMweb service is, and how to log in to it."""
        node.url, node.username = options["url"], options["user"]
        node.login, node.secret = Login.NONE, ""
        node.account = User.objects.filter(username=options["account"]).first() if options["account"] else None
        if options["account"] and node.account is None:
            raise CommandError(f"--account: there is no user {options['account']}.")
        if path := options["token_file"]:
            try:
                secret = Path(path).read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise CommandError(f"--token-file: {error}.") from None
            node.login, node.secret = Login.BASIC if node.username else Login.BEARER, seal(secret)

    def _save(self, node: Node) -> None:
        try:
            node.full_clean()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        with transaction.atomic():
            node.save()
            record(Action.NODE_CHANGE, who="command line", door="command", object=node.name)
