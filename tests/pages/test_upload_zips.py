"""Zips that were uploaded: unpacked by the worker, into the delivery that they came in."""

import pytest
from django.test import Client

from pacsbrowser.access.models import User
from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Delivery, DeliveryItem, Instance
from pacsbrowser.audit.models import Action, Event
from pacsbrowser.jobs import work
from pacsbrowser.jobs.models import Job, State
from pacsbrowser.jobs.worker import Worker
from tests.datasets import ROOT, make_dataset, make_series
from tests.pages.uploading import ask, begin, client, csrf, send, uploader, zip_of

__all__ = ["client", "uploader"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_zip_is_unpacked_by_the_worker(client: Client) -> None:
    """Into the same delivery, members named after it; sent again it makes no second job."""
    where = begin(client)
    data = zip_of({"scan/1.dcm": make_dataset(), "scan/readme.txt": b"text"})
    (line,) = send(client, where, {"b/x.zip": data})
    assert line["outcome"] == "unpacking"
    (again,) = send(client, where, {"b/x.zip": data})
    assert again["job"] == line["job"]
    offered = [{"path": "b/x.zip", "size": len(data), "modified": "1"}]
    (known,) = ask(client, where, offered)
    assert known is not None and known["job"] == line["job"]
    assert "Unpack" in client.get(where["report"]).content.decode()
    client.post(where["finish"], headers=csrf(client))
    assert Delivery.objects.get(pk=where["id"]).finished is None
    assert Worker().work_once()
    assert Job.objects.get().state == State.DONE
    assert Delivery.objects.get(pk=where["id"]).finished is not None
    assert Event.objects.get(action=Action.UPLOAD, study=f"{ROOT}.1").who == "uma"
    names = DeliveryItem.objects.filter(delivery=where["id"]).values_list("name", "outcome")
    assert sorted(names) == [("b/x.zip!/scan/1.dcm", "stored"), ("b/x.zip!/scan/readme.txt", "not_dicom")]
    assert not list((storage.incoming_root().parent / "zips").glob("*"))


def test_a_delivery_is_finished_with_its_last_zip_though_two_workers_end_at_once(client: Client) -> None:
    where = begin(client)
    send(client, where, {f"{n}.zip": zip_of({f"{n}.dcm": file}) for n, file in enumerate(make_series(2))})
    client.post(where["finish"], headers=csrf(client))
    claimed = [row for row in (Worker().claim(), Worker().claim()) if row]
    for row in claimed:
        function = work.function_of(row.name)
        assert function is not None
        function(work.Progress(row), **row.parameters)
    assert Delivery.objects.get(pk=where["id"]).finished is None
    assert [work.end(Job.objects.filter(pk=row.pk), State.DONE) for row in claimed] == [True, True]
    assert Delivery.objects.get(pk=where["id"]).finished is not None
    assert Instance.objects.count() == 2


def test_a_demoted_uploader_unpacks_nothing_more(client: Client) -> None:
    where = begin(client)
    send(client, where, {"x.zip": zip_of({"1.dcm": make_dataset()})})
    client.post(where["finish"], headers=csrf(client))
    User.objects.filter(username="uma").update(role="viewer")
    assert Worker().work_once()
    assert (Job.objects.get().state, Instance.objects.count()) == (State.FAILED, 0)
    assert Delivery.objects.get(pk=where["id"]).finished is not None
