"""The trash: out of sight and back, sent again, and deleted for good with its files."""

from typing import Any

import pytest
from django.db import IntegrityError, connection
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from pacsbrowser.access.models import Role, User
from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import check, counters, decisions, removal, storage
from pacsbrowser.archive.models import (
    Blob,
    Copy,
    DeliveryItem,
    Finding,
    Instance,
    Patient,
    Reference,
    Removal,
    Series,
    Study,
    Tombstone,
)
from pacsbrowser.archive.sweep import sweep
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series

pytestmark = pytest.mark.django_db
EVERYTHING = Scope(everything=True, institutions=frozenset())


@pytest.fixture
def administrator() -> User:
    return User.objects.create_user("root", role=Role.ADMINISTRATOR)


def test_a_removed_study_is_out_of_sight_and_comes_back_as_it_was(administrator: User) -> None:
    ingest_datasets(*make_series(3), *make_series(2, study=2, StudyDate="20250101", Modality="MR"))
    study = Study.objects.get(study_date="20250101")
    act = removal.remove(study, administrator, "wrong patient")
    patient = Patient.objects.get()
    assert (act.instance_count, act.who, act.why) == (2, "root", "wrong patient")
    assert (patient.study_count, patient.instance_count, patient.modalities) == (1, 3, "CT")
    assert patient.last_study == "20240229101500"
    assert list(Study.objects.visible_to(EVERYTHING)) == [Study.objects.get(study_date="20240229")]
    assert removal.restore(act, "root") == 2
    patient.refresh_from_db()
    assert (patient.study_count, patient.instance_count, patient.modalities) == (2, 5, "CT\\MR")
    assert patient.last_study == "20250101101500"
    assert not list(check.check_counts())


@pytest.mark.parametrize("model", [Patient, Study, Series, Instance])
def test_every_level_can_be_removed(administrator: User, model: type) -> None:
    ingest_datasets(make_dataset())
    removal.remove(model.objects.get(), administrator, "test")
    assert not Patient.objects.visible_to(EVERYTHING).exists()
    assert not Instance.objects.visible_to(EVERYTHING).exists()
    assert not list(check.check_counts())


def test_an_object_that_is_sent_again_comes_back(administrator: User) -> None:
    file = make_dataset()
    ingest_datasets(file)
    removal.remove(Patient.objects.get(), administrator, "test")
    (result,) = ingest_datasets(file)
    assert (result.outcome.value, result.code) == ("stored", "restored")
    assert Patient.objects.visible_to(EVERYTHING).get().instance_count == 1
    assert Series.objects.get().order_rule == "instance_number"
    assert not list(check.check_counts())


def test_other_content_under_the_uid_of_a_removed_object_takes_its_place_and_keeps_it(administrator: User) -> None:
    ingest_datasets(make_dataset())
    removal.remove(Study.objects.get(), administrator, "test")
    other = make_dataset(PixelData=b"\1" * 128)
    (result,) = ingest_datasets(other)
    assert result.code == "replaced_removed"
    with storage.open_blob(Instance.objects.live().get().blob) as kept:
        assert kept.read() == other
    assert Copy.objects.get().kind == "conflict"


def test_deleting_for_good_takes_rows_and_files_but_no_others(administrator: User) -> None:
    ingest_datasets(*make_series(3), make_dataset(PixelData=b"\1" * 128), *make_series(1, study=2, PatientID="P2"))
    act = removal.remove(Patient.objects.get(patient_id="P1"), administrator, "test")
    assert removal.purge(act, "root") == 3
    assert Patient.objects.get().patient_id == "P2"
    assert (Instance.objects.count(), Blob.objects.count(), Tombstone.objects.count()) == (1, 1, 0)
    assert len([path for path in storage.store_folder().rglob("*") if path.is_file()]) == 1
    assert not [*check.check_files(), *check.check_store(), *check.check_counts()]
    assert [result.outcome.value for result in ingest_datasets(*make_series(3))] == ["stored"] * 3


def test_what_was_sent_again_before_the_deletion_stays(administrator: User) -> None:
    files = make_series(2)
    ingest_datasets(*files)
    act = removal.remove(Study.objects.get(), administrator, "test")
    ingest_datasets(files[0])
    assert removal.purge(act, "root") == 1
    assert Instance.objects.live().count() == 1
    assert not [*check.check_files(), *check.check_store(), *check.check_counts()]


def test_another_copy_can_be_chosen_and_the_choice_undone() -> None:
    first, other = make_dataset(), make_dataset(InstanceNumber=7)
    ingest_datasets(first, other, *make_series(3)[1:])
    decisions.make_primary(Copy.objects.get(), "root", "the second is the right one")
    instance = Instance.objects.get(sop_instance_uid=f"{ROOT}.1.1.1")
    assert instance.instance_number_value == 7
    with storage.open_blob(instance.blob) as kept:
        assert kept.read() == other
    assert Finding.objects.get(code="conflict").state == "done"
    decisions.make_primary(Copy.objects.get(), "root", "")
    instance.refresh_from_db()
    assert instance.instance_number_value == 1
    assert not [*check.check_files(), *check.check_store(), *check.check_counts()]


def test_a_limited_scope_sees_only_its_institutions() -> None:
    ingest_datasets(
        *make_series(1, InstitutionName="North"), *make_series(1, study=2, PatientID="P2", InstitutionName="South")
    )
    north = Scope(everything=False, institutions=frozenset({"North"}))
    assert Patient.objects.visible_to(north).get().patient_id == "P1"
    assert Study.objects.visible_to(north).get().institution_name == "North"
    assert Series.objects.visible_to(north).count() == Instance.objects.visible_to(north).count() == 1
    assert not Patient.objects.visible_to(Scope(everything=False, institutions=frozenset())).exists()


def test_findings_on_what_is_in_the_trash_are_not_counted_and_come_back_with_it(administrator: User) -> None:
    ingest_datasets(*make_series(2), *make_series(1, study=2, Modality=None))
    study = Study.objects.get(study_instance_uid=f"{ROOT}.2")
    patient = Patient.objects.get()
    assert (patient.finding_count, study.finding_count) == (1, 1)
    act = removal.remove(study, administrator, "test")
    patient.refresh_from_db()
    assert patient.finding_count == 0
    removal.restore(act, "root")
    patient.refresh_from_db()
    study.refresh_from_db()
    assert (patient.finding_count, study.finding_count) == (1, 1)


@pytest.mark.parametrize("uid", ["1", "2"], ids=["the same object", "another of the series"])
def test_findings_of_a_series_count_again_when_it_has_objects_again(administrator: User, uid: str) -> None:
    ingest_datasets(make_dataset(Modality=None))
    removal.remove(Series.objects.get(), administrator, "test")
    assert Patient.objects.get().finding_count == 0
    ingest_datasets(make_dataset(Modality=None, SOPInstanceUID=f"{ROOT}.1.1.{uid}"))
    assert (Patient.objects.get().finding_count, Series.objects.get().finding_count) == (1, 1)


def test_numbers_of_removed_instances_are_no_gap(administrator: User) -> None:
    ingest_datasets(*make_series(10))
    removal.remove(Series.objects.get(), administrator, "test")
    ingest_datasets(*(make_dataset(SOPInstanceUID=f"{ROOT}.7.{n}", InstanceNumber=n) for n in range(3, 8)))
    series = Series.objects.get()
    assert (series.lowest_number, series.highest_number, series.missing_count) == (3, 7, 0)


def test_an_object_that_comes_back_alone_has_its_number_as_position(administrator: User) -> None:
    twins = [make_dataset(SOPInstanceUID=f"{ROOT}.7.{n}", ImagePositionPatient=[0, 0, n]) for n in (1, 2)]
    ingest_datasets(*twins)
    assert Series.objects.get().order_rule == "slice"
    removal.remove(Series.objects.get(), administrator, "test")
    ingest_datasets(twins[1])
    assert Series.objects.get().order_rule == "instance_number"
    assert Instance.objects.live().get().position == 1


def test_a_removal_that_was_cut_off_is_finished_by_doing_it_again(
    administrator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest_datasets(*make_series(5))
    monkeypatch.setattr(removal, "_STEP", 2)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER cut_off BEFORE UPDATE OF instance_count ON archive_series "
            "BEGIN SELECT RAISE(ABORT, 'cut off'); END"
        )
    with pytest.raises(IntegrityError):
        removal.remove(Study.objects.get(), administrator, "test")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER cut_off")
    act = removal.remove(Study.objects.get(), administrator, "test")
    assert 0 < act.instance_count < 5
    assert not Patient.objects.visible_to(EVERYTHING).exists()
    assert not list(check.check_counts())


def test_the_last_study_of_two_on_one_day_is_the_same_however_it_is_computed() -> None:
    ingest_datasets(*make_series(1), *make_series(1, study=2))
    counted = Patient.objects.get().last_study_row
    check.recount_all()
    assert Patient.objects.get().last_study_row == counted == Study.objects.order_by("-pk").first()


def test_counts_follow_the_copy_that_is_shown() -> None:
    ingest_datasets(make_dataset(), make_dataset(NumberOfFrames=3, PixelData=b"\1" * 384))
    before = Series.objects.get()
    decisions.make_primary(Copy.objects.get(), "root", "better")
    series, size = Series.objects.get(), Instance.objects.get().blob.size
    assert (series.frame_count, series.size) == (3, size) != (before.frame_count, before.size)
    assert Study.objects.get().size == Patient.objects.get().size == size
    assert series.change_seq > before.change_seq


def test_a_copy_is_chosen_once_even_if_two_people_choose_it() -> None:
    ingest_datasets(make_dataset(), make_dataset(PixelData=b"\1" * 128))
    copy = Copy.objects.get()
    decisions.make_primary(copy, "root", "better")
    with pytest.raises(Copy.DoesNotExist):
        decisions.make_primary(copy, "other", "better")
    assert Copy.objects.get().blob_id != Instance.objects.get().blob_id


def test_the_references_of_an_instance_are_those_of_the_copy_that_is_shown() -> None:
    def naming(uid: str) -> bytes:
        other = Dataset()
        other.ReferencedSOPClassUID, other.ReferencedSOPInstanceUID = CTImageStorage, uid
        return make_dataset(SourceImageSequence=[other])

    ingest_datasets(naming(f"{ROOT}.8"), naming(f"{ROOT}.9"))
    decisions.make_primary(Copy.objects.get(), "root", "better")
    assert [row.target_uid for row in Reference.objects.all()] == [f"{ROOT}.9"]


def test_a_finding_counts_an_object_once_even_if_it_was_removed_and_sent_again(administrator: User) -> None:
    ingest_datasets(make_dataset(Modality=None))
    removal.remove(Series.objects.get(), administrator, "test")
    ingest_datasets(make_dataset(Modality=None))
    assert Finding.objects.get(code="no_modality").instance_count == 1


def test_a_finding_of_a_series_outlives_the_deletion_of_its_example(administrator: User) -> None:
    ingest_datasets(*make_series(2, Modality=None))
    finding = Finding.objects.get(code="no_modality")
    assert finding.instance is not None
    removal.purge(removal.remove(finding.instance, administrator, "test"), "root")
    assert Finding.objects.get(code="no_modality").instance is None
    assert Series.objects.get().finding_count == 1


def test_a_deletion_for_good_leaves_no_names_in_deliveries(administrator: User) -> None:
    ingest_datasets(make_dataset())
    ingest_datasets(make_dataset(), make_dataset(PixelData=b"\1" * 128), *make_series(1, study=2))
    ingest_datasets(*make_series(1, study=2))
    removal.purge(removal.remove(Study.objects.get(study_instance_uid=f"{ROOT}.1"), administrator, "test"), "root")
    gone = DeliveryItem.objects.filter(name="deleted for good")
    assert sorted(item.outcome for item in gone) == ["already_here", "conflict"]
    for item in gone:
        assert not any([item.reason, item.study_instance_uid, item.series_instance_uid, item.sop_instance_uid])
    assert DeliveryItem.objects.get(study_instance_uid=f"{ROOT}.2").name == "0.dcm"


def test_a_start_finishes_a_deletion_for_good_that_was_cut_off(administrator: User) -> None:
    ingest_datasets(make_dataset(), *make_series(1, study=2, PatientID="P2"))
    act = removal.remove(Patient.objects.get(patient_id="P1"), administrator, "test")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER cut_off BEFORE DELETE ON archive_series BEGIN SELECT RAISE(ABORT, 'cut off'); END"
        )
    with pytest.raises(IntegrityError):
        removal.purge(act, "root")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER cut_off")
    assert Patient.objects.count() == 2
    sweep()
    assert Patient.objects.get().patient_id == "P2"


@pytest.mark.parametrize(("first", "second"), [("purge", "purge"), ("purge", "restore"), ("restore", "purge")])
def test_a_removal_ends_once(administrator: User, first: str, second: str) -> None:
    """Two people who press at the same time have both read that it was not ended."""
    ingest_datasets(*make_series(2))
    act = removal.remove(Study.objects.get(), administrator, "test")
    stale = Removal.objects.get(pk=act.pk)
    assert getattr(removal, first)(act, "first") == 2
    with pytest.raises(removal.AlreadyEnded):
        getattr(removal, second)(stale, "second")
    act.refresh_from_db()
    assert (act.purged is None) != (act.restored is None)
    assert act.purged_by + act.restored_by == "first"


@pytest.mark.parametrize("arrivals", [1, 5], ids=["once", "each time"])
def test_counts_are_right_though_objects_arrive_while_a_study_is_added_up(
    administrator: User, monkeypatch: pytest.MonkeyPatch, arrivals: int
) -> None:
    """The sums are taken before the write lock is; what changes a series in between is noticed, however often."""
    ingest_datasets(*make_series(3), *make_series(2, series=2))
    add_up, late = counters._add_up, make_series(3 + arrivals)[3:]

    def disturbed(*arguments: Any) -> Any:
        sums = add_up(*arguments)
        if late:
            ingest_datasets(late.pop())
        return sums

    monkeypatch.setattr(counters, "_add_up", disturbed)
    act = removal.remove(Series.objects.get(series_instance_uid=f"{ROOT}.1.2"), administrator, "test")
    assert not late and not list(check.check_counts())
    assert (Study.objects.get().instance_count, Patient.objects.get().size) == (3 + arrivals, Study.objects.get().size)
    assert removal.restore(act, "root") == 2
    assert Study.objects.get().instance_count == 5 + arrivals and not list(check.check_counts())
