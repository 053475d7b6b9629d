"""Pages of presentation states: what they change in words, and the images turned, shuttered and annotated."""

import io
from pathlib import Path

import pytest
from django.urls import reverse
from pydicom import dcmread

from pacsbrowser.dicom.presentation_state import read_presentation_state
from tests import reports
from tests.datasets import ROOT, ingest_datasets, ingest_files, make_series
from tests.pages.browsing import client_of, text_of

pytestmark = pytest.mark.django_db
CT = f"{ROOT}.1.1"


def state_url() -> str:
    """Return the page of the made presentation state."""
    return reverse("instance_detail", args=[f"{ROOT}.1", f"{ROOT}.1.94", f"{ROOT}.1.94.1"])


def test_a_state_says_what_it_changes() -> None:
    ingest_datasets(*make_series(3), reports.presentation_state(f"{CT}.1", f"{CT}.2", f"{ROOT}.8.8"))
    page = text_of(client_of().get(state_url()))
    for words in (
        "MARKED", "The lesion", "HALVORSEN, Ingrid", "2024-03-01 09:30",
        "center 40, width 400 “SOFT TISSUE”, all images",
        "turned by 90° clockwise", "rectangular, circular", "columns 1 to 8, rows 1 to 8, scale to fit", "inverse",
        "1 × circle", "What was seen", "Lesion &lt;b&gt;", "image not in the archive", "Images, 3",
    ):  # fmt: skip
        assert words in page, words


def test_images_are_drawn_as_the_state_shows_them() -> None:
    ingest_datasets(*make_series(3), reports.presentation_state(f"{CT}.1", f"{CT}.2"))
    page = text_of(client_of().get(state_url()))
    assert page.count('class="state-figure"') == 2
    assert 'transform="translate(8 0) rotate(90)" class="inverse"' in page
    assert "viewport=512,512&amp;window=40,400,linear" in page
    # the circle about (4, 4) through (6, 4), turned by a quarter within 8 × 8 pixels
    assert '<ellipse rx="2.00" ry="2.00" transform="translate(4.00 4.00)"' in page
    # the anchor (3, 3) comes to lie at (8 - 3, 3)
    assert '<text x="5.00" y="3.00"' in page
    assert page.count('class="shutter"') == 4


@pytest.mark.parametrize(
    ("rotation", "flip", "turn", "x"),
    [
        (0, "N", "", "3.00"),
        (0, "Y", "translate(8 0) scale(-1 1)", "5.00"),
        (180, "N", "translate(8 8) rotate(180)", "5.00"),
        (270, "Y", "translate(8 0) scale(-1 1) translate(0 8) rotate(270)", "5.00"),
    ],
)
def test_turns_and_flips_take_the_annotations_along(rotation: int, flip: str, turn: str, x: str) -> None:
    state = reports.presentation_state(f"{CT}.1", ImageRotation=rotation, ImageHorizontalFlip=flip)
    ingest_datasets(*make_series(1), state)
    page = text_of(client_of().get(state_url()))
    assert (f'transform="{turn}" class="inverse"' in page) == bool(turn)
    assert f'<text x="{x}"' in page


def test_a_state_with_odd_values_has_its_page() -> None:
    odd = reports.presentation_state(
        f"{CT}.1", SoftcopyVOILUTSequence=[], DisplayedAreaSelectionSequence=[], ImageRotation=45,
        ShutterShape=["CIRCULAR"], RadiusOfCircularShutter=None, GraphicLayerSequence=[],
    )  # fmt: skip
    ingest_datasets(*make_series(1), odd)
    assert "Presentation state" in text_of(client_of().get(state_url()))
    for share in (0.6, 0.8, 0.95):
        whole = reports.presentation_state(f"{CT}.1")
        assert read_presentation_state(io.BytesIO(whole[: int(len(whole) * share)])).problem


def test_a_real_state_is_shown(corpus: Path) -> None:
    path = corpus / "dicom" / "derived" / "gsps_ct2.dcm"
    ingest_files([path])
    row = dcmread(path)
    url = reverse("instance_detail", args=[row.StudyInstanceUID, row.SeriesInstanceUID, row.SOPInstanceUID])
    page = text_of(client_of().get(url))
    assert f"<bdi>{row.ContentLabel}</bdi>" in page and "What it changes" in page
