"""Downloads: byte for byte, in parts, with safe names, recorded; zips hold a folder a series."""

import csv
import io
import zipfile

import pytest
from django.urls import reverse

from pacsbrowser.archive.models import Instance, Patient
from pacsbrowser.audit.models import Event
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.pages.browsing import body_of, client_of, instance_url, series_url, study_url, text_of

pytestmark = pytest.mark.django_db

FILE = "instance_file"


def test_the_file_is_what_was_received() -> None:
    data = make_dataset()
    ingest_datasets(data)
    answer = client_of().get(instance_url(FILE))
    assert body_of(answer) == data
    assert answer.headers["Content-Type"] == "application/dicom"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{ROOT}.1.1.1.dcm"'
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=10-", 10, None), ("bytes=-20", -20, None), ("bytes=5-99999999", 5, None)],
)
def test_a_part_of_the_file(asked: str, first: int, last: int | None) -> None:
    data = make_dataset()
    ingest_datasets(data)
    answer = client_of().get(instance_url(FILE), headers={"Range": asked})
    assert answer.status_code == 206
    assert body_of(answer) == data[first : None if last is None else last + 1]
    start = first if first >= 0 else len(data) + first
    assert answer.headers["Content-Range"] == f"bytes {start}-{len(data) - 1 if last is None else last}/{len(data)}"


@pytest.mark.parametrize("asked", ["bytes=9-1", "bytes=-", "bytes=0-1,5-6", "lines=1-2", "bytes=x-y"])
def test_a_range_that_means_nothing_gives_the_whole_file(asked: str) -> None:
    data = make_dataset()
    ingest_datasets(data)
    answer = client_of().get(instance_url(FILE), headers={"Range": asked})
    assert (answer.status_code, body_of(answer)) == (200, data)


def test_a_range_beyond_the_end_is_refused() -> None:
    data = make_dataset()
    ingest_datasets(data)
    answer = client_of().get(instance_url(FILE), headers={"Range": f"bytes={len(data)}-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(data)}")


def test_the_etag_is_the_digest() -> None:
    data = make_dataset()
    ingest_datasets(data)
    client, digest = client_of(), bytes(Instance.objects.get().blob.sha256).hex()
    etag = client.get(instance_url(FILE)).headers["ETag"]
    assert etag == f'"{digest}"'
    assert client.get(instance_url(FILE), headers={"If-None-Match": etag}).status_code == 304
    changed = client.get(instance_url(FILE), headers={"Range": "bytes=0-3", "If-Range": '"other"'})
    assert changed.status_code == 200


def test_a_copy_has_its_own_file() -> None:
    other = make_dataset(PatientName="Doe^Janet")
    ingest_datasets(make_dataset(), other)
    copy = Instance.objects.get().copies.get()
    url = reverse("copy_file", args=[f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1", copy.pk])
    assert body_of(client_of().get(url)) == other
    assert client_of().get(url.replace(f"/{copy.pk}/", "/99999/")).status_code == 404


def test_a_study_is_a_zip_with_a_folder_a_series() -> None:
    slices = make_series(2, SeriesDescription='../..\\<b>:"head*"')
    ingest_datasets(*slices, *make_series(1, series=2, SeriesDescription="Axial 1.0 lung"))
    answer = client_of().get(study_url("study_zip"))
    archive = zipfile.ZipFile(io.BytesIO(body_of(answer)))
    assert archive.testzip() is None
    assert archive.namelist() == [
        f"001_CT_b_head/00001_{ROOT}.1.1.1.dcm",
        f"001_CT_b_head/00002_{ROOT}.1.1.2.dcm",
        f"002_CT_Axial_1.0_lung/00001_{ROOT}.1.2.1.dcm",
    ]
    assert archive.read(archive.namelist()[0]) == slices[0]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{ROOT}.1.zip"'


def test_series_of_one_name_have_folders_of_their_own() -> None:
    ingest_datasets(*make_series(1), *make_series(1, series=2, SeriesNumber=1))
    archive = zipfile.ZipFile(io.BytesIO(body_of(client_of().get(study_url("study_zip")))))
    assert len({name.split("/")[0] for name in archive.namelist()}) == 2


def test_a_patient_is_a_zip_of_what_the_viewer_may_see() -> None:
    ingest_datasets(*make_series(1, InstitutionName="North"), *make_series(1, study=2, InstitutionName="South"))
    url = reverse("patient_zip", args=[Patient.objects.get().pk])
    for institutions, count in (("", 2), ("North", 1)):
        archive = zipfile.ZipFile(io.BytesIO(body_of(client_of(institutions=institutions).get(url))))
        assert len(archive.namelist()) == count
    assert client_of(institutions="West").get(url).status_code == 404


def test_a_zip_may_be_called_by_letters_that_headers_have_not() -> None:
    ingest_datasets(make_dataset(PatientID="王-7", SpecificCharacterSet="ISO_IR 192"))
    answer = client_of().get(reverse("patient_zip", args=[Patient.objects.get().pk]))
    assert answer.headers["Content-Disposition"] == "attachment; filename*=utf-8''%E7%8E%8B-7.zip"


def test_the_list_of_instances_runs_no_formula() -> None:
    ingest_datasets(*make_series(3, SeriesDescription="=1+1"))
    for url in (study_url("study_csv"), series_url("series_csv")):
        rows = list(csv.DictReader(io.StringIO(text_of(client_of().get(url)).removeprefix("\ufeff"))))
        assert [row["instance_number"] for row in rows] == ["1", "2", "3"]
        assert rows[0]["series_description"] == "'=1+1"
        assert rows[0]["sop_instance_uid"] == f"{ROOT}.1.1.1"
        assert len(rows[0]["sha256"]) == 64


def test_downloads_are_recorded() -> None:
    ingest_datasets(make_dataset())
    client = client_of()
    urls = [
        instance_url(FILE),
        study_url("study_zip"),
        series_url("series_csv"),
        instance_url("instance_tags") + "?format=csv",
    ]
    for url in urls:
        body_of(client.get(url))
    events = Event.objects.filter(action="download").order_by("pk")
    assert [event.detail["what"] for event in events] == ["file", "zip", "list of instances", "tags as csv"]
    assert {(event.patient, event.study) for event in events} == {("P1", f"{ROOT}.1")}


@pytest.mark.parametrize("name", ["study_zip", "study_csv"])
def test_nothing_is_sent_to_who_is_not_logged_in(name: str) -> None:
    from django.test import Client

    ingest_datasets(make_dataset())
    assert Client().get(study_url(name)).status_code == 302
