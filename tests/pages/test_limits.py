"""Pages of objects that are acceptable and made to cost much: they come in time, and say what they leave out."""

import io
import re
import time
from typing import Any

import pytest
from django.test import Client
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.datasets import ingest_datasets, make_dataset, save
from tests.pages.browsing import client_of, instance_url

pytestmark = pytest.mark.django_db

SECONDS = 6.0  # of processor time; about a third of it on a quiet machine
DOSE = "1.2.840.10008.5.1.4.1.1.481.2"
SR, ECG, RAW = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.9.1.1", "1.2.840.10008.5.1.4.1.1.66"


@pytest.fixture
def viewer() -> Client:
    """Someone who may look."""
    return client_of()


def page_in_time(client: Client, query: str = "") -> str:
    begun = time.process_time()
    answer = client.get(instance_url("instance_detail") + query)
    assert answer.status_code == 200
    assert time.process_time() - begun < SECONDS
    return answer.content.decode()


def container(children: list[Dataset]) -> Dataset:
    item = Dataset()
    item.ValueType, item.RelationshipType = "CONTAINER", "CONTAINS"
    item.ContentSequence = children
    return item


def test_a_report_of_nothing_but_sections_comes_in_parts(viewer: Client) -> None:
    chain = container([])
    for _ in range(29):
        chain = container([chain])
    ingest_datasets(
        make_dataset(
            SOPClassUID=SR, Modality="SR", ValueType="CONTAINER", ContentSequence=[chain] * 320, PixelData=None
        )
    )
    page = page_in_time(viewer)
    parts = [int(number) for number in re.findall(r"part=(\d+)", page)]
    assert max(parts) >= 16
    assert page.count("<h3") + page.count("<h4") + page.count("<h5") + page.count("<h6") < 1_000
    assert "<section" in page_in_time(viewer, f"?part={max(parts)}")


def channel(number: int) -> Dataset:
    item = Dataset()
    item.ChannelLabel, item.ChannelSensitivity = f"C{number}", 1
    return item


def waveform(groups: int, channels: int) -> dict[str, Any]:
    shared = [channel(number) for number in range(channels)]
    items = []
    for _ in range(groups):
        item = Dataset()
        item.SamplingFrequency, item.NumberOfWaveformSamples, item.NumberOfWaveformChannels = 500, 50, channels
        item.WaveformBitsAllocated, item.WaveformSampleInterpretation = 16, "SS"
        item.ChannelDefinitionSequence = shared
        item.add_new(0x54001010, "OW", bytes(2 * 50 * channels))
        items.append(item)
    return {"SOPClassUID": ECG, "Modality": "ECG", "WaveformSequence": items, "PixelData": None}


def test_a_waveform_of_very_many_channels_says_what_is_left_out(viewer: Client) -> None:
    ingest_datasets(make_dataset(**waveform(64, 500)))
    page = page_in_time(viewer)
    assert "Group 10 and what follows is left out: more than 4,096 channels." in page
    assert viewer.get(instance_url("instance_drawing")).status_code == 200


def test_a_dose_with_more_histograms_than_are_read_says_so(viewer: Client) -> None:
    histograms = []
    for _ in range(160):
        histogram = Dataset()
        histogram.DVHType, histogram.DVHData = "CUMULATIVE", ["0.12345678", "12345.6789"] * 2_500
        histograms.append(histogram)
    ingest_datasets(make_dataset(SOPClassUID=DOSE, Modality="RTDOSE", DVHSequence=histograms, PixelData=None))
    page = page_in_time(viewer)
    assert "Not all of the object is shown." in page and "more than the 8 MB that are read here" in page


def test_an_object_of_very_many_elements_says_how_far_it_was_read(viewer: Client) -> None:
    file = make_dataset(SOPClassUID=RAW, Modality="OT", PixelData=None, ContentLabel="X")
    dataset = dcmread(io.BytesIO(file))
    dataset.add_new(0x0040A730, "UN", b"\xfe\xff\x00\xe0\0\0\0\0" * 200_000)
    ingest_datasets(save(dataset))
    page = page_in_time(viewer)
    assert "Not all of the object is shown." in page and "200,000 data elements" in page
    assert "CONTENT LABEL" in page.upper()
