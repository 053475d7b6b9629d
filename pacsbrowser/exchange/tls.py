"""TLS as the one who connects: whose certificates are believed."""

import ssl

from django.conf import settings


def client_context() -> ssl.SSLContext:
    """Return how other systems are called over TLS.

    The authorities of the machine are believed, and those that the operator names as well. Callers are held against
    the named ones alone, for whoever has any certificate of the web must not get in by it.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.DIMSE_TLS_CA:
        context.load_verify_locations(settings.DIMSE_TLS_CA)
    return context
