"""Dates, times and numbers: parsed or None, never an exception."""

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.dicom import values


@pytest.mark.parametrize(
    ("raw", "parsed", "shown"),
    [
        ("20240229", date(2024, 2, 29), "2024-02-29"),
        ("2024.02.29", date(2024, 2, 29), "2024-02-29"),
        (" 20240229 ", date(2024, 2, 29), "2024-02-29"),
        ("00010101", date(1, 1, 1), "0001-01-01"),
        ("2024", None, "2024"),
        ("202402", None, "2024-02"),
        ("20230229", None, "invalid: 20230229"),
        ("00000000", None, "invalid: 00000000"),
        ("20240101-20240131", None, "invalid: 20240101-20240131"),
        ("", None, ""),
        ("٢٠٢٤٠١٠١", None, "invalid: ٢٠٢٤٠١٠١"),
    ],
)
def test_dates(raw: str, parsed: date | None, shown: str) -> None:
    assert values.parse_date(raw) == parsed
    assert values.date_text(raw) == shown


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        ("09", time(9)),
        ("0903", time(9, 3)),
        ("090323.5", time(9, 3, 23, 500000)),
        ("09:03:23", time(9, 3, 23)),
        ("235960", time(23, 59, 59)),
        ("240000", None),
        ("235961", None),
        ("-10000", None),
        ("9", None),
        ("noon", None),
    ],
)
def test_times(raw: str, parsed: time | None) -> None:
    assert values.parse_time(raw) == parsed


@pytest.mark.parametrize(
    ("raw", "number"),
    [("12", 12), (" -3 ", -3), ("+7", 7), ("1.0", None), ("99999999999", None), ("1A", None), ("", None), ("٣", None)],
)
def test_integers(raw: str, number: int | None) -> None:
    assert values.parse_integer(raw) == number


@pytest.mark.parametrize(
    ("raw", "numbers"),
    [
        ("1\\-2.5\\1e3", (1.0, -2.5, 1000.0)),
        (" 1 \\ 2 ", (1.0, 2.0)),
        ("", ()),
        ("1\\\\2", ()),
        ("1,5", ()),
        ("NaN", ()),
        ("1e999", ()),
    ],
)
def test_decimals(raw: str, numbers: tuple[float, ...]) -> None:
    assert values.parse_decimals(raw) == numbers


def test_sorting_by_date_and_time() -> None:
    assert values.sort_date_time("20240229", "0915") == "20240229091500"
    assert values.sort_date_time("2024.02.29", "noon") == "20240229000000"
    assert values.sort_date_time("2024", "0915") == ""


@given(st.text() | st.from_regex(r"[0-9.:\-\\ ]{0,20}"))
def test_nothing_raises(raw: str) -> None:
    for function in (
        values.parse_date, values.parse_time, values.parse_integer, values.parse_decimals, values.date_text,
        values.time_text,
    ):  # fmt: skip
        function(raw)
    assert len(values.sort_date_time(raw, raw)) in (0, 14)


@given(st.dates(), st.times())
def test_what_dicom_writes_is_read(day: date, moment: time) -> None:
    raw = f"{day.year:04d}{day.month:02d}{day.day:02d}"
    assert values.parse_date(raw) == day
    assert values.date_text(raw) == day.isoformat()
    assert values.parse_time(moment.strftime("%H%M%S.%f")) == moment
