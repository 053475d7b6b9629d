"""Secrets of other systems, sealed with the signing key: whoever has a copy of the database alone cannot read them.

Fernet (AES-128-CBC with HMAC-SHA-256) does it, with a key that HKDF (RFC 5869) derives from the signing key.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_PURPOSE = b"pacsbrowser.exchange.sealing"


class Unreadable(Exception):
    """A secret was sealed with another signing key, or is damaged."""


def seal(text: str) -> str:
    """Return a text sealed; '' stays ''."""
    return _fernet().encrypt(text.encode()).decode() if text else ""


def unseal(sealed: str) -> str:
    """Return what was sealed; raises Unreadable."""
    if not sealed:
        return ""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable(
            "The stored password or token cannot be read: it was sealed with another signing key, or is damaged. "
            "Enter it again on the page of the node."
        ) from None


def _fernet() -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=_PURPOSE).derive(str(settings.SECRET_KEY).encode())
    return Fernet(base64.urlsafe_b64encode(derived))
