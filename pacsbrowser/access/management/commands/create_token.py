"""`manage.py create_token USER --scope read,store`: an API token for a program, printed once."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from pacsbrowser.access.models import User
from pacsbrowser.access.tokens import make_token
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import record


class Command(BaseCommand):
    """Makes a token and prints it as the last word, so that a script can take it from there."""

    help = "Make an API token for a user and print it. It is not kept and cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("user", help="user name of whom the program acts for")
        parser.add_argument("--scope", default="read", help="read, store, or read,store (default: read)")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument("--days", type=int, help="days until it expires (default: never)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the token."""
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['user']!r}.")
        scope = {word.strip() for word in options["scope"].split(",")}
        if not scope <= {"read", "store"}:
            raise CommandError("The scope is read, store, or read,store.")
        if "store" in scope and not user.may_upload:
            raise CommandError(f"{user.username} may not upload, so a token cannot store. The role has to be Uploader.")
        self.stdout.write(f"Token for {user.username} ({options['scope']}): {self._make(user, scope, options)}")

    @transaction.atomic
    def _make(self, user: User, scope: set[str], options: dict[str, Any]) -> str:
        days = options["days"]
        row, secret = make_token(
            user,
            options["name"][:80],
            may_read="read" in scope,
            may_store="store" in scope,
            expires=timezone.now() + timedelta(days=days) if days is not None else None,
        )
        detail = {"changed": ["API token made"], "token": row.start, "scope": row.scope}
        record(Action.USER_CHANGE, who="command line", door="command", object=user.username, detail=detail)
        return secret
