"""How the one box reads words: names, IDs, dates, modalities, UIDs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.archive.search import Kind, parse_query

STUDY = "1.2.826.0.1.3680043.8.498.55500012"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("", []),
        ("tanaka", [Kind.WORD]),
        ("Doe^John", [Kind.WORD, Kind.WORD]),
        ("Doe, John", [Kind.WORD, Kind.WORD]),
        ("00481516", [Kind.WORD]),
        ("20261122", [Kind.WORD]),
        ("2026-11-22", [Kind.DATE]),
        ("22.11.2026", [Kind.DATE]),
        ("2026.11.22", [Kind.DATE]),
        ("2026-11", [Kind.DATE]),
        ("tanaka MR 2026-11", [Kind.WORD, Kind.MODALITY, Kind.DATE]),
        ("mr", [Kind.WORD]),
        ("born:1958-04-02", [Kind.BORN]),
        ("born:1958", [Kind.BORN]),
        ("born:soon", [Kind.UNREADABLE]),
        ("name:ann id:12 acc:A1", [Kind.NAME, Kind.ID, Kind.ACCESSION]),
        (STUDY, [Kind.UID]),
        (f"{STUDY}\n1.2.3.4.5, 1.2.3.4.6", [Kind.UID, Kind.UID, Kind.UID]),
        ("…8.498.555", [Kind.UID]),
        ("*a", [Kind.UNREADABLE]),
        ("*", []),
        ("?abc*", [Kind.WORD]),
    ],
)
def test_reading(text: str, kinds: list[Kind]) -> None:
    assert [term.kind for term in parse_query(text).terms] == kinds


def test_days() -> None:
    (day,) = parse_query("22.11.2026").terms
    assert (day.first, day.last, day.value) == ("20261122", "20261122", "2026-11-22")
    (number,) = parse_query("20261122").terms
    assert (number.first, number.reading) == ("20261122", "Study date, ID or accession")
    assert parse_query("99999999").terms[0].first == ""


def test_only_uids_lead_to_objects() -> None:
    assert parse_query(f" {STUDY} \n {STUDY} ").uids == (STUDY,)
    assert parse_query(f"smith {STUDY}").uids == ()
    assert len(parse_query("\n".join(f"1.2.3.4.{number}" for number in range(500))).uids) == 200


def test_a_word_longer_than_anything_indexed_is_not_looked_for() -> None:
    query = parse_query("0" * 20_000)
    assert [term.kind for term in query.terms] == [Kind.UNREADABLE]
    assert "longer" in query.problems[0] and len(query.problems[0]) < 100
    assert parse_query("x" * 256).terms[0].kind is Kind.WORD


def test_both_spellings_of_an_umlaut() -> None:
    assert set(parse_query("Müller").terms[0].texts) == {"muller", "mueller"}


@given(st.text(max_size=200))
def test_anything_can_be_typed(text: str) -> None:
    query = parse_query(text)
    assert len(query.terms) <= 200
    for term in query.terms:
        assert "\0" not in "".join(term.texts)
        parse_query(query.without(term))
