"""Text goes into the sets that were asked for, exactly, or not at all; pydicom reads it as the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import PersonName

from pacsbrowser.dicom.charset import decode, parse_character_sets
from pacsbrowser.dicom.charset_out import encode

JAPANESE, KATAKANA = "\\ISO 2022 IR 87", "ISO 2022 IR 13\\ISO 2022 IR 87"
NAMES = [
    (JAPANESE, "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (KATAKANA, "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    ("\\ISO 2022 IR 149", "Hong^Gildong=洪^吉洞=홍^길동"),
    ("ISO 2022 IR 6\\ISO 2022 IR 100", "Müller^Jörg"),
    ("ISO_IR 100", "Müller^Jörg"),
    ("ISO_IR 144", "Люкceмбypг"),
    ("ISO 2022 IR 100\\ISO 2022 IR 144", "Müller^Люкceмбypг"),
    ("ISO_IR 192", "王^小东"),
    ("GB18030", "王^小东"),
]
# Sets that pydicom does not read.
MORE = ["\\ISO 2022 IR 58"]


@pytest.mark.parametrize(("declared", "name"), NAMES)
def test_names(declared: str, name: str) -> None:
    raw = encode(name, declared, True)
    assert raw is not None
    assert str(PersonName(raw, convert_encodings(declared.split("\\"))).decode()) == name


def test_the_example_of_the_standard() -> None:
    """PS3.5 K.2."""
    raw = encode("Zhang^XiaoDong=张^小东=", "\\ISO 2022 IR 58", True)
    assert raw == b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="


@pytest.mark.parametrize(("declared", "text"), [(JAPANESE, "頭部CT\\胸部"), ("\\ISO 2022 IR 149", "두부 CT")])
def test_other_text(declared: str, text: str) -> None:
    raw = encode(text, declared, False)
    assert raw is not None
    codecs = convert_encodings(declared.split("\\"))
    assert [decode_bytes(part, codecs, set(b"\\")) for part in raw.split(b"\\")] == text.split("\\")


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (JAPANESE, "Müller"),
        ("ISO_IR 100", "王"),
        ("", "ü"),
        ("nonsense", "ü"),
        ("ISO_IR 100\\nonsense", "ü"),
        ("\\ISO 2022 IR 58", "홍"),
    ],
)
def test_what_cannot_be_held_is_told(declared: str, text: str) -> None:
    assert encode(text, declared, True) is None
    assert encode("plain", declared, True) == b"plain"


@given(st.sampled_from([*(declared for declared, _ in NAMES), *MORE]), st.text(max_size=12), st.booleans())
def test_what_is_held_comes_back(declared: str, text: str, is_name: bool) -> None:
    raw = encode(text, declared, is_name)
    assert raw is None or decode(raw, parse_character_sets(declared), is_name).value == text
