"""Uploading as the browser's module does it: what is answered, kept and reported."""

import csv
import io
import os
import resource
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from pacsbrowser.access.models import Role, User
from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Delivery, DeliveryItem, Instance, Outcome
from pacsbrowser.audit.models import Action, Event
from pacsbrowser.jobs.models import Job, State
from pacsbrowser.jobs.worker import Worker
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.pages.uploading import (
    BOUNDARY,
    ask,
    begin,
    body_of,
    client,
    csrf,
    incoming_files,
    post,
    send,
    uploader,
)

__all__ = ["client", "uploader"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_each_file_has_a_line_with_its_outcome(client: Client) -> None:
    """In the order sent; the report, its counts and its CSV say the same."""
    where = begin(client)
    first, second = make_series(2)
    other = make_dataset(SOPInstanceUID=f"{ROOT}.1.1.1", InstanceNumber=1, PatientComments="other content")
    files = {"a/Größe 1.dcm": first, "a/2.dcm": second, "a/again.dcm": first, "notes.txt": b"hello", "x.dcm": other}
    lines = send(client, where, files)
    assert [line["name"] for line in lines] == list(files)
    assert [line["outcome"] for line in lines] == ["stored", "stored", "already_here", "not_dicom", "conflict"]
    delivery = Delivery.objects.get(pk=where["id"])
    assert (delivery.stored, delivery.already_here, delivery.not_dicom, delivery.conflict) == (2, 1, 1, 1)
    assert DeliveryItem.objects.filter(delivery=delivery).count() == 5
    report = client.get(where["report"]).content.decode()
    assert "notes.txt" in report and "a/again.dcm" in report and "Größe" not in report
    assert "Größe" in client.get(where["report"] + "?show=all").content.decode()
    table = b"".join(client.get(where["csv"])).decode("utf-8-sig")  # type: ignore[call-overload]
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["File"] for row in rows] == list(files)
    assert [row["Outcome"] for row in rows] == ["Stored", "Stored", "Already here", "Not DICOM", "Conflict"]
    assert incoming_files() == []


def test_a_cut_body_keeps_whole_parts_and_nothing_of_the_cut_one(client: Client) -> None:
    """Wherever it is cut."""
    first, second = make_series(2)
    body = body_of({"1.dcm": first, "2.dcm": second})
    for cut in (len(body) - 1, len(body) - 25, len(body) - 200, len(body) - len(second) - 40):
        where = begin(client)
        answer = post(client, where, body[:cut])
        assert answer.status_code == 400
        names = [line["name"] for line in answer.json()["files"]]
        assert names in (["1.dcm"], ["1.dcm", "2.dcm"] if cut > len(body) - 25 else ["1.dcm"])
    assert post(client, begin(client), body[: len(first) // 2]).json()["files"] == []
    assert incoming_files() == []


def test_a_file_that_changed_while_it_was_sent_is_not_kept(client: Client) -> None:
    """Its bytes are not the file that the sender meant."""
    where = begin(client)
    data = make_dataset()
    body = body_of({"1.dcm": data}).replace(f"Content-Length: {len(data)}".encode(), b"Content-Length: 7")
    (line,) = post(client, where, body).json()["files"]
    assert (line["outcome"], line["code"]) == ("rejected", "changed")
    assert not Instance.objects.exists()
    assert incoming_files() == []


def test_a_write_that_fails_is_no_success_and_leaves_nothing(client: Client) -> None:
    """A limit on file sizes stands for the full disk: the system call fails in the middle of a part."""
    where = begin(client)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, hard))
    try:
        answer = post(client, where, body_of({"1.dcm": make_dataset(), "large": bytes(21_000_000)}))
        zipped = post(client, where, body_of({"x.zip": b"PK\x03\x04" + bytes(21_000_000)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (answer.status_code, zipped.status_code) == (503, 503)
    assert incoming_files() == []
    assert not list((storage.incoming_root().parent / "zips").glob("*"))
    assert not Instance.objects.exists() and not Job.objects.exists()
    (line,) = send(client, where, {"1.dcm": make_dataset()})
    assert line["outcome"] == "stored"


def test_the_csrf_token_is_demanded(client: Client) -> None:
    """Of the module's requests and of the form."""
    where = begin(client)
    content_type = f"multipart/related; boundary={BOUNDARY}"
    assert client.post(where["files"], body_of({"1": b"x"}), content_type=content_type).status_code == 403
    assert client.post(reverse("upload_begin"), {}, content_type="application/json").status_code == 403
    assert client.post(reverse("upload"), {"files": io.BytesIO(make_dataset())}).status_code == 403
    assert not Instance.objects.exists()
    assert incoming_files() == []


def test_viewers_and_strangers_are_refused(client: Client, uploader: User) -> None:
    """A viewer may not upload; nobody sends to, or reads of, another's upload; an administrator may read."""
    where = begin(client)
    viewer, other = Client(), Client()
    viewer.force_login(User.objects.create_user("vic", role=Role.VIEWER))
    other.force_login(User.objects.create_user("ole", role=Role.UPLOADER))
    boss = Client()
    boss.force_login(User.objects.create_user("bo", role=Role.ADMINISTRATOR))
    assert viewer.get(reverse("upload")).status_code == 403
    assert viewer.post(reverse("upload"), {"files": io.BytesIO(make_dataset())}).status_code == 403
    assert viewer.post(reverse("upload_begin")).status_code == 403
    for url in (where["files"], where["known"], where["finish"]):
        assert other.post(url).status_code == 404
        assert viewer.post(url).status_code == 403
    assert [browser.get(where["report"]).status_code for browser in (other, viewer, boss)] == [404, 404, 200]
    assert other.get(where["csv"]).status_code == 404
    assert Client().get(where["report"]).status_code == 302


LONG_LENGTH = b"--frontier-of-the-test\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nx\r\n--frontier-of-the-test--"


@pytest.mark.parametrize("body", [b"", b"nothing", b"--frontier-of-the-test\r\nno colon\r\n\r\nx", LONG_LENGTH])
def test_bodies_that_make_no_sense_are_answered(client: Client, body: bytes) -> None:
    """400 with a sentence, never 500."""
    answer = post(client, begin(client), body)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "files",
    [
        "{}", "[{}]", "[[]]", '[{"path": "a", "size": 1e999}]', '[{"path": "a", "size": -1}]', "[[[",
        '[{"path": "a", "size": 9223372036854775808}]', '[{"path": "a", "size": 1, "sha256": "00"}]',
    ],
)  # fmt: skip
def test_lists_of_files_that_make_no_sense_are_answered(client: Client, files: str) -> None:
    """Never with 500, and nothing of them is kept."""
    where = begin(client)
    text = f'{{"files": {files}}}'
    answer = client.post(where["known"], text, content_type="application/json", headers=csrf(client))
    assert answer.status_code == (400 if files != "[[[" else 200)
    assert not DeliveryItem.objects.exists()


def test_json_that_is_nested_without_end_is_answered(client: Client) -> None:
    answer = client.post(reverse("upload_begin"), "[" * 100_000, content_type="application/json", headers=csrf(client))
    assert answer.status_code == 201


def test_other_content_types_are_refused(client: Client) -> None:
    """multipart/form-data has its own address."""
    where = begin(client)
    answer = client.post(where["files"], {"files": io.BytesIO(make_dataset())}, headers=csrf(client))
    assert answer.status_code == 400


def test_a_resent_batch_does_not_count_twice(client: Client) -> None:
    """The answer to the first was lost: the second is answered with the same lines."""
    where = begin(client)
    files = {f"{number}.dcm": data for number, data in enumerate(make_series(3))}
    first = send(client, where, files)
    assert send(client, where, files) == first
    assert Delivery.objects.get(pk=where["id"]).received_count == 3


def test_the_same_folder_again_is_not_sent_again(client: Client) -> None:
    """Within the delivery nothing is added; in a new one each file has a line that says why it was not sent."""
    where = begin(client)
    data = make_dataset()
    send(client, where, {"a/1.dcm": data, "a/readme": b"text"})
    files = [
        {"path": "a/1.dcm", "size": len(data), "modified": "1"},
        {"path": "a/readme", "size": 4, "modified": "1"},
        {"path": "a/1.dcm", "size": len(data), "modified": "2"},
    ]
    known = ask(client, where, files)
    assert [line and line["outcome"] for line in known] == ["stored", "not_dicom", None]
    assert Delivery.objects.get(pk=where["id"]).received_count == 2
    again = begin(client)
    known = ask(client, again, files)
    assert [line and line["outcome"] for line in known] == ["already_here", "not_dicom", None]
    assert known[0] is not None and "not sent again" in known[0]["reason"]
    assert Delivery.objects.get(pk=again["id"]).received_count == 2
    assert ask(client, again, files) == known
    assert Delivery.objects.get(pk=again["id"]).received_count == 2


def test_bytes_that_are_here_are_not_sent(client: Client) -> None:
    """By digest, among the objects that the user may see."""
    import hashlib

    data = make_dataset(InstitutionName="North")
    ingest_datasets(data)
    offered = [{"path": "x.dcm", "size": len(data), "modified": "9", "sha256": hashlib.sha256(data).hexdigest()}]
    (line,) = ask(client, begin(client), offered)
    assert line is not None and line["outcome"] == "already_here"
    User.objects.filter(username="uma").update(institutions="South")
    assert ask(client, begin(client), [{**offered[0], "path": "y.dcm"}]) == [None]


def test_what_is_out_of_scope_is_not_hinted_at(client: Client) -> None:
    """Whether an object of another institution was here before is not said, in the answer or in the report."""
    here = make_dataset(InstitutionName="North")
    other = make_dataset(InstitutionName="North", PatientComments="other content")
    ingest_datasets(here)
    User.objects.filter(username="uma").update(institutions="South")
    where = begin(client)
    lines = send(client, where, {"1.dcm": here, "2.dcm": other})
    assert [line["outcome"] for line in lines] == ["stored", "stored"]
    assert not any(line["url"] or line["instance"] for line in lines)
    report = client.get(where["report"] + "?show=all").context
    assert {line.outcome for line in report["lines"]} == {Outcome.STORED}
    assert {outcome: count for outcome, count in report["tiles"] if count} == {Outcome.STORED: 2}
    assert report["studies"] == []
    assert client.get(where["report"]).context["lines"] == []
    (arrival,) = client.get(reverse("arrivals")).context["arrivals"]
    assert (arrival["counts"], arrival["problems"]) == ([("stored", "In the archive", 2)], [])
    rows = list(csv.DictReader(io.StringIO(b"".join(client.get(where["csv"])).decode("utf-8-sig"))))  # type: ignore[call-overload]
    assert {row["Outcome"] for row in rows} == {"Stored"}
    assert {row["SOPInstanceUID"] for row in rows} == {""}


def test_the_report_pages_by_key(client: Client) -> None:
    """Every line once, those to look at first."""
    where = begin(client)
    send(client, where, {f"{number}.txt": b"text %d" % number for number in range(230)})
    names: list[str] = []
    url = where["report"]
    for _ in range(5):
        answer = client.get(url)
        names += [line.name for line in answer.context["lines"]]
        if not answer.context["more"]:
            break
        url = f"{where['report']}?after={answer.context['more']}"
    assert names == [f"{number}.txt" for number in range(230)]
    assert client.get(where["report"] + "?after=nonsense&show=nonsense").status_code == 200


def test_a_name_is_text_everywhere(client: Client) -> None:
    """Markup in a file name stays markup's text; a formula in the CSV is none."""
    where = begin(client)
    name = '=<img src=x onerror="alert(1)">\x00\u202e.txt'
    send(client, where, {name: b"text"})
    page = client.get(where["report"]).content.decode()
    assert "<img src=x" not in page and "&lt;img src=x" in page and "\x00" not in page
    table = b"".join(client.get(where["csv"])).decode("utf-8-sig")  # type: ignore[call-overload]
    assert next(csv.DictReader(io.StringIO(table)))["File"].startswith("'=")


def test_finishing_closes_and_records(client: Client) -> None:
    """The audit trail names the studies; more files open the delivery again."""
    where = begin(client)
    send(client, where, {"1.dcm": make_dataset()})
    assert client.post(where["finish"], headers=csrf(client)).status_code == 200
    assert Delivery.objects.get(pk=where["id"]).finished is not None
    events = Event.objects.filter(action=Action.UPLOAD, object=where["id"])
    assert f"{ROOT}.1" in events.values_list("study", flat=True)
    send(client, where, {"2.txt": b"text"})
    assert Delivery.objects.get(pk=where["id"]).finished is None


corpus = os.environ.get("DICOM_CORPUS", "")


@pytest.mark.skipif(not corpus, reason="DICOM_CORPUS names no folder with the larger corpus")
def test_every_malformed_file_has_an_allowed_outcome(client: Client) -> None:
    """Each is answered 200 with a line that expectations.csv allows; no archive makes the worker fail."""
    folder = Path(corpus) / "malformed"
    allowed = {
        "accept": {"stored", "already_here", "variant", "conflict"},
        "accept_warn": {"stored", "already_here", "variant", "conflict"},
        "reject": {"rejected", "not_dicom"},
        "skip": {"dicomdir"},
        "media_directory": {"dicomdir"},
        "either": {"stored", "already_here", "variant", "conflict", "rejected", "not_dicom", "dicomdir"},
    }
    wrong = []
    rows = list(csv.DictReader(io.StringIO((folder / "expectations.csv").read_text("utf-8"))))
    where = begin(client)
    for row in rows:
        (line,) = send(client, where, {row["file"]: (folder / row["file"]).read_bytes()})
        if line["outcome"] == "unpacking":
            assert row["category"] == "archive" and row["file"].endswith(".zip")
            continue
        words = {row["expected"], *row["also_ok"].split(";")} - {""}
        if line["outcome"] not in set().union(*(allowed[word.strip()] for word in words)):
            wrong.append((row["file"], sorted(words), line["outcome"], line["reason"]))
    assert wrong == []
    worker = Worker()
    while worker.work_once():
        pass
    assert list(Job.objects.values_list("state", flat=True).distinct()) == [State.DONE]
    assert client.get(where["report"]).status_code == 200
    assert sum(getattr(Delivery.objects.get(pk=where["id"]), outcome.value) for outcome in Outcome) >= 340
