"""How attributes are written on pages: numbers, flags and units as people write them; the tags keep what is stored."""

from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from pacsbrowser.archive.models import Instance
from pacsbrowser.pages.attribute_tables import flag_text
from pacsbrowser.pages.templatetags.dicom_format import short_number
from tests.datasets import ingest_datasets, ingest_files, make_dataset
from tests.pages.browsing import client_of, instance_url, text_of, url_of

pytestmark = pytest.mark.django_db


def test_numbers_of_a_plan_are_short_and_have_true_minus_signs() -> None:
    ingest_files([Path(get_testdata_file("rtplan.dcm"))])
    page = text_of(client_of().get(url_of(Instance.objects.get())))
    assert "235.711, 244.135, −724.978" in page and ">1.02754<" in page


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (370_000_000.0, "370000000"), (1_234_567.8, "1234567.8"), (-123_456.78, "−123456.8"), (1.23456789, "1.23457"),
        (123_456_789_012_345.5, "123456789012345.5"), (1e15, "1e+15"), (0.0, "0"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_large_numbers_keep_their_digits(number: float, shown: str) -> None:
    assert short_number(number) == shown


def test_only_coded_strings_are_flags() -> None:
    assert flag_text("BurnedInAnnotation", "NO") == "no"
    assert flag_text("CountryOfResidence", "NO") == "NO"


def test_flags_are_words() -> None:
    stl = "1.2.840.10008.5.1.4.1.1.104.3"
    ingest_datasets(
        make_dataset(
            SOPClassUID=stl, Modality="M3D", BurnedInAnnotation="YES", LossyImageCompression="01", PixelData=None
        )
    )
    page = text_of(client_of().get(instance_url()))
    assert page.count("<bdi>yes</bdi>") >= 2
