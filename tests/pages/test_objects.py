"""The drill-down: what each level shows, who may see it, how many queries it costs, and that nothing is run as HTML."""

import os
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from pacsbrowser.archive.ingest import open_delivery
from pacsbrowser.archive.models import Door, Instance, Patient, Series, Study
from pacsbrowser.audit.models import Event
from pacsbrowser.pages.templatetags.dicom_format import age
from tests.datasets import ROOT, ingest_datasets, ingest_files, make_dataset, make_series
from tests.pages.browsing import client_of, instance_url, series_url, study_url, text_of, url_of

pytestmark = pytest.mark.django_db

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def queries(client: object, url: str) -> int:
    """Return how many queries a page takes; asked twice, so that the audit of the first look is not counted."""
    client.get(url)  # type: ignore[attr-defined]
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200  # type: ignore[attr-defined]
    return len(captured)


def test_each_level_shows_its_uid_with_its_tag_and_leads_down() -> None:
    ingest_datasets(make_dataset())
    client, patient = client_of(), Patient.objects.get()
    page = text_of(client.get(reverse("patient_detail", args=[patient.pk])))
    assert "(0010,0020)" in page and 'data-copy="P1"' in page and "DOE, Jane" in page and study_url() in page
    page = text_of(client.get(study_url()))
    assert "(0020,000D)" in page and f'data-copy="{ROOT}.1"' in page and series_url() in page
    page = text_of(client.get(series_url()))
    assert "(0020,000E)" in page and f'data-copy="{ROOT}.1.1"' in page and instance_url() in page
    page = text_of(client.get(instance_url()))
    assert "(0008,0018)" in page and f'data-copy="{ROOT}.1.1.1"' in page
    for shown in ("CT Image", "Explicit VR Little Endian", "0.dcm", "SHA-256", "8 × 8", "Command line"):
        assert shown in page


def test_a_name_is_shown_in_all_groups_and_as_stored() -> None:
    ingest_datasets(make_dataset(PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう"))
    page = text_of(client_of().get(reverse("patient_detail", args=[Patient.objects.get().pk])))
    for shown in (
        "YAMADA, Tarou",
        "Name, alphabetic",
        "山田, 太郎",
        "Name, phonetic",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ):
        assert shown in page


def test_studies_are_grouped_by_year_and_what_has_no_date_comes_last() -> None:
    ingest_datasets(
        make_dataset(
            StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.1.1", SOPInstanceUID="1.2.1.1.1", StudyDate="20200101"
        ),
        make_dataset(
            StudyInstanceUID="1.2.2", SeriesInstanceUID="1.2.2.1", SOPInstanceUID="1.2.2.1.1", StudyDate="00000000"
        ),
        make_dataset(
            StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1", SOPInstanceUID="1.2.3.1.1", StudyDate="20240101"
        ),
    )
    page = text_of(client_of().get(reverse("patient_detail", args=[Patient.objects.get().pk])))
    places = [page.index(f">{year}</h3>") for year in ("2024", "2020", "No date")]
    assert places == sorted(places)
    assert "invalid: 00000000" in page


def test_a_patient_without_id_says_so() -> None:
    ingest_datasets(make_dataset(PatientID=None))
    page = text_of(client_of().get(reverse("patient_detail", args=[Patient.objects.get().pk])))
    assert "No ID" in page


def test_each_patient_without_id_is_told_apart_in_the_audit_log() -> None:
    ingest_datasets(make_dataset(PatientID=None), *make_series(1, study=2, PatientID=None))
    client = client_of()
    for patient in Patient.objects.all():
        client.get(reverse("patient_detail", args=[patient.pk]))
    told = set(Event.objects.filter(action="view").values_list("patient", flat=True))
    assert told == {f"No ID, patient {patient.pk}" for patient in Patient.objects.all()}


def test_missing_numbers_are_drawn_and_named() -> None:
    slices = make_series(9)
    ingest_datasets(*(slices[number - 1] for number in (1, 2, 3, 6, 9)))
    client = client_of()
    assert "gap 4 to 5, 7 to 8" in " ".join(text_of(client.get(study_url())).split())
    for view in ("grid", "table"):
        page = text_of(client.get(f"{series_url()}?view={view}"))
        assert "4 to 5" in page and "7 to 8" in page and "2 numbers missing" in page
        assert "5 of 9 instances" in page and 'class="miss"' in page


def test_the_order_and_its_rule_are_those_of_the_archive() -> None:
    places = [30, 10, 20]
    ingest_datasets(
        *(
            make_dataset(SOPInstanceUID=f"1.9.{place}", InstanceNumber=1, ImagePositionPatient=[0, 0, place])
            for place in places
        )
    )
    page = text_of(client_of().get(series_url()))
    assert "position along the slice normal" in page
    at = [page.index(f"instances/1.9.{place}/") for place in sorted(places)]
    assert at == sorted(at)


def test_a_long_series_is_paged_by_position_and_jumps_to_a_number() -> None:
    ingest_datasets(*make_series(130))
    client = client_of()
    page = text_of(client.get(series_url()))
    assert "Instances 1 to 60" in page and "?from=61" in page
    assert "Instances 121 to 130" in text_of(client.get(f"{series_url()}?from=121"))
    answer = client.get(f"{series_url()}?n=77&view=table")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{series_url()}?view=table&from=77"
    assert "Instances 77 to 130" in text_of(client.get(answer.headers["Location"]))


@pytest.mark.parametrize(
    "nonsense", ["n=", "n=abc", "n=99999999999999999999", "from=x", "from=-1", "view=<b>", "holder=x"]
)
def test_nonsense_in_the_address_is_no_error(nonsense: str) -> None:
    ingest_datasets(make_dataset())
    assert client_of().get(f"{series_url()}?{nonsense}", follow=True).status_code in (200, 404)


def test_neighbours_are_linked() -> None:
    ingest_datasets(*make_series(3), *make_series(1, series=2))
    client = client_of()
    page = text_of(client.get(instance_url(number=2)))
    assert instance_url(number=1) in page and instance_url(number=3) in page
    assert series_url(series=2) in text_of(client.get(series_url()))


def test_counts_of_queries_do_not_grow_with_the_rows() -> None:
    ingest_datasets(*make_series(1))
    client = client_of()
    urls = [reverse("patient_detail", args=[Patient.objects.get().pk]), study_url(), series_url(), instance_url()]
    urls += [f"{study_url()}?view=table", f"{series_url()}?view=table"]
    before = [queries(client, url) for url in urls]
    more = [make_dataset(**uids(study, series, 1)) for study in range(1, 25) for series in (1, 2)]
    ingest_datasets(*make_series(50), *more)
    assert Series.objects.count() == 48
    after = [queries(client, url) for url in urls]
    # a neighbour's card asks twice: is its UID shared, and (for a limited viewer) its findings
    assert all(late <= early + 3 for early, late in zip(before, after, strict=True)), (before, after)
    assert max(after) <= 30


def uids(study: int, series: int, number: int) -> dict[str, str]:
    uid = f"{ROOT}.{study}.{series}"
    return {"StudyInstanceUID": f"{ROOT}.{study}", "SeriesInstanceUID": uid, "SOPInstanceUID": f"{uid}.{number}"}


def test_what_is_out_of_scope_is_answered_like_what_does_not_exist() -> None:
    ingest_datasets(make_dataset(InstitutionName="North"))
    inside, outside = client_of(institutions="North"), client_of(institutions="South")
    patient = reverse("patient_detail", args=[Patient.objects.get().pk])
    files = [
        instance_url("instance_file"),
        instance_url("instance_tags"),
        study_url("study_zip"),
        series_url("series_csv"),
    ]
    for url in (patient, study_url(), series_url(), instance_url(), *files):
        assert inside.get(url).status_code == 200
        hidden = outside.get(url)
        missing = outside.get(url.replace(ROOT, "1.2.3").replace(f"/{Patient.objects.get().pk}/", "/987654/"))
        assert hidden.status_code == missing.status_code == 404
        assert without_number(hidden) == without_number(missing)


def without_number(answer: object) -> str:
    number = answer.headers["X-Request-Number"]  # type: ignore[attr-defined]
    return text_of(answer).replace(number, "").split("csrf", 1)[0]


def test_one_study_uid_under_two_identities_is_a_choice() -> None:
    ingest_datasets(
        make_dataset(InstitutionName="North"),
        make_dataset(
            InstitutionName="South", PatientID="P2", PatientName="Roe^Richard", SOPInstanceUID=f"{ROOT}.1.1.2"
        ),
    )
    client, (first, second) = client_of(), Study.objects.order_by("pk")
    for url in (study_url(), series_url(), study_url("study_zip")):
        choice = client.get(url)
        assert choice.status_code == 300
        assert "DOE, Jane" in text_of(choice) and "ROE, Richard" in text_of(choice)
    chosen = text_of(client.get(f"{study_url()}?holder={second.pk}"))
    assert "ROE, Richard" in chosen and f"{series_url()}?holder={second.pk}" in chosen
    assert "DOE, Jane" not in chosen.replace("DOE, Jane</bdi></a>", "")
    # the instance is in one of them only
    assert client.get(instance_url(number=2)).status_code == 200
    assert client.get(f"{study_url()}?holder={first.pk}99").status_code == 404


def test_a_holder_out_of_scope_is_never_hinted_at() -> None:
    ingest_datasets(
        make_dataset(InstitutionName="North"),
        make_dataset(
            InstitutionName="South", PatientID="P2", PatientName="Roe^Richard", SOPInstanceUID=f"{ROOT}.1.1.2"
        ),
    )
    client, hidden = client_of(institutions="North"), Study.objects.get(patient__patient_id="P2")
    page = text_of(client.get(study_url()))
    assert "DOE, Jane" in page
    for hint in ("Roe", "ROE", "?holder=", "more than once", "1 finding", "under several patients"):
        assert hint not in page
    assert client.get(f"{study_url()}?holder={hidden.pk}").status_code == 404
    page = text_of(client.get(reverse("patient_detail", args=[Patient.objects.get(patient_id="P1").pk])))
    assert "finding" not in page.split("<main", 1)[1].replace("/findings/", "")


def test_a_limited_viewer_counts_only_what_is_in_scope() -> None:
    ingest_datasets(
        *(make_dataset(**uids(1, 1, number), InstitutionName="North", StudyDate="20200101") for number in (1, 2)),
        *(make_dataset(**uids(2, 1, number), InstitutionName="South", StudyDate="20240101") for number in (1, 2, 3)),
    )
    url = reverse("patient_detail", args=[Patient.objects.get().pk])
    limited = text_of(client_of(institutions="North").get(url))
    assert "1 study, 1 series, 2 instances" in limited and "2024" not in limited.split("<main", 1)[1]
    assert "2 studies, 2 series, 5 instances" in text_of(client_of().get(url))


def test_what_a_delivery_was_called_is_not_told_to_a_limited_viewer_who_did_not_send_it() -> None:
    delivery = open_delivery(Door.UPLOAD, "sender", address="192.0.2.7", label="Roe_Richard.zip")
    ingest_datasets(make_dataset(InstitutionName="North"), delivery=delivery)
    for institutions, told in (("", True), ("North", False)):
        client = client_of("viewer", institutions)
        for url in (study_url(), instance_url()):
            page = text_of(client.get(url))
            assert "sender" in page
            assert ("Roe_Richard" in page, "192.0.2.7" in page) == (told, told)


def test_references_lead_both_ways_and_what_is_missing_says_so() -> None:
    from pydicom.dataset import Dataset
    from pydicom.uid import CTImageStorage

    there, gone = Dataset(), Dataset()
    there.ReferencedSOPClassUID = gone.ReferencedSOPClassUID = CTImageStorage
    there.ReferencedSOPInstanceUID, gone.ReferencedSOPInstanceUID = f"{ROOT}.1.1.1", "1.2.3.4.5"
    report = make_dataset(**uids(1, 2, 1), Modality="SR", SeriesNumber=2, SourceImageSequence=[there, gone])
    ingest_datasets(make_dataset(), report)
    client = client_of()
    page = text_of(client.get(instance_url(series=2)))
    assert instance_url() in page and "1 object not in the archive" in page and "1.2.3.4.5" in page
    assert instance_url(series=2) in text_of(client.get(instance_url()))


def test_copies_are_listed_and_compared() -> None:
    ingest_datasets(make_dataset(), make_dataset(StudyTime="111111", PatientName="Doe^Janet"))
    client, copy = client_of(), Instance.objects.get().copies.get()
    page = text_of(client.get(instance_url()))
    address = reverse("copy_compare", args=[f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1", copy.pk])
    assert "2 copies with this UID" in page and address in page
    compared = text_of(client.get(address))
    assert "PatientName" in compared and "<ins>t</ins>" in compared and "2 elements differ" in compared


def test_hostile_values_are_text_on_every_page() -> None:
    texts = {
        "PatientName": f"{HOSTILE}^x", "PatientID": HOSTILE, "IssuerOfPatientID": HOSTILE, "StudyDescription": HOSTILE,
        "SeriesDescription": HOSTILE, "BodyPartExamined": HOSTILE[:16], "AccessionNumber": HOSTILE, "StudyID": HOSTILE,
        "InstitutionName": HOSTILE, "ReferringPhysicianName": HOSTILE, "ProtocolName": HOSTILE, "Modality": HOSTILE,
        "PatientSex": HOSTILE, "StudyDate": HOSTILE, "StationName": HOSTILE, "Manufacturer": HOSTILE,
    }  # fmt: skip
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ingest_datasets(make_dataset(**texts))
    client = client_of("administrator")
    for url in addresses():
        page = text_of(client.get(url))
        assert "<script>alert" not in page and "<img src=x" not in page, url


def addresses() -> list[str]:
    """Return the address of every page of everything in the archive."""
    urls = ["/findings/", "/findings/?state=all", "/trash/"]
    for patient in Patient.objects.all():
        urls += [reverse("patient_detail", args=[patient.pk]), reverse("patient_remove", args=[patient.pk])]
    for study in Study.objects.all():
        urls += [f"{url_of(study, name)}?holder={study.pk}" for name in ("", "study_remove")]
        urls.append(f"{url_of(study)}?holder={study.pk}&view=table")
    for series in Series.objects.select_related("study"):
        urls += [f"{url_of(series)}?holder={series.study_id}&view={view}" for view in ("grid", "table")]
    for instance in Instance.objects.select_related("series__study"):
        holder = instance.series.study_id
        names = ("instance_detail", "instance_tags", "instance_remove")
        urls += [f"{url_of(instance, name)}?holder={holder}" for name in names]
        urls.append(f"{url_of(instance, 'instance_tags')}?holder={holder}&tags=e")
    return urls


def test_hostile_files_of_the_corpus_are_text_too() -> None:
    corpus = os.environ.get("DICOM_CORPUS", "")
    if not corpus:
        pytest.skip("DICOM_CORPUS names no folder of test data")
    files = sorted(path for path in Path(corpus, "malformed", "generated", "text").rglob("*") if path.is_file())
    assert files
    ingest_files(files)
    client = client_of("administrator")
    for url in addresses():
        answer = client.get(url)
        page = text_of(answer)
        assert answer.status_code == 200, url
        assert "<script>alert" not in page.casefold() and "<img src=x" not in page.casefold(), url
        assert "\x00" not in page


def test_what_was_looked_at_is_in_the_audit_log_once() -> None:
    ingest_datasets(make_dataset())
    client = client_of()
    for url in (study_url(), series_url(), instance_url(), study_url()):
        client.get(url)
    seen = Event.objects.filter(action="view", study=f"{ROOT}.1")
    assert seen.count() == 1
    assert seen.get().patient == "P1"


def test_a_file_that_is_gone_is_said_on_its_page() -> None:
    from pacsbrowser.archive.storage import blob_path

    ingest_datasets(make_dataset())
    blob_path(Instance.objects.get().blob).unlink()
    answer = client_of().get(instance_url())
    assert answer.status_code == 200 and "not in the store" in text_of(answer)
    assert client_of().get(instance_url("instance_file")).status_code == 404


def test_an_age_that_nobody_reaches_is_not_said() -> None:
    assert age("19700203", "20240229") == "54 y"
    assert age("18800101", "20240229") == ""
    assert age("20240301", "20240229") == ""
