"""Many decimal numbers of one value: the fast way gives what each of them gives alone."""

from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.dicom import json_reader

NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.integers().map(str),
    st.text("0123456789+-. eE", max_size=16),
)


@given(st.lists(NUMBERS, min_size=1, max_size=12))
def test_numbers_together_are_those_read_alone(texts: list[str]) -> None:
    together = json_reader._decimals("\\".join(texts))
    if together:
        alone = [json_reader._parse_text("DS", text) for text in texts]
        assert [(type(one), one) for one in together] == [(type(one), one) for one in alone]
