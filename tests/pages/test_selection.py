"""What can be done with ticked rows: one zip of any level, a list of UIDs, the trash; never beyond scope or role."""

import io
import zipfile

import pytest
from django.test import Client
from django.urls import reverse

from pacsbrowser.archive.models import Instance, Level, Patient, Removal, Series, Study
from pacsbrowser.audit.models import Event
from pacsbrowser.jobs.models import Job, State
from pacsbrowser.jobs.worker import Worker
from pacsbrowser.pages import selection
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.pages.browsing import body_of, client_of, series_url, study_url, text_of

pytestmark = pytest.mark.django_db

ROWS = {"patient": Patient, "study": Study, "series": Series, "instance": Instance}


def fill() -> None:
    """Take in a patient with two studies, the first with two series, and another patient."""
    ingest_datasets(*make_series(2), *make_series(2, series=2), *make_series(2, study=2, InstitutionName="South"))
    other = f"{ROOT}.9"
    ingest_datasets(
        make_dataset(
            PatientID="P2",
            PatientName="Roe^Rose",
            StudyInstanceUID=other,
            SeriesInstanceUID=f"{other}.1",
            SOPInstanceUID=f"{other}.1.1",
            InstitutionName="North",
        )
    )


def keys_of(level: str) -> list[int]:
    return list(ROWS[level].objects.order_by("pk").values_list("pk", flat=True))


def ask(client: Client, what: str, level: str, keys: list[int], **more: str) -> object:
    return client.post(reverse(f"selection_{what}"), {"level": level, "pick": keys, "back": "/studies/", **more})


def names_in(answer: object) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(body_of(answer))) as file:
        assert file.testzip() is None
        return sorted(file.namelist())


@pytest.mark.parametrize(("level", "picked", "files"), [("patient", 2, 7), ("study", 2, 6), ("series", 2, 4)])
def test_one_zip_of_several(level: str, picked: int, files: int) -> None:
    fill()
    answer = ask(client_of(), "zip", level, keys_of(level)[:picked])
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="2_')  # type: ignore[attr-defined]
    names = names_in(answer)
    assert len(names) == files
    assert len({name.partition("/")[0] for name in names}) == 2


def test_a_zip_of_instances_has_those_only_and_is_recorded() -> None:
    fill()
    first, *_, last = Instance.objects.filter(series__study__study_instance_uid=f"{ROOT}.1").order_by("pk")
    answer = ask(client_of(), "zip", "instance", [first.pk], elsewhere=str(last.pk))
    assert [name.rpartition("_")[2] for name in names_in(answer)] == [
        f"{one.sop_instance_uid}.dcm" for one in (first, last)
    ]
    event = Event.objects.get(action="download")
    assert (event.patient, event.study) == ("P1", f"{ROOT}.1")
    assert event.detail == {"level": "instance", "selected": 2, "what": "zip"}


def test_there_is_an_event_for_each_study() -> None:
    fill()
    body_of(ask(client_of(), "zip", "patient", keys_of("patient")))
    events = Event.objects.filter(action="download").order_by("study")
    assert [(event.patient, event.study) for event in events] == [
        ("P1", f"{ROOT}.1"),
        ("P1", f"{ROOT}.2"),
        ("P2", f"{ROOT}.9"),
    ]


@pytest.mark.parametrize("level", Level.values)
def test_what_is_out_of_scope_is_not_there(level: str) -> None:
    fill()
    client = client_of(institutions="North")
    names = names_in(ask(client, "zip", level, keys_of(level)))
    assert [name.rpartition("/")[2] for name in names] == [f"00001_{ROOT}.9.1.1.dcm"]
    hidden = keys_of(level)[:-1]
    answer = client.post(reverse("selection_zip"), {"level": level, "pick": hidden}, follow=True)
    assert "not here any more" in text_of(answer)
    shown = text_of(client.post(reverse("selection_uids"), {"level": level, "pick": keys_of(level)}))
    assert ("P2" if level == "patient" else f"{ROOT}.9") in shown
    assert "P1\n" not in shown and f"{ROOT}.2" not in shown


def test_uids_are_shown_or_given_to_a_script() -> None:
    fill()
    client = client_of()
    page = text_of(ask(client, "uids", "study", keys_of("study")[:2]))
    assert f"{ROOT}.1\n{ROOT}.2</textarea>" in page and 'href="/studies/"' in page
    data = {"level": "series", "pick": keys_of("series")[:2]}
    answer = client.post(reverse("selection_uids"), data, headers={"Accept": "text/plain"})
    assert answer.content.decode() == f"{ROOT}.1.1\n{ROOT}.1.2"
    assert text_of(ask(client, "uids", "patient", keys_of("patient"))).count("P1\nP2</textarea>") == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"level": "study"}, "Nothing is selected"),
        ({"level": "galaxy", "pick": "1"}, "Nothing is selected"),
        ({"level": "study", "pick": "x", "elsewhere": ",,-1,٣,99999999999999999999"}, "Nothing is selected"),
        ({"level": "study", "pick": "99999"}, "not here any more"),
        ({"level": "study", "elsewhere": ",".join(map(str, range(5001)))}, "More than 5,000"),
    ],
)
def test_an_empty_or_odd_selection_goes_back(data: dict[str, str], said: str) -> None:
    fill()
    for name in ("selection_zip", "selection_uids", "selection_remove"):
        answer = client_of("administrator").post(reverse(name), {**data, "back": "/studies/"}, follow=True)
        assert answer.redirect_chain == [("/studies/", 302)]
        assert said in text_of(answer)


@pytest.mark.parametrize("back", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", "x"])
def test_back_leads_to_this_site_only(back: str) -> None:
    answer = client_of().post(reverse("selection_zip"), {"level": "study", "back": back})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize(("level", "left"), [("patient", 1), ("study", 1), ("series", 3), ("instance", 5)])
def test_several_go_to_the_trash_with_one_reason(level: str, left: int) -> None:
    fill()
    client = client_of("administrator")
    picked = keys_of(level)[: 1 if level == "patient" else 2]
    page = text_of(ask(client, "remove", level, picked))
    assert f"Move {7 - left} instances to the trash" in page
    assert ask(client, "remove", level, picked, asked="1", why=" ").status_code == 422  # type: ignore[attr-defined]
    assert Instance.objects.live().count() == 7
    answer = ask(client, "remove", level, picked, asked="1", why="sent twice")
    assert answer.headers["Location"] == "/studies/"  # type: ignore[attr-defined]
    assert Instance.objects.live().count() == left
    assert Removal.objects.count() == len(picked)
    events = Event.objects.filter(action="delete")
    assert {event.detail["why"] for event in events} == {"sent twice"}


def test_much_goes_to_the_trash_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    monkeypatch.setattr(selection, "AT_ONCE", 3)
    client = client_of("administrator")
    answer = ask(client, "remove", "study", keys_of("study")[:2], asked="1", why="sent twice")
    job = Job.objects.get()
    assert answer.headers["Location"] == reverse("job_detail", args=[job.pk])  # type: ignore[attr-defined]
    assert Worker().work_once()
    job.refresh_from_db()
    assert (job.state, job.done, job.result) == (State.DONE, 2, {"instances": 6})
    assert Instance.objects.live().count() == 1
    assert Event.objects.filter(action="delete", study__in=[f"{ROOT}.1", f"{ROOT}.2"]).count() == 2


@pytest.mark.parametrize("role", ["viewer", "uploader"])
def test_only_administrators_delete(role: str) -> None:
    fill()
    client = client_of(role)
    assert ask(client, "remove", "study", keys_of("study"), asked="1", why="x").status_code == 403  # type: ignore[attr-defined]
    assert "selection/remove" not in text_of(client.get("/studies/"))
    assert Instance.objects.live().count() == 7


def test_every_list_has_boxes_for_its_rows() -> None:
    ingest_datasets(make_dataset(PatientName='"><script>x</script>'))
    client = client_of()
    patient = Patient.objects.get()
    for address, row in {
        "/": patient,
        "/studies/": Study.objects.get(),
        reverse("patient_detail", args=[patient.pk]): Study.objects.get(),
        study_url(): Series.objects.get(),
        f"{study_url()}?view=table": Series.objects.get(),
        series_url(): Instance.objects.get(),
        f"{series_url()}?view=table": Instance.objects.get(),
    }.items():
        page = text_of(client.get(address))
        assert f'name="pick" value="{row.pk}" form="selection"' in page
        assert page.count('id="selection"') == 1 and "<script>x" not in page
