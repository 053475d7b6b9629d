"""Sending in the background: a result for each object, a retry of the failed ones, rights, and auto-forward."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from pacsbrowser.access.models import Role, User
from pacsbrowser.access.scope import EVERYTHING
from pacsbrowser.archive.models import Instance, Level, Study
from pacsbrowser.archive.selection import Selection
from pacsbrowser.audit.models import Event
from pacsbrowser.dicom.part10 import EXPLICIT_UID
from pacsbrowser.exchange import forwarding, outbox
from pacsbrowser.exchange.models import Kind, Node, Rule
from pacsbrowser.jobs import items
from pacsbrowser.jobs.models import ItemState, Job, State
from pacsbrowser.jobs.work import enqueue, retry
from pacsbrowser.jobs.worker import Worker
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.dimse.peers import CT, Receiver, make_node
from tests.live import free_port

pytestmark = pytest.mark.django_db
FORMS = [(CT, EXPLICIT_UID)]


@pytest.fixture
def uploader() -> Iterator[User]:
    yield User.objects.create_user("sender", password="x", role=Role.UPLOADER)


def ask(node: Any, user: User, level: Level = Level.STUDY) -> Job:
    rows = {Level.STUDY: Study, Level.INSTANCE: Instance}[level].objects.all()
    keys = tuple(rows.order_by("pk").values_list("pk", flat=True))
    return outbox.enqueue_send(node, Selection(level, keys, EVERYTHING), user)


def test_each_object_has_its_result_and_a_retry_sends_what_failed(uploader: User) -> None:
    ingest_datasets(*make_series(5))
    with Receiver(FORMS, refuses=f"{ROOT}.1.1.3") as receiver:
        job = ask(make_node("TARGET", receiver.port), uploader)
        assert job.title == "Send 1 study to target"
        assert Worker().work_once()
        job.refresh_from_db()
        assert (job.state, job.problem, job.done, job.failed) == (State.FAILED, "1 of 5 failed.", 5, 1)
        failed = job.items.get(state=ItemState.FAILED)
        assert failed.label == f"{ROOT}.1.1.3" and failed.reason
        assert len(receiver.data_sets) == 4
        receiver.data_sets.clear()
        receiver._refuses = ""
        assert retry(job) and Worker().work_once()
        assert set(receiver.data_sets) == {f"{ROOT}.1.1.3"}
    job.refresh_from_db()
    assert (job.state, job.result) == (State.DONE, {"done": 5})


def test_nobody_there_fails_with_the_reason_and_goes_on_later(uploader: User) -> None:
    ingest_datasets(*make_series(3))
    node = make_node("TARGET", free_port())
    job = ask(node, uploader)
    Worker().work_once()
    job.refresh_from_db()
    assert job.state == State.FAILED and "does not take a connection" in job.problem
    assert job.items.filter(state=ItemState.WAITING).count() == 3
    with Receiver(FORMS) as receiver:
        node.port = receiver.port
        node.save()
        assert retry(job) and Worker().work_once()
    job.refresh_from_db()
    assert job.state == State.DONE and len(receiver.data_sets) == 3


def test_what_the_owner_may_not_see_any_more_is_not_sent(uploader: User) -> None:
    ingest_datasets(*make_series(2, InstitutionName="North"), *make_series(2, study=2, InstitutionName="South"))
    with Receiver(FORMS) as receiver:
        job = ask(make_node("TARGET", receiver.port), uploader)
        User.objects.filter(pk=uploader.pk).update(institutions="South")
        Worker().work_once()
    job.refresh_from_db()
    assert (job.state, set(receiver.data_sets)) == (State.DONE, {f"{ROOT}.2.1.1", f"{ROOT}.2.1.2"})


def test_a_viewer_sends_nothing(uploader: User) -> None:
    ingest_datasets(make_dataset())
    with Receiver(FORMS) as receiver:
        job = ask(make_node("TARGET", receiver.port), uploader)
        User.objects.filter(pk=uploader.pk).update(role=Role.VIEWER)
        Worker().work_once()
    job.refresh_from_db()
    assert job.state == State.FAILED and not receiver.data_sets


def test_a_node_that_takes_nothing_of_the_kind_says_so_for_each(uploader: User) -> None:
    ingest_datasets(*make_series(2), make_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.4", SOPInstanceUID=f"{ROOT}.7"))
    with Receiver(FORMS) as receiver:
        job = ask(make_node("TARGET", receiver.port), uploader, Level.INSTANCE)
        Worker().work_once()
    job.refresh_from_db()
    assert job.failed == 1 and "SOP class" in job.items.get(state=ItemState.FAILED).reason


# ------------------------------------------------------------------ auto-forward


def rule_for(port: int, **conditions: Any) -> Rule:
    rule = Rule(name="rule", node=make_node("TARGET", port), **conditions)
    forwarding.begin(rule)
    rule.save()
    return rule


def run_now() -> None:
    Job.objects.filter(state=State.QUEUED).update(not_before=timezone.now())
    while Worker().work_once():
        pass


def test_what_arrives_and_matches_goes_on_once() -> None:
    ingest_datasets(make_dataset(SOPInstanceUID=f"{ROOT}.1.1.99"))
    with Receiver(FORMS) as receiver:
        rule_for(receiver.port, modalities="mr, ct", description="*thorax*")
        ingest_datasets(
            *make_series(3, study=2, StudyDescription="CT Thorax nativ"),
            *make_series(2, study=3, StudyDescription="CT head"),
            make_dataset(StudyInstanceUID=f"{ROOT}.4", SOPInstanceUID=f"{ROOT}.4.1", Modality="US"),
        )
        forwarding.look()
        ingest_datasets(*make_series(1, study=2, series=2, SeriesDescription="thorax lung"))
        forwarding.look()
        forwarding.look()
        job = Job.objects.get()
        assert job.items.count() == 4 and job.not_before > timezone.now()
        assert not Worker().work_once(), "objects of a series go together"
        run_now()
        assert set(receiver.data_sets) == {f"{ROOT}.2.1.1", f"{ROOT}.2.1.2", f"{ROOT}.2.1.3", f"{ROOT}.2.2.1"}
        ingest_datasets(*make_series(3, study=2, StudyDescription="CT Thorax nativ"))
        forwarding.look()
    assert Job.objects.count() == 1, "what was here already goes nowhere"
    events = Event.objects.filter(action="send").order_by("pk")
    assert [(event.study, event.detail["instances"]) for event in events] == [(f"{ROOT}.2", 3), (f"{ROOT}.2", 1)]


def test_forwarding_is_tried_again_later_each_time() -> None:
    rule = rule_for(free_port())
    ingest_datasets(*make_series(2))
    forwarding.look()
    waits = []
    for _ in range(3):
        run_now()
        job = Job.objects.get()
        assert (job.state, job.items.filter(state=ItemState.WAITING).count()) == (State.QUEUED, 2)
        waits.append(round((job.not_before - timezone.now()) / timedelta(seconds=30)))
    assert waits == [1, 2, 4]
    assert "Try 3" in job.log and "does not take a connection" in job.problem
    with Receiver(FORMS) as receiver:
        rule.node.port = receiver.port
        rule.node.save()
        ingest_datasets(*make_series(1, study=2))
        forwarding.look()
        run_now()
    assert len(receiver.data_sets) == 3
    assert Job.objects.get().state == State.DONE


def test_an_object_for_which_there_is_no_room_waits_and_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "_READ_AT_ONCE", 2)
    with Receiver(FORMS, refuses=f"{ROOT}.1.1.1") as receiver:
        rule_for(receiver.port)
        ingest_datasets(*make_series(5))
        forwarding.look()
        run_now()
        job = Job.objects.get()
        assert set(receiver.data_sets) == {f"{ROOT}.1.1.{number}" for number in (2, 3, 4, 5)}
        assert (job.state, job.delays) == (State.QUEUED, 1) and "A700" in job.problem
        assert [item.label for item in job.items.filter(state=ItemState.WAITING)] == [f"{ROOT}.1.1.1"]
        ingest_datasets(*make_series(1, study=2))
        forwarding.look()
        later = Job.objects.exclude(pk=job.pk).get()
        assert later.not_before < job.not_before, "what arrives meanwhile does not wait for it"
        receiver.data_sets.clear()
        receiver._refuses = ""
        run_now()
        assert set(receiver.data_sets) == {f"{ROOT}.1.1.1", f"{ROOT}.2.1.1"}
    job.refresh_from_db()
    assert (job.state, job.problem) == (State.DONE, "")


def test_objects_at_which_a_node_breaks_off_block_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "_READ_AT_ONCE", 6)
    with Receiver(FORMS, breaks=[f"{ROOT}.1.1.{number}" for number in (1, 2)]) as receiver:
        rule_for(receiver.port)
        ingest_datasets(*make_series(8))
        forwarding.look()
        run_now()
        job = Job.objects.get()
        assert not receiver.data_sets and job.state == State.QUEUED, "two in a row may be the node's fault"
        run_now()
        job.refresh_from_db()
        assert set(receiver.data_sets) == {f"{ROOT}.1.1.{number}" for number in range(3, 9)}
        assert (job.state, job.delays, job.subject) == (State.QUEUED, 2, "")
        left = job.items.filter(state=ItemState.WAITING)
        assert [item.label for item in left] == [f"{ROOT}.1.1.1", f"{ROOT}.1.1.2"] and all(one.reason for one in left)
        receiver.breaks = {f"{ROOT}.1.1.1"}
        run_now()
        assert f"{ROOT}.1.1.2" in receiver.data_sets


def test_a_job_that_nothing_delays_takes_what_arrives() -> None:
    rule = rule_for(free_port())
    for number in range(8):
        waits = timedelta(hours=1) if number != 5 else timedelta(seconds=5)
        enqueue(forwarding.FORWARD, None, "?", str(rule.pk), not_before=timezone.now() + waits, node=rule.node_id)
    ingest_datasets(make_dataset())
    forwarding.look()
    assert Job.objects.get(items__isnull=False).not_before < timezone.now() + timedelta(minutes=1)


def test_what_a_node_does_not_take_at_all_is_not_tried_for_a_day() -> None:
    with Receiver(FORMS) as receiver:
        rule_for(receiver.port)
        ingest_datasets(make_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.4"))
        forwarding.look()
        run_now()
    job = Job.objects.get()
    assert job.state == State.FAILED and "accepts none" in job.items.get(state=ItemState.FAILED).reason


def test_nothing_goes_back_to_where_it_came_from() -> None:
    rule = rule_for(free_port())
    arrived = forwarding.Arrived(1, "1.2", "CT", "", "", "", "TARGET", "dimse", 1)
    assert not forwarding.matches(rule, rule.node, arrived)


def test_nothing_goes_back_to_the_account_of_a_dicomweb_node(uploader: User) -> None:
    web = Node.objects.create(name="web", kind=Kind.DICOMWEB, url="http://192.0.2.1/", account=uploader)
    rule = Rule(name="rule", node=web)
    by_stow = forwarding.Arrived(1, "1.2", "CT", "", "", "", "sender", "stow", 1, account=uploader.pk)
    assert not forwarding.matches(rule, web, by_stow)
    assert forwarding.matches(rule, web, replace(by_stow, account=None))
    assert forwarding.matches(rule, web, replace(by_stow, door="upload")), "the account may be a person's too"
    assert forwarding.matches(rule, web, replace(by_stow, fetched_from=web.pk + 1)), "a person fetched it from another"
    assert not forwarding.matches(rule, web, replace(by_stow, account=None, fetched_from=web.pk))
    web.account = None
    assert forwarding.matches(rule, web, by_stow)


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        ({"modalities": "CT"}, True),
        ({"modalities": "MR US"}, False),
        ({"caller": "scanner"}, True),
        ({"caller": "SCAN"}, False),
        ({"door": "dimse"}, True),
        ({"door": "stow"}, False),
        ({"institution": "sankt"}, True),
        ({"institution": "?t. *"}, False),
        ({"description": "schädel"}, True),
        ({"description": "t1*"}, True),
        ({"description": "knee"}, False),
    ],
)
def test_conditions(conditions: dict[str, str], fits: bool) -> None:
    rule = rule_for(free_port(), **conditions)
    arrived = forwarding.Arrived(1, "1.2", "CT", "T1 axial", "CT Schädel", "Sankt Anna", "SCANNER", "dimse", 1)
    assert forwarding.matches(rule, rule.node, arrived) is fits


def test_a_rule_that_is_off_sees_nothing() -> None:
    rule = rule_for(free_port(), is_on=False)
    ingest_datasets(make_dataset())
    forwarding.look()
    assert not Job.objects.exists()
    rule.is_on = True
    forwarding.begin(rule)
    rule.save()
    forwarding.look()
    assert not Job.objects.exists()
