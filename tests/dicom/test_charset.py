"""Text by its declared character sets; always some text, and what is wrong is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.dicom.charset import clean, decode, parse_character_sets


@pytest.mark.parametrize(
    ("declared", "raw", "text"),
    [
        ("", b"Adams^John", "Adams^John"),
        ("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        ("ISO_IR 144", "Люкceмбypг".encode("iso8859_5"), "Люкceмбypг"),
        ("ISO_IR 126", "Διονυσιος".encode("iso8859_7"), "Διονυσιος"),
        ("ISO_IR 203", b"Caf\xe9 \xa4", "Café €"),
        ("ISO_IR 166", "นาย".encode("tis_620"), "นาย"),
        ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 192", "Wang^XiaoDong=王^小东".encode(), "Wang^XiaoDong=王^小东"),
        ("GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
        ("GBK", "誠^昞".encode("gbk"), "誠^昞"),
        (
            "\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            "\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        ("\\ISO 2022 IR 58", b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="),
        ("ISO 2022 IR 100\\ISO 2022 IR 126", b"Dionysios \x1b-F\xc4", "Dionysios Δ"),
    ],
)
def test_examples_of_the_standard(declared: str, raw: bytes, text: str) -> None:
    decoded = decode(raw, parse_character_sets(declared), is_name=True)
    assert (decoded.value, decoded.problem) == (text, "")


@pytest.mark.parametrize(
    ("declared", "raw", "text", "problem"),
    [
        ("ISO_IR 100", "张志宏".encode("gbk"), "ÕÅÖ¾ºê", "suspicious"),
        ("ISO_IR 100", "Müller".encode(), "MÃ¼ller", "suspicious"),
        ("ISO_IR 192", b"M\xfcller", "M\ufffdller", "undecodable"),
        ("", "Müller".encode(), "Müller", "undeclared"),
        ("", b"M\xfcller", "M\ufffdller", "undecodable"),
        ("ISO_IR 100", b"Wang=\x1b$)A\xcd\xf5", "Wang=王", "undeclared"),
        ("\\ISO 2022 IR 87", b"Yamada=\x1b$B;3E", "Yamada=山E", "undecodable"),
    ],
)
def test_what_does_not_fit_is_said(declared: str, raw: bytes, text: str, problem: str) -> None:
    decoded = decode(raw, parse_character_sets(declared), is_name=True)
    assert (decoded.value, decoded.problem) == (text, problem)


@pytest.mark.parametrize("name", ["Größ^Jörg", "Çelik^Şule", "Åström^Åke", "Ñandú", "ÄÖÜ"])
def test_european_names_are_not_suspicious(name: str) -> None:
    raw = name.encode("iso8859_9")
    assert decode(raw, parse_character_sets("ISO_IR 148"), is_name=True).problem == ""


@pytest.mark.parametrize("term", ["ISO_IR_192", "ISO IR 192", "iso_ir 192", "UTF-8", "UTF8", "ISO-IR 192"])
def test_misspelt_terms_are_understood_and_reported(term: str) -> None:
    sets = parse_character_sets(term)
    assert sets.problem == term
    assert decode("王".encode(), sets).value == "王"


def test_unknown_terms_are_reported() -> None:
    assert parse_character_sets("ISO_IR 999").problem == "ISO_IR 999"
    assert parse_character_sets("ISO_IR 100").problem == ""
    assert parse_character_sets("").problem == ""


DECLARED = [
    "", "ISO_IR 100", "ISO_IR 13", "ISO_IR 192", "GB18030", "GBK", "\\ISO 2022 IR 87", "\\ISO 2022 IR 149",
    "\\ISO 2022 IR 58", "ISO 2022 IR 13\\ISO 2022 IR 159",
]  # fmt: skip


@given(st.binary(max_size=60), st.sampled_from(DECLARED), st.booleans())
def test_any_bytes_become_text(raw: bytes, declared: str, is_name: bool) -> None:
    text = clean(decode(raw, parse_character_sets(declared), is_name).value)
    assert "\0" not in text
    text.encode("utf_8")


@given(st.text(), st.text())
def test_any_declaration_is_understood(declared: str, text: str) -> None:
    sets = parse_character_sets(declared)
    assert decode(text.encode("utf_8", "ignore"), sets) is not None
