"""Searching and fetching from others: DCMTK's archive, and another instance of this product, by DIMSE and DICOMweb."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from pacsbrowser.access.models import Role, User
from pacsbrowser.access.scope import EVERYTHING
from pacsbrowser.archive.models import Copy, Delivery, Door, Instance, Level, Study
from pacsbrowser.archive.search import Filters, parse_query
from pacsbrowser.archive.selection import Selection
from pacsbrowser.audit.models import Event
from pacsbrowser.exchange import forwarding, inbound, outbox
from pacsbrowser.exchange.models import FetchBy, Kind, Login, Node, Rule
from pacsbrowser.exchange.questions import answers_names, questions_of
from pacsbrowser.exchange.remote_query import RETURNED, RemoteStudy, search
from pacsbrowser.exchange.sealing import seal
from pacsbrowser.jobs.models import ItemState, Job, State
from pacsbrowser.jobs.work import retry
from pacsbrowser.jobs.worker import Worker
from tests.datasets import ingest_datasets, make_dataset, make_series
from tests.dimse.conftest import archive  # noqa: F401 - a fixture
from tests.dimse.peers import Archive, dcmtk, make_node, run, write
from tests.live import LiveApp, free_port, wait_until

UID = "1.2.826.0.1.3680043.10.1"


@pytest.fixture
def boss(transactional_db: Any) -> User:
    return User.objects.create_user("boss", password="x", role=Role.ADMINISTRATOR)


@contextmanager
def dcmqrscp(folder: Path, move_to: int) -> Iterator[int]:
    """Run DCMTK's archive, which knows this archive as PACSBROWSER at a port."""
    store, port = folder / "store", free_port()
    store.mkdir()
    config = folder / "dcmqrscp.cfg"
    config.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nus = (PACSBROWSER, localhost, {move_to})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nDCMQR {store} RW (200, 1024mb) ANY\nAETable END\n"
    )
    process = subprocess.Popen(
        [dcmtk("dcmqrscp"), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: run("echoscu", "-aec", "DCMQR", "127.0.0.1", port, check=False) == "", 15, "dcmqrscp")
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("fetch_by", [FetchBy.GET, FetchBy.MOVE])
def test_dcmtk(archive: Archive, boss: User, tmp_path: Path, fetch_by: str) -> None:  # noqa: F811
    paths = write(tmp_path, *make_series(3, study=41), *make_series(2, study=41, series=2), *make_series(1, study=42))
    with dcmqrscp(tmp_path, archive.port) as port:
        run("storescu", "-aec", "DCMQR", "127.0.0.1", port, *paths)
        node = make_node("DCMQR", port, fetch_by=fetch_by)
        answer = search([node], [{"PatientName": "DOE*"}, {"PatientName": "Doe*"}])[0]
        assert not answer.problem
        assert {one.uid for one in answer.studies} == {f"{UID}.41", f"{UID}.42"}
        job = inbound.enqueue_fetch(node, [f"{UID}.41"], boss)
        assert Worker().work_once()
        job.refresh_from_db()
        assert (job.state, job.problem, job.unit, job.done, job.total) == (State.DONE, "", "studies", 1, 1)
        assert job.items.get().reason == "5 objects came."
        assert Instance.objects.count() == 5
        assert Delivery.objects.get().who == "DCMQR"
    event = Event.objects.get(action="fetch")
    assert (event.who, event.study, event.detail) == ("boss", f"{UID}.41", {"from": "dcmqr"})


def test_an_archive_that_does_not_know_us_says_what_to_do(boss: User, tmp_path: Path) -> None:
    with dcmqrscp(tmp_path, free_port()) as port:
        run("storescu", "-aec", "DCMQR", "127.0.0.1", port, *write(tmp_path, *make_series(2, study=43)))
        node = make_node("DCMQR", port)
        job = inbound.enqueue_fetch(node, [f"{UID}.43", f"{UID}.44"], boss)
        Worker().work_once()
        job.refresh_from_db()
    assert job.state == State.FAILED and job.failed == 2
    assert {item.state for item in job.items.all()} == {ItemState.FAILED}


# ------------------------------------------------------------------ another instance


@pytest.fixture(scope="module")
def filled(live_app: LiveApp, tmp_path_factory: pytest.TempPathFactory) -> LiveApp:
    """The other instance, with studies of its own in several forms."""
    folder = tmp_path_factory.mktemp("remote")
    files = [*make_series(30, study=71, AccessionNumber="ACC71", PatientID="REM1"), *make_series(2, study=72)]
    files.append(
        make_dataset(
            PatientName="Müller^Jörg",
            PatientID="REM2",
            AccessionNumber="ACC73",
            StudyInstanceUID=f"{UID}.73",
            SeriesInstanceUID=f"{UID}.73.1",
            SOPInstanceUID=f"{UID}.73.1.1",
        )
    )
    live_app.ingest(*write(folder, *files))
    return live_app


@pytest.fixture(scope="module")
def token(live_app: LiveApp) -> str:
    """A token of the other instance. Made before a test has a database of its own, which would be the only one."""
    user = live_app.user("uploader")
    return live_app.manage("create_token", user.username, "--scope", "read,store").stdout.split()[-1]


def nodes_of(app: LiveApp, own_port: int, token: str) -> dict[str, Node]:
    """Introduce each to the other, and return the other by each protocol."""
    app.manage("add_node", "the tests", "--aet", "PACSBROWSER", "--host", "127.0.0.1", "--port", str(own_port))
    url = f"{app.url}/dicom-web"
    return {
        "move": make_node("OTHER", app.dimse_port, name="move"),
        "web": Node.objects.create(
            name="web", kind=Kind.DICOMWEB, url=url, login=Login.BEARER, secret=seal(token), is_trusted=True
        ),
    }


def test_two_instances_search_fetch_and_send(archive: Archive, filled: LiveApp, token: str, boss: User) -> None:  # noqa: F811
    nodes = nodes_of(filled, archive.port, token)
    questions = questions_of(parse_query("müller"), Filters())
    for answer in search(list(nodes.values()), questions):
        assert not answer.problem
        assert [one.values["PatientName"] for one in answer.studies] == ["Müller^Jörg"]
        assert (answer.studies[0].instance_count, answer.studies[0].values["ModalitiesInStudy"]) == (1, "CT")
    for protocol, fetch_by in (("move", FetchBy.MOVE), ("move", FetchBy.GET), ("web", FetchBy.MOVE)):
        node = nodes[protocol]
        node.fetch_by = fetch_by
        node.save()
        job = inbound.enqueue_fetch(node, [f"{UID}.71", f"{UID}.73"], boss)
        assert Worker().work_once()
        job.refresh_from_db()
        assert (job.state, job.result) == (State.DONE, {"done": 2}), (protocol, fetch_by, job.problem, job.log)
        assert [item.reason for item in job.items.order_by("pk")] == ["30 objects came.", "1 object came."]
        assert Instance.objects.count() == 31
    assert not Copy.objects.exists(), "the three ways brought the same"
    ingest_datasets(*make_series(4, study=81), *make_series(3, study=82))
    for name, study, count in (("move", 81, 4), ("web", 82, 3)):
        keys = Study.objects.filter(study_instance_uid=f"{UID}.{study}").values_list("pk", flat=True)
        job = outbox.enqueue_send(nodes[name], Selection(Level.STUDY, tuple(keys), EVERYTHING), boss)
        assert Worker().work_once()
        job.refresh_from_db()
        assert (job.state, job.result) == (State.DONE, {"done": count}), job.problem
        (answer,) = search([nodes["web"]], [{"StudyInstanceUID": f"{UID}.{study}"}])
        assert [one.instance_count for one in answer.studies] == [count]
    assert inbound.counts_here(boss_scope(boss), [f"{UID}.71", f"{UID}.72"]) == {f"{UID}.71": 30}


@pytest.mark.parametrize("protocol", ["move", "web"])
def test_what_was_fetched_from_a_node_is_not_forwarded_to_it(
    archive: Archive,  # noqa: F811
    filled: LiveApp,
    token: str,
    boss: User,
    protocol: str,
) -> None:
    nodes = nodes_of(filled, archive.port, token)
    for name, node in nodes.items():
        Rule.objects.create(name=f"to {name}", node=node)
    for fetch_by in (FetchBy.MOVE, FetchBy.GET):
        nodes[protocol].fetch_by = fetch_by
        nodes[protocol].save()
        # the title by which the other instance calls is that of its node here
        Node.objects.filter(pk=nodes["move"].pk).update(ae_title="PACSBROWSER")
        inbound.enqueue_fetch(Node.objects.get(pk=nodes[protocol].pk), [f"{UID}.71"], boss)
        assert Worker().work_once()
        assert Instance.objects.count() == 30
        forwarding.look()
        titles = set(Job.objects.filter(name=forwarding.FORWARD).values_list("title", flat=True))
        other = "web" if protocol == "move" else "move"
        assert titles == {f"Forward to {other} (to {other})"}


def test_two_archives_that_forward_to_each_other_come_to_an_end(
    archive: Archive,  # noqa: F811
    filled: LiveApp,
    token: str,
    request: pytest.FixtureRequest,
) -> None:
    """Here by DICOMweb, there by DIMSE: neither can tell from whom the objects are."""
    node = nodes_of(filled, archive.port, token)["web"]
    filled.manage("shell", "-v", "0", "-c", RULE_THERE)
    request.addfinalizer(lambda: filled.manage("shell", "-v", "0", "-c", NO_RULE_THERE))
    Rule.objects.create(name="there", node=node)
    ingest_datasets(*make_series(3, study=671))
    forwarding.look()
    Job.objects.update(not_before=timezone.now())
    while Worker().work_once():
        pass
    assert Job.objects.get().state == State.DONE
    # the other instance sends them back, once
    received = Delivery.objects.filter(door=Door.DIMSE, already_here__gt=0)
    wait_until(lambda: sum(received.values_list("already_here", flat=True)) == 3, 60, "the other's forward")
    there = "from pacsbrowser.jobs.models import Job; print([(j.name, j.state) for j in Job.objects.all()])"
    wait_until(lambda: "('forward', 'done')" in filled.manage("shell", "-v", "0", "-c", there).stdout, 30)
    forwarding.look()
    assert Job.objects.count() == 1 and Instance.objects.count() == 3


# a rule of the other instance, as an administrator makes one
RULE_THERE = """
from pacsbrowser.exchange import forwarding
from pacsbrowser.exchange.models import Node, Rule
rule = Rule(name="back", node=Node.objects.get(name="the tests"))
forwarding.begin(rule)
rule.save()
"""
NO_RULE_THERE = "from pacsbrowser.exchange.models import Rule; Rule.objects.all().delete()"


def boss_scope(user: User) -> Any:
    from pacsbrowser.access.scope import scope_of

    return scope_of(user)


def test_a_list_of_numbers_is_fetched_and_what_is_nowhere_is_told(
    archive: Archive,  # noqa: F811
    filled: LiveApp,
    token: str,
    boss: User,
) -> None:
    nodes = nodes_of(filled, archive.port, token)
    job = inbound.enqueue_list(list(nodes.values()), "accession", ["ACC71", "NOWHERE", "ACC73"], boss)
    assert job.title == "Fetch 3 accession numbers from move, web"
    Worker().work_once()
    job.refresh_from_db()
    assert (job.state, job.problem) == (State.FAILED, "1 of 3 failed.")
    assert [(item.label, item.state, item.reason) for item in job.items.order_by("pk")] == [
        ("ACC71", "done", "1 study. "),
        ("NOWHERE", "failed", "No node has it."),
        ("ACC73", "done", "1 study. "),
    ]
    assert set(Study.objects.values_list("accession_number", flat=True)) == {"ACC71", "ACC73"}
    assert retry(job) and Worker().work_once()
    assert Event.objects.filter(action="fetch").count() == 2


def test_one_node_that_fails_does_not_spoil_the_others(filled: LiveApp, token: str, boss: User) -> None:
    nodes = nodes_of(filled, free_port(), token)
    dead = make_node("DEAD", free_port())
    first, second = search([dead, nodes["web"]], [{"PatientID": "REM1"}])
    assert "does not take a connection" in first.problem and not first.studies
    assert [one.uid for one in second.studies] == [f"{UID}.71"]
    job = inbound.enqueue_list([dead, nodes["web"]], "patient", ["REM2", "NOWHERE"], boss)
    Worker().work_once()
    job.refresh_from_db()
    came, nowhere = job.items.order_by("pk")
    assert (came.state, came.reason[:15]) == (ItemState.FAILED, "1 study. dead: ") and job.failed == 2
    assert nowhere.state == ItemState.FAILED and nowhere.reason.startswith("dead: ")
    assert Study.objects.filter(study_instance_uid=f"{UID}.73").exists(), "what the other node has came"
    assert job.state == State.FAILED, "a retry takes up both"
    job = inbound.enqueue_fetch(dead, [f"{UID}.71"], boss)
    Worker().work_once()
    job.refresh_from_db()
    assert job.state == State.FAILED and "does not take a connection" in job.items.get().reason


def test_who_is_limited_to_institutions_fetches_nothing(transactional_db: Any) -> None:
    limited = User.objects.create_user("limited", password="x", role=Role.UPLOADER, institutions="North")
    job = inbound.enqueue_fetch(make_node("DEAD", free_port()), [f"{UID}.71"], limited)
    Worker().work_once()
    job.refresh_from_db()
    assert job.state == State.FAILED and "may not do this" in job.problem
    assert Job.objects.count() == 1


# ------------------------------------------------------------------ questions


@pytest.mark.parametrize(
    ("text", "filters", "expected"),
    [
        ("", {}, []),
        ("", {"first": "20240101"}, [{"StudyDate": "20240101-"}]),
        ("", {"last": "20240101", "sex": "F"}, [{"StudyDate": "-20240101", "PatientSex": "F"}]),
        ("id:4711", {"modalities": ("CT", "MR")}, [{"ModalitiesInStudy": "CT\\MR", "PatientID": "4711"}]),
        ("name:Doe", {}, [{"PatientName": f"*{form}*"} for form in ("Doe", "DOE")]),
        ("4711", {}, [{"PatientID": "4711"}, {"AccessionNumber": "4711"}]),
        (
            "doe 4711",
            {},
            [
                {"PatientName": f"*{form}*", key: "4711"}
                for form in ("doe", "DOE", "Doe")
                for key in ("PatientID", "AccessionNumber")
            ],
        ),
        ("acc:A1", {"accession": "A2"}, []),
        ("1.2.840.113619.2.5.1762583153", {}, [{"StudyInstanceUID": "1.2.840.113619.2.5.1762583153"}]),
        ("born:1958-04-02", {}, [{"PatientBirthDate": "19580402"}]),
    ],
)
def test_questions(text: str, filters: dict[str, Any], expected: list[dict[str, str]]) -> None:
    assert questions_of(parse_query(text), Filters(**filters)) == expected


def test_all_words_of_a_name_must_be_there() -> None:
    def study(name: str) -> RemoteStudy:
        return RemoteStudy(Node(), {**dict.fromkeys(RETURNED, ""), "PatientName": name})

    query = parse_query("jorg MÜLLER")
    assert {"PatientName": "*MÜLLER*"} in questions_of(query, Filters())
    assert answers_names(query, study("Müller^Jörg")) and not answers_names(query, study("Müller^Anna"))
