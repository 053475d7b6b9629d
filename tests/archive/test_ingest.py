"""Taking objects in: sameness, identity, counts, order and findings, by the rules of the archive."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import ImplicitVRLittleEndian

from pacsbrowser.archive import check, storage
from pacsbrowser.archive.ingest import IngestResult, close_delivery, ingest, run
from pacsbrowser.archive.models import (
    Blob,
    Copy,
    Delivery,
    Finding,
    Instance,
    NameWord,
    Patient,
    Reference,
    Series,
    Study,
)
from pacsbrowser.archive.receive import Staged, stage
from pacsbrowser.dicom.header import read_header
from pacsbrowser.dicom.references import HeaderReference
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series, open_test_delivery

pytestmark = pytest.mark.django_db


def outcomes(results: list[IngestResult]) -> list[str]:
    return [result.outcome.value for result in results]


def test_a_first_object_makes_the_four_levels_and_is_kept_byte_for_byte() -> None:
    file = make_dataset()
    (result,) = ingest_datasets(file)
    assert outcomes([result]) == ["stored"]
    instance = Instance.objects.get(pk=result.instance_id)
    assert instance.series.study.patient.patient_id == "P1"
    assert instance.series.study.patient_id == instance.series.study.patient.pk  # a row key, not the Patient ID
    with storage.open_blob(instance.blob) as kept:
        assert kept.read() == file
    assert list(storage.incoming().folder.iterdir()) == [storage.incoming().folder / "lock"]


def test_one_object_then_other_content_then_the_first_again_leaves_one_primary_and_one_copy() -> None:
    first, other = make_dataset(), make_dataset(PixelData=b"\1" * 128)
    assert outcomes([*ingest_datasets(first), *ingest_datasets(other), *ingest_datasets(first)]) == [
        "stored",
        "conflict",
        "already_here",
    ]
    assert outcomes(ingest_datasets(other, first, other)) == ["already_here"] * 3
    instance = Instance.objects.get()
    with storage.open_blob(instance.blob) as kept:
        assert kept.read() == first
    assert Copy.objects.get().kind == "conflict"
    assert Blob.objects.count() == 2
    for row in (instance.series, instance.series.study, instance.series.study.patient):
        assert row.instance_count == 1
    assert Finding.objects.get().code == "conflict"
    assert not [*check.check_files(), *check.check_store(), *check.check_counts()]


def test_all_three_in_one_delivery_give_the_same_as_one_by_one() -> None:
    first, other = make_dataset(), make_dataset(PixelData=b"\1" * 128)
    assert outcomes(ingest_datasets(first, other, first)) == ["stored", "conflict", "already_here"]
    assert (Instance.objects.count(), Copy.objects.count()) == (1, 1)


def test_the_same_data_set_in_another_transfer_syntax_is_a_variant() -> None:
    assert outcomes(ingest_datasets(make_dataset(), make_dataset(transfer_syntax=ImplicitVRLittleEndian))) == [
        "stored",
        "variant",
    ]
    assert Copy.objects.get().kind == "variant"


def test_other_file_meta_around_the_same_data_set_is_already_here_and_leaves_no_file() -> None:
    dataset = dcmread(io.BytesIO(make_dataset()))
    dataset.file_meta.ImplementationVersionName = "OTHER"
    other = io.BytesIO()
    dataset.save_as(other)
    assert outcomes(ingest_datasets(make_dataset(), other.getvalue())) == ["stored", "already_here"]
    assert not list(check.check_store())


def test_a_whole_copy_takes_the_place_of_one_that_was_cut_short() -> None:
    whole = make_dataset()
    cut_short = whole[:-40]
    assert outcomes(ingest_datasets(cut_short)) == ["stored"]
    assert not Instance.objects.get().is_whole
    (result,) = ingest_datasets(whole)
    assert (result.outcome.value, result.code) == ("stored", "replaced_truncated")
    instance = Instance.objects.get()
    assert instance.is_whole
    assert instance.series.study.patient.size == len(whole)
    assert Copy.objects.get().blob.size == len(cut_short)
    assert ingest_datasets(cut_short)[0].outcome.value == "already_here"


def test_a_cut_copy_of_a_whole_object_adds_nothing() -> None:
    whole = make_dataset()
    assert outcomes(ingest_datasets(whole, whole[:-40])) == ["stored", "already_here"]
    assert Copy.objects.count() == 0
    assert not list(check.check_store())


def test_one_study_uid_with_two_patient_ids_is_shown_under_both() -> None:
    ingest_datasets(make_dataset(), make_dataset(PatientID="P2", SOPInstanceUID=f"{ROOT}.1.1.2"))
    assert Study.objects.count() == 2
    assert {study.patient.patient_id for study in Study.objects.all()} == {"P1", "P2"}
    assert Finding.objects.filter(code="study_uid_shared").count() == 2
    for instance in Instance.objects.select_related("series__study__patient", "blob"):
        with storage.open_blob(instance.blob) as kept:
            assert dcmread(kept).PatientID == instance.series.study.patient.patient_id


def test_the_issuer_makes_another_patient_of_the_same_id() -> None:
    ingest_datasets(
        make_dataset(), *make_series(1, study=2, IssuerOfPatientID="North"), *make_series(1, study=3, PatientID=" P1 ")
    )
    assert Patient.objects.count() == 2


def test_objects_without_an_id_never_share_a_patient() -> None:
    for number, missing in enumerate((None, ""), 1):
        ingest_datasets(*make_series(2, study=number, PatientID=missing))
    assert Patient.objects.filter(patient_id="").count() == 2
    assert [patient.study_count for patient in Patient.objects.all()] == [1, 1]


def test_leading_zeros_and_case_of_an_id_are_kept() -> None:
    ingest_datasets(*(make_series(1, study=n, PatientID=value)[0] for n, value in enumerate(("007", "7", "a", "A"), 1)))
    assert set(Patient.objects.values_list("patient_id", flat=True)) == {"007", "7", "a", "A"}


def test_one_sop_uid_in_two_series_is_found_in_both() -> None:
    ingest_datasets(make_dataset(), make_dataset(SeriesInstanceUID=f"{ROOT}.1.2"))
    assert Instance.objects.count() == 2
    assert Finding.objects.filter(code="sop_uid_shared").count() == 2


def test_the_first_value_stays_and_the_others_are_listed() -> None:
    files = make_series(3)
    ingest_datasets(files[0])
    other = make_series(3, PatientName="Doe^Janet", StudyDescription="Other")
    ingest_datasets(other[1], other[2])
    patient = Patient.objects.get()
    assert patient.name_display == "DOE, Jane"
    finding = Finding.objects.get(level="patient")
    assert (finding.keyword, finding.detail) == ("PatientName", "Doe^Jane")
    assert [(value["value"], value["instances"]) for value in finding.values] == [("Doe^Janet", 2)]
    assert Finding.objects.get(level="study").keyword == "StudyDescription"
    assert patient.finding_count == 2
    assert Series.objects.get().finding_count == 0


def test_what_the_first_object_lacks_is_filled_in_by_the_next() -> None:
    files = make_series(2, StudyDescription="")
    ingest_datasets(make_series(2, StudyDate="", StudyTime="", PatientName="", StudyDescription="")[0])
    assert Patient.objects.get().last_study == ""
    ingest_datasets(files[1])
    patient = Patient.objects.get()
    assert patient.last_study == "20240229101500"
    assert patient.name_display == "DOE, Jane"
    assert Study.objects.get().name_sort == "doe jane"
    assert set(NameWord.objects.values_list("word", flat=True)) == {"doe", "jane"}
    assert not Finding.objects.filter(code="attribute_disagrees").exists()


def test_last_study_is_the_latest_and_undated_studies_rank_last() -> None:
    for study, day in enumerate(("20200101", "", "20230101", "20210101"), 1):
        ingest_datasets(*make_series(1, study=study, StudyDate=day))
    patient = Patient.objects.get()
    assert patient.last_study == "20230101101500"
    assert patient.last_study_row == Study.objects.get(study_date="20230101")
    assert patient.study_count == 4


def test_counts_and_modalities_are_those_of_what_is_stored() -> None:
    ingest_datasets(
        *make_series(3),
        *make_series(2, series=2, Modality="SR"),
        *make_series(1, study=2, Modality="MR", NumberOfFrames=7),
    )
    patient = Patient.objects.get()
    assert (patient.study_count, patient.series_count, patient.instance_count) == (2, 3, 6)
    assert patient.modalities == "CT\\MR\\SR"
    assert Series.objects.get(modality="MR").frame_count == 7
    assert not list(check.check_counts())


def test_positions_are_the_numbers_when_each_has_its_own_and_gaps_are_counted() -> None:
    files = make_series(12)
    ingest_datasets(*(file for place, file in enumerate(reversed(files)) if place not in (3, 4)))
    series = Series.objects.get()
    assert series.order_rule == "instance_number"
    assert series.missing_count == 2
    assert list(Instance.objects.order_by("position").values_list("instance_number_value", flat=True)) == [
        1, 2, 3, 4, 5, 6, 7, 10, 11, 12,
    ]  # fmt: skip
    ingest_datasets(*files)
    series.refresh_from_db()
    assert (series.instance_count, series.missing_count) == (12, 0)


def test_equal_numbers_fall_back_to_the_place_along_the_slice_normal() -> None:
    files = [
        make_dataset(SOPInstanceUID=f"{ROOT}.1.1.{n}", InstanceNumber=1, ImagePositionPatient=[0, 0, -n])
        for n in (1, 2, 3)
    ]
    ingest_datasets(files[0])
    assert Series.objects.get().order_rule == "instance_number"
    ingest_datasets(*files[1:])
    assert Series.objects.get().order_rule == "slice"
    assert list(Instance.objects.order_by("position").values_list("slice_position", flat=True)) == [-3.0, -2.0, -1.0]
    assert set(Instance.objects.values_list("position", flat=True)) == {1, 2, 3}


def test_references_are_kept_and_repeats_add_none() -> None:
    file = Path(str(get_testdata_file("test-SR.dcm", download=False))).read_bytes()
    ingest_datasets(file, file)
    before = Reference.objects.count()
    ingest_datasets(file)
    assert Reference.objects.count() == before


def test_one_bad_object_does_not_take_its_neighbours_along() -> None:
    results = ingest_datasets(make_dataset(), b"", b"not DICOM at all" * 20, make_dataset(StudyInstanceUID=None))
    assert outcomes(results) == ["stored", "not_dicom", "not_dicom", "rejected"]
    assert "(0020,000D)" in results[3].reason
    assert all(result.reason for result in results[1:])


def test_a_delivery_counts_every_outcome_and_has_a_line_for_what_was_not_simply_stored() -> None:
    delivery = open_test_delivery()
    ingest_datasets(make_dataset(), make_dataset(), make_dataset(PixelData=b"\1" * 128), b"x", delivery=delivery)
    close_delivery(delivery)
    delivery.refresh_from_db()
    assert (delivery.stored, delivery.already_here, delivery.conflict, delivery.not_dicom) == (1, 1, 1, 1)
    assert delivery.received_count == 4
    assert delivery.finished is not None
    assert list(delivery.items.order_by("pk").values_list("outcome", flat=True)) == [
        "already_here",
        "conflict",
        "not_dicom",
    ]
    assert delivery.delivery_studies.get().instance_count == 1


def test_an_upload_has_a_line_for_every_file_so_that_it_can_be_resumed() -> None:
    delivery = open_test_delivery()
    ingest([stage(io.BytesIO(make_dataset()), "a/b.dcm", resume_key="key")], delivery)
    assert delivery.items.get().resume_key == "key"


def test_hostile_file_names_are_one_line_of_text() -> None:
    delivery = open_test_delivery()
    ingest([stage(io.BytesIO(b"x"), "../../etc/\0pass\nwd\udce4\u202e" + "y" * 2000)], delivery)
    name = Delivery.objects.get().items.get().name
    assert len(name) == 1024
    assert name.isprintable()


def test_a_group_larger_than_a_transaction_goes_in_whole() -> None:
    files = make_series(120)
    assert outcomes(ingest_datasets(*files)) == ["stored"] * 120
    assert Series.objects.get().instance_count == 120
    assert Patient.objects.get().instance_count == 120


def test_long_ids_that_differ_at_their_end_stay_two_patients() -> None:
    long = "x" * 300
    ingest_datasets(*make_series(1, study=1, PatientID=long + "1"), *make_series(1, study=2, PatientID=long + "2"))
    assert Patient.objects.count() == 2


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(8)), group=st.integers(1, 8))
def test_whatever_the_order_of_arrival_the_archive_holds_the_same(order: list[int], group: int) -> None:
    files = [*make_series(3), *make_series(3, series=2, Modality="SR"), *make_series(2, study=2, StudyDate="20250101")]
    shuffled = [files[place] for place in order]
    for start in range(0, len(shuffled), group):
        ingest_datasets(*shuffled[start : start + group])
    patient = Patient.objects.get()
    assert (patient.study_count, patient.series_count, patient.instance_count) == (2, 3, 8)
    assert (patient.modalities, patient.last_study) == ("CT\\SR", "20250101101500")
    for series in Series.objects.all():
        numbers = list(series.instances.order_by("position").values_list("instance_number_value", flat=True))
        assert numbers == sorted(numbers, key=lambda number: number or 0)


def test_objects_that_name_very_many_others_are_committed_in_smaller_groups() -> None:
    delivery = Delivery()

    def staged(number: int, references: int) -> run.Consigned:
        header = read_header(io.BytesIO(make_dataset(SOPInstanceUID=f"{ROOT}.1.1.{number}")))
        named = tuple(HeaderReference("content", "", f"{ROOT}.{n}") for n in range(references))
        return run.Consigned(Staged("", 0, b"", replace(header, references=named), None, ""), delivery)

    files = [staged(1, run.REFERENCES), staged(2, run.REFERENCES), staged(3, 0), staged(4, 0)]
    assert [len(group) for group in run.groups(files)] == [1, 3]


def test_every_holder_of_a_shared_uid_has_one_finding_however_many_there_are() -> None:
    for patient in range(4):
        ingest_datasets(make_dataset(PatientID=f"P{patient}"))
    shared = Finding.objects.filter(code="study_uid_shared")
    assert set(shared.values_list("study__patient__patient_id", "instance_count")) == {(f"P{n}", 1) for n in range(4)}
