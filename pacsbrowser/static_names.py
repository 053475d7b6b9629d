"""Which static files never change under their name, and what browsers are told about them.

What the viewer is built into (`static/viewer/`) carries digests in its names already, by which its files know each
other. The rest gets its digests from Django when it is collected.
"""

import re
from wsgiref.headers import Headers

_BUILT = re.compile(r"(^|/)viewer/.+-[\w-]{8}\.\w+$", re.ASCII)
_HASHED = re.compile(r"\.[0-9a-f]{12}\.\w+$", re.ASCII)
_WORKERS = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"


def is_built(name: str) -> bool:
    """Say whether a file was named by the build of the viewer."""
    return bool(_BUILT.search(name))


def never_changes(path: str, url: str) -> bool:
    """Say whether a file's name carries its digest, so that browsers may keep it forever."""
    return is_built(url) or bool(_HASHED.search(url))


def add_headers(headers: Headers, path: str, url: str) -> None:
    """Let the viewer's workers compile WebAssembly: inside them the policy of their own file counts."""
    if is_built(url):
        headers["Content-Security-Policy"] = _WORKERS
