"""The viewer's page and the order of a series: scope, holders, key images, overlays, and a policy of its own."""

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pydicom.dataset import Dataset

from pacsbrowser.archive.models import Study
from pacsbrowser.dicom.segments import PALETTE, hex_colour, rgb_of_lab
from pacsbrowser.static_names import add_headers, is_built, never_changes
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.pages.browsing import client_of, series_url, study_url, text_of

pytestmark = pytest.mark.django_db

KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


def listing(client: Client, series: int = 1) -> dict[str, object]:
    """Return the order of a series as the viewer gets it."""
    found = client.get(series_url("viewer_series", series=series)).json()
    assert isinstance(found, dict)
    return found


def naming(uid: str, series: int, sop_class: str, sequence: str, **attributes: object) -> bytes:
    """Return an object that refers to an instance."""
    item = Dataset()
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    item.ReferencedSOPInstanceUID = uid
    own = f"{ROOT}.1.{series}"
    return make_dataset(
        **{
            "SOPClassUID": sop_class, "StudyInstanceUID": f"{ROOT}.1", "SeriesInstanceUID": own,
            "SOPInstanceUID": f"{own}.1", "SeriesNumber": series, sequence: [item], **attributes,
        }
    )  # fmt: skip


def test_the_order_is_that_of_every_page_and_key_images_are_marked() -> None:
    ingest_datasets(*reversed(make_series(3)), make_series(1, SOPInstanceUID=f"{ROOT}.1.1.9", InstanceNumber=4)[0])
    ingest_datasets(naming(f"{ROOT}.1.1.2", 9, KEY_OBJECTS, "ReferencedImageSequence", Modality="KO", PixelData=None))
    found = listing(client_of())["instances"]
    assert isinstance(found, list)
    assert [one["number"] for one in found] == ["1", "2", "3", "4"]
    assert [one["key"] for one in found] == [False, True, False, False]
    assert all(one["pixels"] and one["frames"] == 1 for one in found)


def test_a_segmentation_names_the_series_that_it_lies_over() -> None:
    ingest_datasets(*make_series(2), *make_series(2, series=2))
    ingest_datasets(naming(f"{ROOT}.1.2.2", 8, SEGMENTATION, "SourceImageSequence", Modality="SEG"))
    page = text_of(client_of().get(study_url("viewer")))
    assert f'data-over="{ROOT}.1.2"' in page
    assert 'data-kind="segmentation"' in page


def test_segments_have_the_colours_of_every_page() -> None:
    recommended, plain = Dataset(), Dataset()
    recommended.SegmentNumber, recommended.SegmentLabel = 1, "Liver"
    recommended.RecommendedDisplayCIELabValue = [34885, 53485, 50171]
    plain.SegmentNumber, plain.SegmentLabel = 2, "Spleen"
    ingest_datasets(*make_series(1))
    attributes = {"Modality": "SEG", "SegmentationType": "BINARY", "SegmentSequence": [recommended, plain]}
    ingest_datasets(naming(f"{ROOT}.1.1.1", 8, SEGMENTATION, "SourceImageSequence", **attributes))
    found = listing(client_of(), 8)["instances"]
    assert isinstance(found, list)
    lab, second = rgb_of_lab((34885, 53485, 50171)), PALETTE[1]
    assert found[0]["segments"] == [
        {"number": 1, "label": "Liver", "colour": hex_colour(lab)},
        {"number": 2, "label": "Spleen", "colour": hex_colour(second)},
    ]
    assert found[0]["undeclared"] == hex_colour(PALETTE[0])


def frame_picture(client: Client, frame: int = 1, **query: object) -> HttpResponse:
    """Return the picture of a frame of the first instance, as the viewer's page shows it at first."""
    address = reverse("frame_picture", args=[f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1", frame])
    found = client.get(address, query)
    assert isinstance(found, HttpResponse)
    return found


def test_the_page_brings_the_first_picture_with_its_window() -> None:
    ingest_datasets(*make_series(2))
    client = client_of()
    page = text_of(client.get(study_url("viewer"), {"window": "40,400"}))
    address = reverse("frame_picture", args=[f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1", 1]) + "?window=40%2C400"
    assert f'<link rel="preload" as="image" href="{address}"' in page and f'src="{address}"' in page
    compared = text_of(client.get(study_url("viewer"), {"layout": "2"}))
    assert 'rel="preload"' not in compared and 'id="still"' not in compared


def test_a_frame_is_drawn_in_the_window_asked_for_and_known_again() -> None:
    ingest_datasets(*make_series(1))
    client = client_of()
    usual = frame_picture(client)
    assert usual.headers["Content-Type"] == "image/jpeg"
    dark = frame_picture(client, window="60000,10")
    assert dark.content != usual.content
    for nonsense in ("x", "1", "1,-5", "nan,inf", "1,2,3"):
        assert frame_picture(client, window=nonsense).content == usual.content
    address = reverse("frame_picture", args=[f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1", 1])
    assert client.get(address, headers={"If-None-Match": usual.headers["ETag"]}).status_code == 304
    assert frame_picture(client, 2).status_code == 404
    assert frame_picture(client_of(institutions="North")).status_code == 404


def test_a_frame_that_cannot_be_drawn_says_so_in_a_picture() -> None:
    ingest_datasets(make_dataset(Rows=900, Columns=900))
    found = frame_picture(client_of())
    assert found.status_code == 200 and found.headers["Content-Type"] == "image/svg+xml"


def test_objects_without_pictures_lead_to_their_own_pages() -> None:
    ingest_datasets(*make_series(1, Modality="SR", PixelData=None, Rows=None, Columns=None))
    page = text_of(client_of().get(study_url("viewer")))
    assert f'href="{reverse("instance_detail", args=[f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.1"])}"' in page
    assert "There are no pictures in this study" in page
    assert "Open in viewer" not in text_of(client_of().get(study_url()))


def test_what_is_out_of_scope_is_answered_like_what_does_not_exist() -> None:
    ingest_datasets(*make_series(1, InstitutionName="North"), *make_series(1, study=2, InstitutionName="South"))
    inside, outside = client_of(institutions="North"), client_of(institutions="West")
    assert inside.get(study_url("viewer")).status_code == 200
    assert inside.get(series_url("viewer_series")).status_code == 200
    assert f"{ROOT}.2" not in text_of(inside.get(study_url("viewer")))
    for address in (study_url("viewer"), series_url("viewer_series")):
        assert outside.get(address).status_code == 404


def test_of_two_holders_each_is_seen_alone() -> None:
    ingest_datasets(*make_series(2), *make_series(1, PatientID="P2", SOPInstanceUID=f"{ROOT}.7"))
    client = client_of()
    assert client.get(study_url("viewer")).status_code == 300
    second = Study.objects.get(patient__patient_id="P2")
    found = client.get(f"{series_url('viewer_series')}?holder={second.pk}").json()["instances"]
    assert [one["uid"] for one in found] == [f"{ROOT}.7"]
    page = text_of(client.get(f"{study_url('viewer')}?holder={second.pk}"))
    assert f"?holder={second.pk}" in page
    assert f"/series/{ROOT}.1.1/instances/{ROOT}.7/frames/1/picture?holder={second.pk}" in page


def test_other_studies_of_the_patient_are_in_the_strip_the_latest_first() -> None:
    for study, date in ((1, "20240101"), (2, "20200101"), (3, "20220101"), (4, "20250101")):
        ingest_datasets(*make_series(1, study=study, StudyDate=date))
    page = text_of(client_of().get(study_url("viewer")))
    places = [page.index(f'data-series="{ROOT}.{study}.1"') for study in (1, 4, 3, 2)]
    assert places == sorted(places)
    assert page.count(", prior") == 2 and page.count(", other") == 1


def test_counts_of_queries_do_not_grow_with_the_series() -> None:
    def queries() -> int:
        client = client_of()
        client.get(study_url("viewer"))
        with CaptureQueriesContext(
            connection,
        ) as found:
            client.get(study_url("viewer"))
        return len(found)

    ingest_datasets(*make_series(1))
    few = queries()
    for series in range(2, 12):
        ingest_datasets(*make_series(2, series=series))
    assert queries() == few


def test_only_this_page_has_a_wider_policy() -> None:
    ingest_datasets(*make_series(1))
    client = client_of()
    policy = client.get(study_url("viewer")).headers["Content-Security-Policy"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy
    assert "style-src-attr 'unsafe-inline'" in policy
    assert "unsafe-eval'" not in policy.replace("wasm-unsafe-eval'", "")
    elsewhere = client.get(study_url()).headers["Content-Security-Policy"]
    assert "unsafe" not in elsewhere


def test_names_of_built_files_are_known() -> None:
    from wsgiref.headers import Headers

    assert is_built("viewer/app-DkoKXY4E.js") and is_built("/static/viewer/openjphjs-odeu-u12.wasm")
    assert not is_built("viewer/viewer.js") and not is_built("js/app.js")
    assert never_changes("", "/static/viewer/viewer.94ce913684c1.js") and not never_changes(
        "", "/static/viewer/viewer.js"
    )
    headers = Headers([])
    add_headers(headers, "", "/static/viewer/app-DkoKXY4E.js")
    assert "'wasm-unsafe-eval'" in str(headers["Content-Security-Policy"])
    add_headers(other := Headers([]), "", "/static/js/app.js")
    assert not other


def test_hostile_descriptions_are_text() -> None:
    evil = '"><script>alert(1)</script>'
    ingest_datasets(*make_series(1, SeriesDescription=evil, StudyDescription=evil, PatientName=evil))
    assert "<script>alert" not in text_of(client_of().get(study_url("viewer")))
