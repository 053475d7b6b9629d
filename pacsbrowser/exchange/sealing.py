"""Secrets of other systems, sealed with the signing key: whoever has a copy of the database alone cannot read them.

The key of a secret and the pad it is added to come from SHAKE-256 (FIPS 202) over the signing key and a fresh nonce;
what is sealed is authenticated by HMAC-SHA-256.
"""

import base64
import hashlib
import hmac
import secrets

from django.conf import settings

_NONCE, _MARK = 16, 32
_PURPOSE = b"pacsbrowser.exchange.sealing"


class Unreadable(Exception):
    """A secret was sealed with another signing key, or is damaged."""


def seal(text: str) -> str:
    """Return a text sealed; '' stays ''."""
    if not text:
        return ""
    nonce, data = secrets.token_bytes(_NONCE), text.encode()
    key, pad = _derive(nonce, len(data))
    hidden = bytes(one ^ other for one, other in zip(data, pad, strict=True))
    return base64.b64encode(nonce + _mark(key, nonce + hidden) + hidden).decode()


def unseal(sealed: str) -> str:
    """Return what was sealed; raises Unreadable."""
    if not sealed:
        return ""
    try:
        raw = base64.b64decode(sealed, validate=True)
    except ValueError:
        raise Unreadable("The secret is damaged.") from None
    nonce, mark, hidden = raw[:_NONCE], raw[_NONCE : _NONCE + _MARK], raw[_NONCE + _MARK :]
    key, pad = _derive(nonce, len(hidden))
    if not hmac.compare_digest(mark, _mark(key, nonce + hidden)):
        raise Unreadable("The secret was sealed with another signing key. Enter it again.")
    return bytes(one ^ other for one, other in zip(hidden, pad, strict=True)).decode()


def _derive(nonce: bytes, length: int) -> tuple[bytes, bytes]:
    seed = b"\0".join((_PURPOSE, str(settings.SECRET_KEY).encode(), nonce))
    stream = hashlib.shake_256(seed).digest(_MARK + length)
    return stream[:_MARK], stream[_MARK:]


def _mark(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()
