"""Folding, and the matching values of queries."""

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.dicom.matching import (
    Exact,
    Match,
    Range,
    UIDList,
    Universal,
    Wildcard,
    fold,
    fold_variants,
    fold_words,
    parse_match,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("MÜLLER^Jörg", "muller jorg"),
        ("Łukasz", "lukasz"),
        ("Ødegård", "odegard"),
        ("Đorđević", "dordevic"),
        ("Æsir Œuvre", "aesir oeuvre"),
        ("Strauß", "strauss"),
        ("İSTANBUL ışık", "istanbul isik"),
        ("Νίκος", "νικοσ"),
        ("ИВАНОВ Андрей", "иванов андрей"),
        ("が", "が"),
        ("ﾔﾏﾀﾞ", "ヤマダ"),
        ("Ｓｍｉｔｈ", "smith"),
        ("a=b,c^d", "a b c d"),
        ("\u202eevil\u200b", "evil"),
        ("  a \t b ", "a b"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_words_and_german_digraphs() -> None:
    assert fold_words("Li^Wei li") == ("li", "wei")
    assert fold_variants("Jäger") == ("jager", "jaeger")
    assert fold_variants("Ja\u0308ger") == ("jager", "jaeger")


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("vr", "raw", "match"),
    [
        ("PN", "", Universal()),
        ("PN", "**", Universal()),
        ("PN", "Doe*", Wildcard("Doe*")),
        ("LO", "ID ", Exact("ID")),
        ("UI", "1.2\\1.3", UIDList(("1.2", "1.3"))),
        ("UI", "1.2,1.3", UIDList(("1.2", "1.3"))),
        ("UI", "1.2", Exact("1.2")),
        ("DA", "20240229", Exact("20240229")),
        ("DA", "20240101-", Range("20240101", "")),
        ("DA", "-2024.01.31", Range("", "20240131")),
        ("DA", "20240102-20240101", None),
        ("DA", "yesterday", None),
        ("DA", "-", None),
        ("TM", "09-1015", Range("090000", "101559")),
        ("TM", "1015", Exact("101500")),
        ("IS", "1*", Exact("1*")),
    ],
)
def test_parse_match(vr: str, raw: str, match: Match | None) -> None:
    assert parse_match(vr, raw) == match


def test_like_keeps_the_wild_cards_of_sql_literal() -> None:
    assert Wildcard("50%_a*b?\\").like() == "50\\%\\_a%b_\\\\"


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_wild_cards_match_as_in_a_shell(pattern: str, text: str) -> None:
    assert Wildcard(pattern).matches(text) == bool(re.match(fnmatch.translate(pattern), text))


@given(st.sampled_from(["DA", "TM", "UI", "PN", "IS"]), st.text())
def test_any_query_value_can_be_parsed(vr: str, raw: str) -> None:
    parse_match(vr, raw)


def test_a_range_of_dates_may_end_on_the_31st_of_any_month() -> None:
    assert parse_match("DA", "20240201-20240231") == Range("20240201", "20240231")
    assert parse_match("DA", "20230229-") == Range("20230229", "")
    assert parse_match("DA", "20240231") is None
    assert parse_match("DA", "20240201-20240232") is None
