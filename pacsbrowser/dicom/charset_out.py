"""Text in the character sets that somebody asks for (PS3.3 C.12.1.1.2): held exactly, or not at all."""

import re

from pydicom.charset import convert_encodings, encode_string, python_encoding
from pydicom.valuerep import PersonName

from pacsbrowser.dicom.charset import codec_of, decode, parse_character_sets

_ASCII = python_encoding["ISO_IR 6"]
# Simplified Chinese in G1 beside ASCII (PS3.5 Annex K), which pydicom does not write.
_CHINESE = "ISO 2022 IR 58"
_DESIGNATE_CHINESE = b"\x1b$)A"
# What ends a designation: delimiters of values and of lines, and in names those of groups and components.
_DELIMITERS = re.compile(r"([\\\t\n\f\r])")
_DELIMITERS_OF_NAMES = re.compile(r"([\\\t\n\f\r^=])")


def encode(text: str, declared: str, is_name: bool) -> bytes | None:
    """Return the bytes of a text, None where the declared sets cannot hold it: they are read again to make sure."""
    if text.isascii():
        return text.encode()
    sets = parse_character_sets(declared)
    if not sets.declared or sets.problem:
        return None
    try:
        codec = codec_of(declared)
        raw = text.encode(codec) if codec else _extended(text, declared, is_name)
    except (UnicodeError, LookupError, ValueError):
        return None
    return raw if raw and decode(raw, sets, is_name).value == text else None


def _extended(text: str, declared: str, is_name: bool) -> bytes:
    """Encode with code extensions, which begin anew at each delimiter (PS3.5 6.1.2.5.3); b"" where that cannot be."""
    terms = declared.split("\\")
    if _CHINESE in terms and {*terms} <= {"", "ISO 2022 IR 6", _CHINESE}:
        return _in_chinese(text, is_name)
    if not all(term in python_encoding for term in terms):
        return b""
    codecs = convert_encodings(terms)
    if not any(codec.startswith("iso2022") for codec in codecs):
        # pydicom writes Latin 1 as if it were ASCII; for the sets of Japan it needs that name to lead back from them
        codecs = ["ascii" if codec == _ASCII else codec for codec in codecs]
    if not all(any(_holds(codec, sign) for codec in codecs) for sign in set(text)):
        return b""
    if is_name:
        return b"\\".join(PersonName(part).encode(codecs) for part in text.split("\\"))
    return b"\\".join(encode_string(part, codecs) for part in text.split("\\"))


def _in_chinese(text: str, is_name: bool) -> bytes:
    parts = (_DELIMITERS_OF_NAMES if is_name else _DELIMITERS).split(text)
    return b"".join(part.encode() if part.isascii() else _DESIGNATE_CHINESE + part.encode("gb2312") for part in parts)


def _holds(codec: str, sign: str) -> bool:
    try:
        sign.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
