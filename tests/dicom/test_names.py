"""Person names as shown, sorted and searched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.dicom.names import PersonName


@pytest.mark.parametrize(
    ("raw", "display", "others", "suffixes"),
    [
        ("Smith^John^Quincy^Dr.^PhD", "SMITH, John Quincy", (), "Dr., PhD"),
        ("=王^小东", "王, 小东", (), ""),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "YAMADA, Tarou", ("山田, 太郎", "やまだ, たろう"), ""),
        ("^John", "John", (), ""),
        ("Doe", "DOE", (), ""),
        ("", "", (), ""),
        ("^^^^", "", (), ""),
        ("  Doe ^ Jane ", "DOE, Jane", (), ""),
        ("a^b^c^d^e^f^g", "A, b c", (), "d, e f g"),
        ("a=b=c=d", "A", ("b", "c"), ""),
        ("Strauß^Jörg", "STRAUSS, Jörg", (), ""),
    ],
)
def test_display(raw: str, display: str, others: tuple[str, ...], suffixes: str) -> None:
    name = PersonName.parse(raw)
    assert (name.display, name.others, name.suffixes) == (display, others, suffixes)
    assert name.raw == raw


def test_words_of_all_groups_and_both_german_spellings() -> None:
    words = PersonName.parse("Müller^Łukasz=王^小东=おう").words()
    assert set(words) == {"muller", "mueller", "lukasz", "王", "小东", "おう"}


def test_sort_key_is_folded_family_first() -> None:
    names = ["Zorn^Anna", "Öztürk^Ali", "Oz^Bea", "王^小东"]
    assert sorted(names, key=lambda raw: PersonName.parse(raw).sort_key) == [
        "Oz^Bea",
        "Öztürk^Ali",
        "Zorn^Anna",
        "王^小东",
    ]


@given(st.text())
def test_any_text_is_a_name(raw: str) -> None:
    name = PersonName.parse(raw)
    assert isinstance(name.display + name.sort_key + name.suffixes, str)
    assert all(word and " " not in word for word in name.words())
