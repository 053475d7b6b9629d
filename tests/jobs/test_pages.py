"""The pages of jobs: who sees which, what they show, and when they stop asking."""

import pytest
from django.test import Client
from django.urls import reverse

from pacsbrowser.access.models import Role, User
from pacsbrowser.jobs.items import add_items
from pacsbrowser.jobs.models import ItemState, State
from pacsbrowser.jobs.work import enqueue, job
from pacsbrowser.jobs.worker import Worker
from pacsbrowser.pages.templatetags.humane import time_span

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_functions")]


def test_pages(client: Client) -> None:
    mine = User.objects.create_user("mine", password="x")
    other = User.objects.create_user("other", password="x")
    boss = User.objects.create_user("boss", password="x", role=Role.ADMINISTRATOR)
    job("one")(lambda progress: None)
    row = enqueue("one", mine, "Unpack <b>x</b>.zip")
    client.force_login(mine)
    text = client.get(reverse("job_list")).content.decode()
    assert "Unpack &lt;b&gt;x" in text and "every 2s" in text
    fragment = client.get(reverse("job_list"), headers={"HX-Request": "true"}).content.decode()
    assert fragment.lstrip().startswith("<section") and "app-bar" not in fragment
    restored = client.get(
        reverse("job_list"), headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    ).content.decode()
    assert "app-bar" in restored
    client.force_login(other)
    assert "Unpack" not in client.get(reverse("job_list")).content.decode()
    for name in ("job_detail", "job_cancel", "job_retry"):
        method = client.get if name == "job_detail" else client.post
        assert method(reverse(name, args=[row.pk])).status_code == 404
    client.force_login(boss)
    assert "Unpack" in client.get(reverse("job_list"), {"of": "all"}).content.decode()
    client.post(reverse("job_cancel", args=[row.pk]))
    row.refresh_from_db()
    assert row.state == State.CANCELLED
    client.post(reverse("job_retry", args=[row.pk]))
    row.refresh_from_db()
    assert row.state == State.QUEUED


def test_the_page_of_a_job_shows_what_failed_first(client: Client) -> None:
    mine = User.objects.create_user("mine", password="x")
    job("one")(lambda progress: None)
    row = enqueue("one", mine, "Send")
    add_items(row, [(str(number), f"object <{number}>") for number in range(150)])
    row.items.filter(subject="7").update(state=ItemState.FAILED, reason="out of <resources>")
    client.force_login(mine)
    address = reverse("job_detail", args=[row.pk])
    text = client.get(address).content.decode()
    assert "object &lt;7&gt;" in text and "out of &lt;resources&gt;" in text and "object &lt;8&gt;" not in text
    text = client.get(address, {"state": "waiting"}).content.decode()
    assert "object &lt;0&gt;" in text and "Further items" in text
    after = row.items.get(subject="100").pk
    text = client.get(address, {"state": "waiting", "after": after}).content.decode()
    assert "object &lt;101&gt;" in text and "Further items" not in text


def test_polling_ends_with_the_last_job(client: Client) -> None:
    mine = User.objects.create_user("mine", password="x")
    job("one")(lambda progress: progress.set_total(4))
    client.force_login(mine)
    enqueue("one", mine, "Send")
    assert "every 2s" in client.get(reverse("job_list")).content.decode()
    text = client.get(reverse("help")).content.decode()
    assert "1 job, 0 %" in text and 'hx-get="/jobs/running"' in text
    Worker().work_once()
    assert "every" not in client.get(reverse("job_list")).content.decode()
    assert "/jobs/running" not in client.get(reverse("help")).content.decode()
    text = client.get(reverse("job_indicator"), headers={"HX-Request": "true"}).content.decode()
    assert "Job done" in text and "every" not in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "less than 1 s"), (6, "6 s"), (112, "1 min 52 s"), (3600, "1 h"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_spans_of_time(seconds: float, text: str) -> None:
    assert time_span(seconds) == text
