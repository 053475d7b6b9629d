"""API tokens: made for a user, shown once, found again by their digest, and used by programs instead of a password."""

import base64
import binascii
import hashlib
import secrets
from datetime import datetime, timedelta
from functools import cache

from django.utils import timezone

from pacsbrowser.access.models import Token, User
from pacsbrowser.prepared import Prepared, Slot

# The time of last use is written at most this often, so that reading does not mean writing the database.
WRITE_EVERY = timedelta(minutes=1)


def make_token(
    user: User, name: str, *, may_read: bool = True, may_store: bool = False, expires: datetime | None = None
) -> tuple[Token, str]:
    """Make a token and return its row and the secret, which is not kept."""
    secret = Token.PREFIX + secrets.token_urlsafe(32)
    row = Token.objects.create(
        user=user,
        name=name,
        digest=_digest(secret),
        start=secret[: len(Token.PREFIX) + Token.SHOWN],
        may_read=may_read,
        may_store=may_store,
        created=timezone.now(),
        expires=expires,
    )
    return row, secret


def find_token(authorization: str) -> Token | None:
    """Return the good token that an Authorization header carries, with its user; None for anything else.

    Args:
        authorization: `Bearer <secret>` (RFC 6750 2.1), or `Basic` (RFC 7617) with the secret as the password,
            whatever the user name.
    """
    scheme, _, rest = authorization.partition(" ")
    secret = rest.strip()
    if scheme.lower() == "basic":
        secret = _password(secret)
    elif scheme.lower() != "bearer":
        return None
    if not secret.startswith(Token.PREFIX):
        return None
    found = _by_digest().find(digest=_digest(secret))
    return found[0] if found and not found[0].has_expired else None


@cache
def _by_digest() -> Prepared[Token]:
    rows = Token.objects.select_related("user").filter(digest=Slot("digest"), user__is_active=True)
    # what no program is told, and what changes with every visit of the user, need not be read
    return Prepared(rows.defer("created", "user__password", "user__last_login", "user__date_joined"), kept=64)


def note_use(token: Token) -> None:
    """Keep the time of use, at most once a minute."""
    now = timezone.now()
    if token.last_used is None or now - token.last_used >= WRITE_EVERY:
        Token.objects.filter(pk=token.pk).update(last_used=now)


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _digest(secret: str) -> str:
    # a secret of 256 random bits needs no slow hash: there is nothing to guess
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
