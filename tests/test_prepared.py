"""A prepared query finds what the query itself would find."""

from datetime import timedelta

import pytest
from django.utils import timezone

from pacsbrowser.access.models import Role, Token, User
from pacsbrowser.access.scope import EVERYTHING, NOTHING, Scope
from pacsbrowser.access.tokens import find_token, make_token
from pacsbrowser.archive.models import Instance
from pacsbrowser.prepared import Prepared, Slot
from tests.datasets import ROOT, ingest_datasets, make_dataset

pytestmark = pytest.mark.django_db
STUDY, SERIES, INSTANCE = f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1"


def prepared(scope: Scope) -> Prepared[Instance]:
    rows = Instance.objects.visible_to(scope).filter(
        sop_instance_uid=Slot("uid"), series__study__study_instance_uid=Slot("study")
    )
    return Prepared(rows.select_related("blob", "series__study__patient"))


def test_it_finds_models_with_their_relations(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    ingest_datasets(make_dataset())
    question = prepared(EVERYTHING)
    with django_assert_num_queries(1):
        (found,) = question.find(uid=INSTANCE, study=STUDY)
        assert found.series.series_instance_uid == SERIES
        assert found.series.study.patient.patient_id == "P1"
        assert len(bytes(found.blob.sha256)) == 32
    plain = Instance.objects.get()
    assert (found.pk, found.received, found.has_pixel_data) == (plain.pk, plain.received, plain.has_pixel_data)


def test_it_takes_other_values_each_time() -> None:
    ingest_datasets(make_dataset(), make_dataset(SOPInstanceUID="1.2.9"))
    question = prepared(EVERYTHING)
    assert [one.sop_instance_uid for one in question.find(uid="1.2.9", study=STUDY)] == ["1.2.9"]
    assert [one.sop_instance_uid for one in question.find(uid=INSTANCE, study=STUDY)] == [INSTANCE]
    assert question.find(uid="' OR 1=1 --", study=STUDY) == []
    with pytest.raises(KeyError):
        question.find(uid=INSTANCE)


def test_a_scope_is_part_of_the_question() -> None:
    ingest_datasets(make_dataset(InstitutionName="North"))
    for scope, count in ((Scope(institutions=frozenset({"North", "East"})), 1), (NOTHING, 0), (EVERYTHING, 1)):
        assert len(prepared(scope).find(uid=INSTANCE, study=STUDY)) == count


def test_columns_that_were_left_out_are_read_when_asked_for(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    ingest_datasets(make_dataset())
    rows = Instance.objects.filter(sop_instance_uid=Slot("uid")).select_related("blob").only("blob__size")
    (found,) = Prepared(rows).find(uid=INSTANCE)
    with django_assert_num_queries(1):
        assert found.received is not None


def test_a_token_that_has_expired_or_whose_user_has_gone_is_none() -> None:
    user = User.objects.create_user("someone", password="a long password", role=Role.VIEWER)
    row, secret = make_token(user, "test", expires=timezone.now() + timedelta(minutes=1))
    found = find_token(f"Bearer {secret}")
    assert found is not None and found.user == user
    Token.objects.filter(pk=row.pk).update(expires=timezone.now() - timedelta(seconds=1))
    assert find_token(f"Bearer {secret}") is None
    Token.objects.filter(pk=row.pk).update(expires=None)
    assert find_token(f"Bearer {secret}") is not None
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert find_token(f"Bearer {secret}") is None
