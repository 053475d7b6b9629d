"""The inbox of findings: filters, both sides, decisions that can be taken back, and what limited viewers see of it."""

import pytest
from django.urls import reverse

from pacsbrowser.archive.models import Finding, Instance, Study
from pacsbrowser.audit.models import Event
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.pages.browsing import client_of, instance_url, study_url, text_of

pytestmark = pytest.mark.django_db


def conflict() -> Finding:
    """Make a conflict and return its finding."""
    ingest_datasets(make_dataset(), make_dataset(StudyTime="111111"))
    return Finding.objects.get(code="conflict")


def disagreement() -> Finding:
    """Make two instances of a study disagree and return the finding."""
    ingest_datasets(
        make_dataset(), make_dataset(SOPInstanceUID=f"{ROOT}.1.1.2", InstanceNumber=2, StudyDescription="MR knee")
    )
    return Finding.objects.get(code="attribute_disagrees", keyword="StudyDescription")


def test_badges_lead_to_the_inbox_and_back() -> None:
    finding = disagreement()
    client = client_of()
    assert f"/findings/?study={finding.study_id}" in text_of(client.get(study_url()))
    page = text_of(client.get(f"/findings/?study={finding.study_id}"))
    assert reverse("finding_detail", args=[finding.pk]) in page and "Values disagree" in page
    assert reverse("finding_detail", args=[finding.pk]) not in text_of(client.get("/findings/?study=99999"))


def test_filters_are_in_the_address() -> None:
    finding = disagreement()
    client, row = client_of(), reverse("finding_detail", args=[finding.pk])
    for query, is_there in (
        ("code=attribute_disagrees", True), ("code=conflict", False), ("severity=warning", True),
        ("severity=error", False), ("level=study", True), ("level=patient", False), ("state=done", False),
        ("state=all", True), ("state=nonsense", False),
    ):  # fmt: skip
        assert (row in text_of(client.get(f"/findings/?{query}"))) == is_there, query


def test_disagreeing_values_are_listed_with_counts_and_examples() -> None:
    page = text_of(client_of().get(reverse("finding_detail", args=[disagreement().pk])))
    for shown in ("CT head", "MR knee", instance_url(), instance_url(number=2), "StudyDescription (0008,1030)"):
        assert shown in page


def test_a_conflict_shows_both_sides() -> None:
    page = text_of(client_of().get(reverse("finding_detail", args=[conflict().pk])))
    assert "StudyTime" in page and "Compare in full" in page and "1.dcm" in page


def test_a_decision_needs_a_reason_and_can_be_taken_back() -> None:
    finding = disagreement()
    client, url = client_of("uploader"), reverse("finding_decide", args=[finding.pk])
    client.post(url, {"why": "  "})
    finding.refresh_from_db()
    assert finding.state == "open"
    client.post(url, {"why": "the scanner was set up wrongly"})
    finding.refresh_from_db()
    assert (finding.state, finding.decision) == ("done", "the scanner was set up wrongly")
    assert Study.objects.get().finding_count == 0
    assert "set up wrongly" in text_of(client.get(reverse("finding_detail", args=[finding.pk])))
    client.post(url, {"why": "no, it was not", "do": "reopen"})
    finding.refresh_from_db()
    assert finding.state == "open" and Study.objects.get().finding_count == 1
    events = Event.objects.filter(action="decide").order_by("pk")
    assert [event.detail["why"] for event in events] == ["the scanner was set up wrongly", "no, it was not"]


def test_a_viewer_decides_nothing() -> None:
    finding = disagreement()
    client = client_of()
    assert client.post(reverse("finding_decide", args=[finding.pk]), {"why": "x"}).status_code == 403
    assert "Mark as done" not in text_of(client.get(reverse("finding_detail", args=[finding.pk])))


def test_an_administrator_chooses_which_copy_is_shown() -> None:
    conflict()
    instance = Instance.objects.get()
    first, copy = bytes(instance.blob.sha256), instance.copies.get()
    arguments = [f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1", copy.pk]
    url = reverse("copy_show", args=arguments)
    assert client_of("uploader").post(url, {"why": "x"}).status_code == 403
    client = client_of("administrator")
    client.post(url, {"why": ""})
    assert bytes(Instance.objects.get().blob.sha256) == first
    client.post(url, {"why": "the second is right"})
    instance = Instance.objects.get()
    assert bytes(instance.blob.sha256) == bytes(copy.blob.sha256)
    assert bytes(instance.copies.get().blob.sha256) == first
    assert Event.objects.filter(action="decide", detail__why="the second is right").count() == 1


def test_a_limited_viewer_sees_findings_of_the_scope_only() -> None:
    ingest_datasets(
        make_dataset(InstitutionName="North"),
        make_dataset(InstitutionName="South", PatientID="P2", SOPInstanceUID=f"{ROOT}.1.1.2"),
    )
    shared = Finding.objects.filter(code="study_uid_shared")
    assert shared
    limited = client_of(institutions="North")
    assert "under several patients" not in text_of(limited.get("/findings/?state=all"))
    for finding in shared:
        assert limited.get(reverse("finding_detail", args=[finding.pk])).status_code == 404
        page = text_of(client_of().get(reverse("finding_detail", args=[finding.pk])))
        assert "P1" in page and "P2" in page


def test_the_inbox_is_paged_and_is_a_csv() -> None:
    files = [
        file
        for study in range(1, 46)
        for file in make_series(1, study=study, StudyDate=f"2024{study:02}99", PatientID=f"P{study}")
    ]
    ingest_datasets(*files)
    client = client_of()
    page = text_of(client.get("/findings/?code=date_invalid"))
    assert page.count("Impossible date</b>") == 40
    more = page.split("after=")[1].split('"')[0]
    rest = text_of(client.get(f"/findings/?code=date_invalid&after={more}", headers={"HX-Request": "true"}))
    assert rest.count("Impossible date</b>") == 5 and "<html" not in rest
    assert text_of(client.get("/findings/csv?code=date_invalid")).count("date_invalid") == 45


def test_the_number_says_in_how_many_received_instances_it_was_seen() -> None:
    """It is not that of the instances which are here now, so it does not pretend to be."""
    ingest_datasets(*make_series(3, Modality=None))
    boss = client_of("administrator")
    finding = Finding.objects.get(code="no_modality")
    boss.post(instance_url("instance_remove", number=2), {"why": "test"})
    page = text_of(boss.get(f"/findings/{finding.pk}/"))
    assert "Seen in 3 received instances, deleted ones included." in page
    assert ", seen in 3 instances" in page
    assert "seen_in" in text_of(boss.get("/findings/csv"))
