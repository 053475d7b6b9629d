"""Statements that go past Django's own layers find and write what those would."""

import pytest
from django.db import IntegrityError, OperationalError, connection, models, transaction
from django.utils import timezone

from pacsbrowser.access.models import Token, User
from pacsbrowser.access.tokens import make_token
from pacsbrowser.archive.models import Blob, Delivery, Finding, Instance, Patient, Series, Study
from pacsbrowser.statements import as_stored, execute_all, insert, new_row, rows_of, rows_of_each, select, update
from tests.datasets import ingest_datasets, make_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rows() -> None:
    ingest_datasets(make_dataset(PatientBirthDate="19700230"), make_dataset(SOPInstanceUID="1.2.9", PatientSex="M"))
    make_token(User.objects.create_user("somebody"), "a token")


@pytest.mark.parametrize("model", [Patient, Study, Series, Instance, Blob, Delivery, Finding, Token, User])
def test_rows_are_what_django_reads(model: type[models.Model]) -> None:
    wanted = list(model._default_manager.order_by("pk"))
    found = select(model, "id IS NOT %s ORDER BY id", [None])
    assert found == wanted and found
    for one, other in zip(found, wanted, strict=True):
        for field in model._meta.concrete_fields:
            value, same = getattr(one, field.attname), getattr(other, field.attname)
            assert (value, type(value)) == (same, type(same)) or bytes(value) == bytes(same), field.name


def test_what_is_written_is_what_django_would_write() -> None:
    now = timezone.now()
    here = Instance.objects.first()
    assert here is not None
    values = {field.attname: getattr(here, field.attname) for field in Instance._meta.concrete_fields}
    row = new_row(Instance, values | {"id": None, "sop_instance_uid": "1.2.3", "received": now})
    row.blob = Blob(sha256=b"1" * 32, path="a/b", size=3)
    with transaction.atomic():
        insert([row.blob])
        row.blob = row.blob
        insert([row])
        row.sop_class_uid, row.received = "1.2", now
        update([row], "sop_class_uid", "received")
    again = Instance.objects.get(pk=row.pk)
    assert (again.sop_class_uid, again.received, again.delivery_id) == ("1.2", now, here.delivery_id)
    assert bytes(again.blob.sha256) == b"1" * 32
    assert Instance.objects.filter(received=now, delivery=here.delivery).count() == 1


def test_a_write_outside_a_transaction_is_refused() -> None:
    """It would go past the lock that writers share."""
    blocks, connection.in_atomic_block = connection.in_atomic_block, False
    try:
        for write in (lambda: insert([Blob()]), lambda: execute_all("DELETE FROM archive_blob", [[]])):
            with pytest.raises(RuntimeError, match="inside a transaction"):
                write()
    finally:
        connection.in_atomic_block = blocks


def test_errors_are_those_of_django() -> None:
    with pytest.raises(OperationalError, match="no such table"):
        rows_of("SELECT 1 FROM nowhere", ())
    with pytest.raises(IntegrityError), transaction.atomic():
        insert([Blob(sha256=b"1", path="a/b", size=1), Blob(sha256=b"1", path="a/b", size=1)])


def test_values_are_values_and_per_cent_signs_are_signs() -> None:
    assert rows_of("SELECT 'a%%', %s WHERE 'abc' LIKE 'a%%'", ["%s ' OR 1=1"]) == [("a%", "%s ' OR 1=1")]
    assert rows_of_each("SELECT %s + 1", [[1], [2]]) == [(2,), (3,)]


def test_they_are_counted_where_django_counts(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    with django_assert_num_queries(2):
        rows_of_each("SELECT %s", [[1], [2]])


def test_values_of_a_question_are_as_they_are_stored() -> None:
    delivery = Delivery.objects.get()
    wanted = [as_stored(Delivery, "id", delivery.pk), as_stored(Delivery, "started", delivery.started)]
    assert select(Delivery, "id = %s AND started = %s AND user_id IS NOT %s", [*wanted, 0]) == [delivery]
    assert as_stored(Delivery, "finished", None) is None
