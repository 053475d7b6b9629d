"""The trash: administrators delete at any level with a reason, restore, and delete for good after a second question."""

import pytest
from django.db import IntegrityError, connection
from django.urls import reverse

from pacsbrowser.archive.models import Blob, Instance, Patient, Removal, Study
from pacsbrowser.archive.storage import blob_path
from pacsbrowser.audit.models import Event
from tests.datasets import ROOT, ingest_datasets, make_series
from tests.pages.browsing import client_of, instance_url, series_url, study_url, text_of

pytestmark = pytest.mark.django_db

WHY = {"why": "sent by mistake"}


def fill() -> None:
    """Take in a patient with two studies, two series in the first, two instances in each."""
    ingest_datasets(*make_series(2), *make_series(2, series=2), *make_series(2, study=2, InstitutionName="South"))


def urls() -> dict[str, str]:
    return {
        "patient": reverse("patient_remove", args=[Patient.objects.get().pk]),
        "study": study_url("study_remove"),
        "series": series_url("series_remove"),
        "instance": instance_url("instance_remove"),
    }


@pytest.mark.parametrize(("level", "left"), [("patient", 0), ("study", 2), ("series", 4), ("instance", 5)])
def test_each_level_can_be_deleted_and_restored(level: str, left: int) -> None:
    fill()
    client, url = client_of("administrator"), urls()[level]
    page = text_of(client.get(url))
    assert f"Move {6 - left} instance" in page
    answer = client.post(url, WHY)
    assert answer.status_code == 302
    assert Instance.objects.live().count() == left
    trash = text_of(client.get("/trash/"))
    assert "sent by mistake" in trash
    if left:
        assert client.get(answer.headers["Location"]).status_code == 200
    removal = Removal.objects.get()
    assert (removal.level, removal.instance_count) == (level, 6 - left)
    client.post(reverse("removal_restore", args=[removal.pk]))
    assert Instance.objects.live().count() == 6
    assert "Restored" in text_of(client.get("/trash/"))
    actions = Event.objects.filter(action__in=["delete", "restore"]).order_by("pk")
    studies = [f"{ROOT}.1", f"{ROOT}.2"] if level == "patient" else [f"{ROOT}.1"]
    assert [(event.action, event.patient) for event in actions] == [
        (action, "P1") for action in ("delete", "restore") for _ in studies
    ]
    assert sorted(event.study for event in actions.filter(action="restore")) == studies
    assert sum(event.detail["instances"] for event in actions.filter(action="delete")) == 6 - left
    assert actions[0].detail["why"] == "sent by mistake"


def test_a_reason_is_needed() -> None:
    fill()
    answer = client_of("administrator").post(study_url("study_remove"), {"why": " "})
    assert answer.status_code == 422 and "Say why" in text_of(answer)
    assert Instance.objects.live().count() == 6


@pytest.mark.parametrize("role", ["viewer", "uploader"])
def test_only_administrators_delete(role: str) -> None:
    fill()
    client = client_of(role)
    for url in [*urls().values(), "/trash/"]:
        assert client.get(url).status_code == 403
        assert client.post(url, WHY).status_code in (403, 405)
    assert Instance.objects.live().count() == 6
    assert "Move to trash" not in text_of(client.get(study_url()))


def test_deleting_for_good_asks_once_more() -> None:
    fill()
    client = client_of("administrator")
    client.post(study_url("study_remove"), WHY)
    removal = Removal.objects.get()
    url = reverse("removal_purge", args=[removal.pk])
    paths = [blob_path(blob) for blob in Blob.objects.filter(instance__removal=removal)]
    assert len(paths) == 4
    assert "cannot be undone" in text_of(client.get(url))
    client.post(url)
    assert all(path.exists() for path in paths)
    client.post(url, {"sure": "yes"})
    assert not any(path.exists() for path in paths)
    assert Study.objects.count() == 1 and Instance.objects.count() == 2
    event = Event.objects.get(action="delete", detail__for_good=True)
    assert (event.patient, event.study, event.detail["instances"]) == ("P1", f"{ROOT}.1", 4)
    assert "Deleted for good" in text_of(client.get("/trash/"))
    client.post(reverse("removal_restore", args=[removal.pk]))
    assert Instance.objects.count() == 2


def test_nothing_is_deleted_without_its_event() -> None:
    fill()
    client = client_of("administrator")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER no_event BEFORE INSERT ON audit_event WHEN NEW.action = 'delete' "
            "BEGIN SELECT RAISE(ABORT, 'no event'); END"
        )
    with pytest.raises(IntegrityError):
        client.post(study_url("study_remove"), WHY)
    assert Instance.objects.live().count() == 6
    assert Study.objects.get(study_instance_uid=f"{ROOT}.1").instance_count == 4


def test_nobody_with_a_limit_deletes() -> None:
    fill()
    client = client_of("administrator", institutions="South")
    for url in [*urls().values(), "/trash/"]:
        assert client.get(url).status_code in (403, 404)
        assert client.post(url, WHY).status_code in (403, 404, 405)
    assert Instance.objects.live().count() == 6
