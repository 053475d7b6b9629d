"""Further objects of a series go a short way into the index; what is written is what the long way writes."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import models, transaction
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from pacsbrowser.access.models import User
from pacsbrowser.archive import removal
from pacsbrowser.archive.ingest import further
from pacsbrowser.archive.models import (
    Blob,
    Delivery,
    DeliveryItem,
    DeliveryStudy,
    Door,
    Finding,
    Instance,
    NameWord,
    Patient,
    Reference,
    Series,
    Study,
    StudyModality,
)
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series, open_test_delivery

pytestmark = pytest.mark.django_db

_KEYS_AND_TIMES = (models.AutoField, models.UUIDField, models.DateTimeField, models.ForeignKey)
_RELATED = {
    Patient: ["last_study_row__study_instance_uid", "merged_into__identity_key"],
    Study: ["patient__identity_key"],
    Series: ["study__study_instance_uid", "study__received_identity_key"],
    Instance: ["series__series_instance_uid", "series__study__received_identity_key", "blob__path", "removal",
        "delivery__door"],
    Reference: ["instance__sop_instance_uid", "instance__series__series_instance_uid"],
    Finding: ["patient__identity_key", "study__study_instance_uid", "series__series_instance_uid",
        "instance__sop_instance_uid"],
    NameWord: ["patient__identity_key"],
    StudyModality: ["study__study_instance_uid"],
    DeliveryStudy: ["study__study_instance_uid", "study__received_identity_key", "delivery__door"],
    Blob: [], Delivery: [], DeliveryItem: ["instance__sop_instance_uid", "delivery__door"],
}  # fmt: skip


def index() -> dict[str, list[str]]:
    """All rows of the index, without their keys and times, in an order of their own."""
    found = {}
    for model, related in _RELATED.items():
        fields = [field for field in model._meta.concrete_fields if not isinstance(field, _KEYS_AND_TIMES)]
        # the first counts the writes, and a group may take two; the other is a key
        own = [field.name for field in fields if field.name not in ("change_seq", "object_key")]
        rows = model._default_manager.values_list(*own, *related)
        # the values of a finding name rows by their keys
        found[model.__name__] = sorted(re.sub(r"'(study|series|instance)': \d+", r"'\1'", repr(row)) for row in rows)
    return found


def write_none(*_: Any) -> further.Further:
    """Leave everything to the long way."""
    return further.Further()


class _Undone(Exception):
    """Rolls a try back."""


def outcome(
    deliveries: list[list[bytes]], write: Callable[..., further.Further], removed_after: int
) -> tuple[Any, dict[str, list[str]]]:
    """What is said of the files and what is in the index after them, which is undone.

    After one of the deliveries all that is there goes to the trash.
    """
    answers: list[Any] = []
    rows: dict[str, list[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(further, "write", write)
        try:
            with transaction.atomic():
                doors = [open_test_delivery(door) for door in (Door.COMMAND, Door.STOW)]
                for number, files in enumerate(deliveries, 1):
                    results = ingest_datasets(*files, delivery=doors[number % 2])
                    answers += [(one.outcome, one.code, one.reason, one.findings) for one in results]
                    if number == removed_after:
                        administrator = User.objects.create_superuser("root")
                        for patient in Patient.objects.filter(instance_count__gt=0):
                            removal.remove(patient, administrator, "a test")
                rows |= index()
                raise _Undone
        except _Undone:
            pass
    return answers, rows


def _reference() -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4"
    return item


# Most objects are the next of the one series; at most two things about one are different.
CHANGES = st.lists(
    st.sampled_from([
        ("StudyInstanceUID", f"{ROOT}.2"), ("SeriesInstanceUID", f"{ROOT}.1.2"), ("PatientID", "P2"),
        ("PatientID", None),
        ("InstanceNumber", 1), ("InstanceNumber", 1000), ("InstanceNumber", None), ("InstitutionName", "North"),
        ("InstitutionName", "South"), ("SeriesDescription", "Axial"), ("SeriesDescription", "Coronal"),
        ("StudyDate", "20240101"), ("StudyDate", None), ("PatientName", "Doe^Jane^^^"), ("PatientName", "DOE^JANE"),
        ("PatientName", None), ("Modality", "PT"), ("NumberOfFrames", 3), ("PixelData", b"\1" * 128),
        ("ReferencedImageSequence", [_reference()]), ("SOPInstanceUID", f"{ROOT}.1.1.1"),
    ]),
    max_size=2,
)  # fmt: skip


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    """The attributes of a slice of the series, more or less."""
    number = draw(st.integers(1, 9))
    return {"SOPInstanceUID": f"{ROOT}.1.1.{number}", "InstanceNumber": number, **dict(draw(CHANGES))}


@given(st.lists(st.lists(objects(), min_size=1, max_size=4), min_size=2, max_size=5), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_the_short_way_writes_what_the_long_way_writes(chosen: list[list[dict[str, Any]]], removed_after: int) -> None:
    deliveries = [[make_dataset(**one) for one in objects] for objects in chosen]
    went = []

    def counted(*arguments: Any) -> further.Further:
        written = write(*arguments)
        went.extend(written.results)
        return written

    write = further.write
    expected = outcome(deliveries, write_none, removed_after)
    assert outcome(deliveries, counted, removed_after) == expected
    event(f"{len(went)} went the short way")


def test_the_next_slices_of_a_series_take_few_statements(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    slices = make_series(6)
    delivery = open_test_delivery()
    ingest_datasets(slices[0], delivery=delivery)
    for files, statements in ((slices[1:2], 11), (slices[2:], 17)):
        staged_at_once = list(files)
        with django_assert_num_queries(statements):
            ingest_datasets(*staged_at_once, delivery=delivery)
    series = Series.objects.get()
    assert (series.instance_count, series.highest_number, series.missing_count, series.order_rule) == (
        6, 6, 0, "instance_number",
    )  # fmt: skip


def test_a_whole_series_that_comes_at_once_is_one_new_object_and_further_ones() -> None:
    went: list[int] = []
    write = further.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(further, "write", lambda *given: (found := write(*given), went.extend(found.results))[0])
        ingest_datasets(*make_series(5), *make_series(4, series=2))
    assert len(went) == 4 + 3
    counts = Series.objects.order_by("series_number_value").values_list("instance_count", "highest_number")
    assert list(counts) == [(5, 5), (4, 4)]
    assert Patient.objects.get().instance_count == 9


def test_slices_that_come_out_of_turn_go_the_short_way_too() -> None:
    first, *others = make_series(9)
    ingest_datasets(first)
    went: list[int] = []
    write = further.write
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(further, "write", lambda *given: (found := write(*given), went.extend(found.results))[0])
        for file in (others[7], others[2], others[5]):
            ingest_datasets(file)
    assert len(went) == 3
    series = Series.objects.get()
    assert (series.instance_count, series.lowest_number, series.highest_number, series.missing_count) == (4, 1, 9, 5)
    positions = Instance.objects.filter(series=series).order_by("position").values_list("position", flat=True)
    assert list(positions) == [1, 4, 7, 9]
