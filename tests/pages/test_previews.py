"""Pictures on pages: which objects have one, what it says of itself, who gets it, and what a browser may keep."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from pydicom.uid import EncapsulatedPDFStorage, JPEG2000Lossless

from pacsbrowser.archive.derived.pictures import decoders
from pacsbrowser.archive.models import Instance
from pacsbrowser.audit.models import Event
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.pages.browsing import client_of, instance_url, series_url, study_url, text_of

pytestmark = pytest.mark.django_db
IMAGE = re.compile(r"<span class=\"thumb\"><img [^>]*>")


@pytest.fixture(autouse=True, scope="module")
def no_decoders_left() -> Iterator[None]:
    """End the decoder processes with the module."""
    yield
    decoders().close()
    decoders.cache_clear()


def images_of(page: Any) -> list[str]:
    return IMAGE.findall(text_of(page))


def test_an_instance_in_the_grid_has_its_picture() -> None:
    ingest_datasets(*make_series(2))
    client = client_of()
    first, _ = images_of(client.get(series_url()))
    for attribute in ('alt="CT image 1"', 'width="180"', 'height="180"', 'loading="lazy"'):
        assert attribute in first
    address = re.findall(r'src="([^"]*)"', first)[0]
    answer = client.get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert Image.open(BytesIO(answer.content)).size == (256, 256)


def test_a_series_is_shown_by_its_middle() -> None:
    ingest_datasets(*make_series(3))
    client = client_of()
    (image,) = images_of(client.get(study_url()))
    assert 'alt="CT image from the middle of series 1"' in image
    of_series = client.get(series_url("series_preview"))
    assert of_series.content == client.get(instance_url("instance_preview", number=2)).content
    assert of_series["ETag"] == client.get(instance_url("instance_preview", number=2))["ETag"]


def test_a_browser_keeps_a_picture_and_asks_whether_it_is_still_good() -> None:
    ingest_datasets(make_dataset())
    client = client_of()
    first = client.get(instance_url("instance_preview"))
    assert first["Cache-Control"] == "private, no-cache"
    again = client.get(instance_url("instance_preview"), headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    large = client.get(instance_url("instance_preview") + "?large")
    assert large["ETag"] != first["ETag"]
    assert Image.open(BytesIO(large.content)).size == (640, 640)


def test_what_has_no_pixels_has_a_card() -> None:
    ingest_datasets(make_dataset(PixelData=None, Rows=None, Columns=None, Modality="RTPLAN"))
    client = client_of()
    page = client.get(series_url())
    assert not images_of(page) and "type-card" in text_of(page)
    for address in (instance_url("instance_preview"), series_url("series_preview")):
        assert client.get(address).status_code == 404


def test_a_pdf_is_shown_by_its_first_page() -> None:
    document = make_dataset(
        SOPClassUID=EncapsulatedPDFStorage, PixelData=None, Rows=None, Columns=None, Modality="DOC",
        EncapsulatedDocument=b"%PDF-1.4 ", MIMETypeOfEncapsulatedDocument="application/pdf",
    )  # fmt: skip
    ingest_datasets(document)
    (image,) = images_of(client_of().get(series_url()))
    assert f'src="{instance_url("instance_document").removesuffix("/")}/1?small"' in image
    assert 'alt="DOC PDF 1"' in image


def test_a_picture_that_cannot_be_made_says_in_which_step_it_failed() -> None:
    ingest_datasets(make_dataset(transfer_syntax=JPEG2000Lossless, PixelData=b"\xfe\xff\x00\xe0" + bytes(4)))
    answer = client_of().get(instance_url("instance_preview"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")
    assert answer["Cache-Control"] == "private, no-store" and "ETag" not in answer
    assert b"No preview" in answer.content


def test_pictures_exist_only_for_who_may_see_the_study() -> None:
    ingest_datasets(make_dataset(InstitutionName="North"))
    assert client_of(institutions="North").get(instance_url("instance_preview")).status_code == 200
    stranger = client_of(institutions="South")
    for address in (instance_url("instance_preview"), series_url("series_preview")):
        assert stranger.get(address).status_code == 404


def test_of_two_holders_each_has_its_own_picture() -> None:
    dark, light = (
        make_dataset(PatientID=name, PixelData=bytes([value]) * 128, WindowCenter="10000", WindowWidth="60000")
        for name, value in (("P1", 0), ("P2", 200))
    )
    ingest_datasets(dark, light)
    client = client_of()
    holders = Instance.objects.order_by("pk").values_list("series__study", flat=True)
    one, other = (client.get(f"{instance_url('instance_preview')}?holder={key}") for key in holders)
    assert one.status_code == other.status_code == 200
    assert one.content != other.content
    assert client.get(f"{instance_url('instance_preview')}?holder=0").status_code == 404
    assert f'preview?holder={holders[0]}"' in text_of(client.get(f"{series_url()}?holder={holders[0]}"))


def test_pictures_of_a_page_make_one_event() -> None:
    ingest_datasets(*make_series(3))
    client = client_of()
    client.get(series_url())
    for number in (1, 2, 3):
        client.get(instance_url("instance_preview", number=number))
    assert Event.objects.filter(action="view", study=f"{ROOT}.1").count() == 1


def test_a_picture_costs_few_queries(django_assert_num_queries: Any) -> None:
    """Session, user, the instance with its parents, and whether the view was recorded."""
    ingest_datasets(make_dataset())
    client = client_of()
    client.get(instance_url("instance_preview"))
    with django_assert_num_queries(4):
        client.get(instance_url("instance_preview"))


def test_the_page_of_an_image_opens_with_its_picture() -> None:
    ingest_datasets(make_dataset())
    text = text_of(client_of().get(instance_url()))
    assert f'<img src="{instance_url("instance_preview")}?large" alt="CT image 1, opens in the viewer"' in text
