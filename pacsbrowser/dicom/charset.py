"""Text by its declared character sets (PS3.3 C.12.1.1.2, PS3.5 6.1): always some text, never an exception.

An own decoder: ISO 2022 IR 58 and ISO_IR 203 are missing from pydicom, and what does not fit the declared set has
to be told, not only replaced.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

# Defined Terms without code extensions, and what their code elements G0 and G1 hold at the start of a text.
_SINGLE = {
    "100": "latin_1", "101": "iso8859_2", "109": "iso8859_3", "110": "iso8859_4", "144": "iso8859_5",
    "127": "iso8859_6", "126": "iso8859_7", "138": "iso8859_8", "148": "iso8859_9", "203": "iso8859_15",
    "166": "tis_620",
}  # fmt: skip
_WHOLE = {"ISO_IR 192": "utf_8", "GB18030": "gb18030", "GBK": "gbk"}
_TWO_BYTES = {"149": "euc_kr", "58": "gb2312"}  # sets that fill G1 with two bytes a character

# Escape sequences of PS3.3 Tables C.12-3 and C.12-4: the code element they fill, with what.
_ESCAPES = {
    b"(B": (0, "ascii"), b"(J": (0, "jis_roman"), b")I": (1, "jis_katakana"),
    b"-A": (1, "latin_1"), b"-B": (1, "iso8859_2"), b"-C": (1, "iso8859_3"), b"-D": (1, "iso8859_4"),
    b"-L": (1, "iso8859_5"), b"-G": (1, "iso8859_6"), b"-F": (1, "iso8859_7"), b"-H": (1, "iso8859_8"),
    b"-M": (1, "iso8859_9"), b"-b": (1, "iso8859_15"), b"-T": (1, "tis_620"),
    b"$B": (0, "jis_x_0208"), b"$@": (0, "jis_x_0208"), b"$(D": (0, "jis_x_0212"),
    b"$)C": (1, "euc_kr"), b"$)A": (1, "gb2312"),
}  # fmt: skip
_SET_OF_ESCAPE = {
    "ascii": "6", "jis_roman": "13", "jis_katakana": "13", "jis_x_0208": "87", "jis_x_0212": "159", "euc_kr": "149",
    "gb2312": "58", **{codec: number for number, codec in _SINGLE.items()},
}  # fmt: skip
_NUMBERS = {*_SINGLE, *_TWO_BYTES, "6", "13", "87", "159"}
_ESCAPE = re.compile(rb"\x1b(\$[()][A-Za-z]|\$[A-Za-z@]|[(),\-./][A-Za-z0-9])")
_TERM = re.compile(r"ISO[ _-]*(2022)?[ _-]*IR[ _-]*(\d+)|ISO[ _-]*2022[ _-]*(58)")
_PARTS = ("1:100", "2:101", "3:109", "4:110", "5:144", "6:127", "7:126", "8:138", "9:148", "15:203")
_LATIN = dict(part.split(":") for part in _PARTS)  # parts of ISO 8859
_LATIN_SETS = {"100", "101", "109", "110", "148", "203"}
_ALIASES = {"UTF8": "ISO_IR 192", "UNICODE": "ISO_IR 192", "GB2312": "GBK", "ISO 2022 GBK": "GBK", "ASCII": "ISO_IR 6"}
_CONTROLS = dict.fromkeys((*range(9), 11, *range(14, 32), *range(127, 160)), "\ufffd")
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, eq=False)
class CharacterSets:
    """The declared sets, understood: `whole` codec of the text, or numbers of ISO 2022 sets, the first at the start.

    `second` is a codec that must stand alone but was declared among others: taken where the bytes are valid in it.
    """

    whole: str | None
    numbers: tuple[str, ...]
    declared: bool
    problem: str  # the term that is unknown or misspelt, '' when all is well
    second: str | None = None


class Text(NamedTuple):
    """Decoded text, and what was wrong with its bytes: '', "undecodable", "undeclared" or "suspicious"."""

    value: str
    problem: str = ""
    detail: str = ""


def _normal_term(term: str) -> tuple[str, bool]:
    """Return a Defined Term in its right spelling, and whether it was spelt so; '' for one that is unknown."""
    upper = " ".join(term.upper().split())
    if upper in _WHOLE:
        return upper, term == upper
    bare = upper.replace("-", "").replace("_", "")
    if upper in _ALIASES or bare in _ALIASES:
        return _ALIASES.get(upper) or _ALIASES[bare], upper == "ISO 2022 GBK"
    found = _TERM.fullmatch(upper)
    if found:
        number = found[2] or found[3]
        if number == "192":
            return "ISO_IR 192", term == "ISO_IR 192"
        normal = f"ISO 2022 IR {number}" if found[1] or found[3] else f"ISO_IR {number}"
        return (normal, term == normal) if number in _NUMBERS else ("", False)
    latin = re.fullmatch(r"(?:ISO)?[ _-]*(?:8859[ _-]*|LATIN[ _-]*)(\d+)", upper)
    if latin and latin[1] in _LATIN:
        return f"ISO_IR {_LATIN[latin[1]]}", False
    return "", False


@lru_cache(maxsize=512)
def parse_character_sets(declared: str) -> CharacterSets:
    """Understand the value of Specific Character Set (0008,0005); misspelt terms are understood and reported."""
    terms = [term.strip(" \0") for term in declared[:1024].split("\\")][:10]
    numbers: list[str] = []
    problem = ""
    whole = second = None
    for place, term in enumerate(terms):
        if not term:
            numbers += ["6"] if place == 0 else []
            continue
        normal, exact = _normal_term(term)
        if not exact:
            problem = problem or term
        if normal in _WHOLE:
            if place == 0:
                whole = _WHOLE[normal]
            else:
                problem, second = problem or term, _WHOLE[normal]
        elif normal:
            numbers.append(normal.rpartition(" ")[2])
        elif place == 0:
            numbers.append("6")
    return CharacterSets(whole, tuple(numbers or ["6"]), any(terms), problem, second)


DEFAULT = parse_character_sets("")


def decode(raw: bytes, sets: CharacterSets = DEFAULT, is_name: bool = False) -> Text:
    """Decode the bytes of a text value; what cannot be read becomes U+FFFD and is told."""
    if raw.isascii() and b"\x1b" not in raw:
        return Text(raw.decode("ascii"))
    if sets.whole:
        return _decode_whole(raw, sets.whole)
    if not sets.declared:
        return _decode_undeclared(raw)
    if sets.second:
        try:
            return Text(raw.decode(sets.second))
        except UnicodeDecodeError:
            pass
    return _decode_extended(raw, sets, is_name)


def clean(text: str) -> str:
    """Replace what no index and no page can hold: NUL, other control characters, surrogates; line ends and TAB stay."""
    if text.isascii() and text.isprintable():
        return text
    return _SURROGATES.sub("\ufffd", text.translate(_CONTROLS))


def _decode_whole(raw: bytes, codec: str) -> Text:
    text = raw.decode(codec, "replace")
    if "\ufffd" in text:
        return Text(text, "undecodable", codec)
    return Text(text)


def _decode_undeclared(raw: bytes) -> Text:
    """Without a declared set only ASCII is legal; UTF-8 is recognised by its form, all else is not guessed."""
    if b"\x1b" in raw:
        text = _decode_extended(raw, CharacterSets(None, ("6",), True, ""), True)
        return Text(text.value, text.problem or "undeclared", text.detail)
    try:
        return Text(raw.decode("utf_8"), "undeclared", "utf_8")
    except UnicodeDecodeError:
        return Text(raw.decode("ascii", "replace"), "undecodable", "ascii")


def _decode_extended(raw: bytes, sets: CharacterSets, is_name: bool) -> Text:
    """Decode with code extensions (PS3.5 6.1.2.5): escape sequences fill G0 and G1, delimiters empty them again."""
    initial = _initial_codes(sets.numbers[0])
    codes = list(initial)
    parts: list[str] = []
    undecodable, undeclared, position = False, "", 0
    for found in [*_ESCAPE.finditer(raw), None]:
        piece = raw[position : found.start() if found else len(raw)]
        undecodable |= _decode_piece(piece, codes, initial, is_name, parts)
        if found is None:
            break
        position = found.end()
        target = _ESCAPES.get(found[1])
        if target is None:
            parts.append("\ufffd")
            undecodable = True
            continue
        codes[target[0]] = target[1]
        if target[1] != "ascii" and _SET_OF_ESCAPE[target[1]] not in sets.numbers:
            undeclared = undeclared or f"ISO 2022 IR {_SET_OF_ESCAPE[target[1]]}"
    text = "".join(parts)
    if undecodable:
        return Text(text, "undecodable", "\\".join(sets.numbers))
    if undeclared:
        return Text(text, "undeclared", undeclared)
    guess = _other_reading(raw, sets.numbers[0] in _LATIN_SETS) if sets.numbers[0] in _SINGLE else ""
    return Text(text, "suspicious", guess) if guess else Text(text)


def _initial_codes(number: str) -> list[str]:
    if number == "13":
        return ["jis_roman", "jis_katakana"]
    if number in _TWO_BYTES:
        return ["ascii", _TWO_BYTES[number]]
    return ["ascii", _SINGLE.get(number, "")]


_DELIMITERS = re.compile(rb"([\r\n\f\t\\])")
_NAME_DELIMITERS = re.compile(rb"([\r\n\f\t\\^=])")


def _decode_piece(piece: bytes, codes: list[str], initial: list[str], is_name: bool, parts: list[str]) -> bool:
    """Decode what stands between two escape sequences; say whether something could not be read."""
    bad = False
    if codes[0] in ("jis_x_0208", "jis_x_0212"):
        # Two bytes a character, in which the bytes of ^ = \ are none; the text must return to ASCII before these.
        even = piece[: len(piece) & ~1]
        text = _decode_jis(even, codes[0])
        if len(piece) & 1:
            text += piece[-1:].decode("ascii", "replace")
            bad = True
        parts.append(text)
        return bad or "\ufffd" in text
    for chunk in (_NAME_DELIMITERS if is_name else _DELIMITERS).split(piece):
        if len(chunk) == 1 and chunk in b"\r\n\f\t\\^=" and (is_name or chunk not in b"^="):
            # G1 stays where the start of the text leaves it empty: many writers do not repeat the escape sequence.
            codes[:] = [initial[0], initial[1] or codes[1]]
            parts.append(chunk.decode("ascii"))
        elif chunk:
            text = _decode_run(chunk, codes)
            parts.append(text)
            bad |= "\ufffd" in text
    return bad


def _decode_jis(pairs: bytes, code: str) -> str:
    """Decode pairs of JIS X 0208 or 0212 through EUC-JP, where both are told apart by a leading 8FH."""
    high = bytes(byte | 0x80 for byte in pairs)
    if code == "jis_x_0212":
        high = b"".join(b"\x8f" + high[at : at + 2] for at in range(0, len(high), 2))
    return high.decode("euc_jp", "replace")


def _decode_run(chunk: bytes, codes: list[str]) -> str:
    g0, g1 = codes
    if g1 == "jis_katakana":
        return "".join(_jis_x_0201(byte) for byte in chunk)
    if g0 == "jis_roman" and chunk.isascii():
        return chunk.decode("ascii")
    return chunk.decode(g1 or "ascii", "replace")


def _jis_x_0201(byte: int) -> str:
    # 5CH and 7EH are yen and overline here, yet written as backslash and tilde by all systems alike.
    if byte < 0x80:
        return chr(byte)
    return chr(0xFF61 + byte - 0xA1) if 0xA1 <= byte <= 0xDF else "\ufffd"


def _other_reading(raw: bytes, latin: bool) -> str:
    """Guess the true set of bytes declared as a one-byte set: UTF-8 by its form, GBK where nearly all bytes are high.

    European names have a few high bytes among letters; Chinese ones under a Latin label are runs of high pairs.
    """
    try:
        raw.decode("utf_8")
        return "utf_8"
    except UnicodeDecodeError:
        pass
    if not latin:
        return ""
    runs = re.findall(rb"[\x81-\xfe]{2,}", raw)
    high = sum(len(run) for run in runs)
    letters = sum(1 for byte in raw if 65 <= byte <= 90 or 97 <= byte <= 122 or byte >= 0x80)
    if not runs or any(len(run) & 1 for run in runs) or high < 4 or high < 0.8 * letters:
        return ""
    common = sum(1 for run in runs for at in range(0, len(run), 2) if 0xB0 <= run[at] <= 0xF7 and run[at + 1] >= 0xA1)
    return "gbk" if common * 2 == high else ""


def codec_of(declared: str) -> str:
    """Return Python's name of the codec of one declared set without code extensions, '' for all else."""
    sets = parse_character_sets(declared)
    if sets.whole:
        return sets.whole
    return _SINGLE.get(sets.numbers[0], "") if len(sets.numbers) == 1 and "\\" not in declared else ""
