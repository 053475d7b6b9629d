"""Text in a drawing: how wide it will be, where it is cut or broken, and what keeps it harmless.

SVG neither wraps nor clips text, and the reader's font is not known: widths are estimated with the metrics of a wide
sans (DejaVu Sans), so that in most fonts a little room is left over.
"""

import unicodedata
from functools import cache

_EM = {
    **dict.fromkeys("iIjl.,:;'|!` ·", 0.318),
    **dict.fromkeys('ft()[]{}/\\-r"', 0.411),
    **dict.fromkeys("mMwW@%&", 0.95),
    **dict.fromkeys("…", 1.0),
}
_MONO_EM = 0.61
_BOLDER = 1.1
ELLIPSIS = "…"
# Characters that steer the direction of what follows them, also beyond the text that they came in (UAX 9).
_BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])


def harmless(text: str) -> str:
    """Return text on one line, without what XML 1.0 forbids and without controls of its direction."""
    text = text.translate(_BIDI_CONTROLS)
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()


def isolate(text: str) -> str:
    """Return text that keeps its own direction and leaves its neighbours theirs (UAX 9: FSI … PDI), as `bdi` does."""
    return f"\u2068{text}\u2069" if text and not text.isascii() else text


@cache
def _em(letter: str) -> float:
    if letter in _EM:
        return _EM[letter]
    if unicodedata.combining(letter) or unicodedata.category(letter) == "Cf":
        return 0.0
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.0
    return 0.7 if letter.isupper() else 0.636


def width_of(text: str, size: float = 12, *, bold: bool = False, mono: bool = False) -> float:
    """Return about how wide `text` is drawn at a font size."""
    if mono:
        wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
        return (len(text) + wide) * _MONO_EM * size
    return sum(map(_em, text)) * size * (_BOLDER if bold else 1)


def fit(text: str, room: float, size: float = 12, *, bold: bool = False) -> str:
    """Return text cut with an ellipsis where it would be wider than `room`."""
    text = text[:400]
    if width_of(text, size, bold=bold) <= room:
        return text
    left = room / size / (_BOLDER if bold else 1) - _em(ELLIPSIS)
    for place, letter in enumerate(text):
        left -= _em(letter)
        if left < 0:
            return text[:place].rstrip() + ELLIPSIS
    return text


def wrap(text: str, room: float, lines: int, size: float = 12, *, bold: bool = False) -> list[str]:
    """Return text broken into at most `lines` lines, at spaces where there are any; the last is cut."""
    found: list[str] = []
    while text and len(found) < lines - 1:
        head, text = _break(text, room, size, bold)
        found.append(head)
    return [*found, fit(text, room, size, bold=bold)] if text else found


def _break(text: str, room: float, size: float, bold: bool) -> tuple[str, str]:
    used = 0.0
    for place, letter in enumerate(text):
        used += _em(letter) * size * (_BOLDER if bold else 1)
        if used > room and place:
            space = text.rfind(" ", 0, place + 1)
            end = space if space > place // 4 else place
            return text[:end].rstrip(), text[end:].lstrip()
    return text, ""


def wrap_uid(uid: str, room: float, lines: int, size: float = 10.5) -> list[str]:
    """Return a UID broken into at most `lines` lines of one length; a UID may lose its root, never its end."""
    a_line = max(8, int(room / (_MONO_EM * size)))
    if len(uid) > a_line * lines:
        uid = ELLIPSIS + uid[-(a_line * lines - 1) :]
    step = -(-len(uid) // -(-len(uid) // a_line)) if uid else 1
    return [uid[start : start + step] for start in range(0, len(uid), step)]


def tail(uid: str) -> str:
    """Return a UID short: an ellipsis and its last characters."""
    return uid if len(uid) <= 13 else ELLIPSIS + uid[-12:]
