"""The order of a series: which rule applies, and that it only ever reorders."""

from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.dicom.order import OrderKey, order_instances

numbers = st.none() | st.integers(0, 5)
slices = st.none() | st.sampled_from([-1.5, 0.0, 2.0])
times = st.sampled_from(["", "20240101090000", "20240101090001.5"])
uids = st.from_regex(r"1\.2\.[0-9]{1,2}", fullmatch=True)
keys = st.lists(
    st.builds(OrderKey, numbers, slices, times, uids), max_size=12, unique_by=lambda key: key.sop_instance_uid
)


@given(keys)
def test_places_are_a_permutation_and_do_not_depend_on_the_input_order(found: list[OrderKey]) -> None:
    places, rule = order_instances(found)
    assert sorted(places) == list(range(len(found)))
    backwards, same_rule = order_instances(found[::-1])
    assert rule == same_rule
    ordered = [key for _, key in sorted(zip(places, found, strict=True), key=lambda pair: pair[0])]
    again = [key for _, key in sorted(zip(backwards, found[::-1], strict=True), key=lambda pair: pair[0])]
    assert ordered == again


def test_the_first_rule_that_applies() -> None:
    def rule(*found: OrderKey) -> str:
        return order_instances(found)[1]

    assert rule(OrderKey(2, 1.0, "", "1"), OrderKey(10, 0.0, "", "2")) == "instance_number"
    assert rule(OrderKey(1, 1.0, "", "1"), OrderKey(1, 0.0, "", "2")) == "slice"
    assert rule(OrderKey(1, None, "1", "1"), OrderKey(None, 0.0, "2", "2")) == "time"
    assert rule(OrderKey(1, 1.0, "1", "1"), OrderKey(1, 1.0, "1", "2")) == "uid"
    assert rule(OrderKey(None, None, "", "1")) == "uid"


def test_numbers_and_uids_sort_as_numbers() -> None:
    assert order_instances([OrderKey(10, None, "", "a"), OrderKey(9, None, "", "b")])[0] == [1, 0]
    assert order_instances([OrderKey(None, None, "", "1.10"), OrderKey(None, None, "", "1.9")])[0] == [1, 0]
