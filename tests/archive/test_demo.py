"""The demonstration data: what it shows, that it is the same every time, and that a second load adds nothing."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom import dcmread

from pacsbrowser.archive.demo import MARK, load_demo
from pacsbrowser.archive.models import Delivery, Door, Finding, Instance, Patient, Reference, Study
from pacsbrowser.dicom.demonstration import example_files, made_objects

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_mark_is_left(settings: Any) -> Iterator[None]:
    yield
    (settings.PACSBROWSER_DATA / MARK).unlink(missing_ok=True)


def test_john_doe_shows_the_hierarchy() -> None:
    load_demo()
    patient = Patient.objects.get(patient_id="DEMO-0001")
    shape = {
        study.study_description: [
            (series.modality, series.series_description, series.instance_count)
            for series in study.series_set.order_by("series_number_value")
        ]
        for study in Study.objects.filter(patient=patient)
    }
    assert patient.name_display == "DOE, John"
    assert shape == {
        "CT of the head": [("CT", "Axial", 24), ("CT", "Coronal", 16), ("CT", "Sagittal", 16), ("SR", "Report", 1)],
        "Ultrasound of the abdomen": [("US", "Liver", 1)],
        "X-ray of the skull": [("DX", "Posterior-anterior", 1), ("DX", "Lateral", 2)],
    }
    assert not Finding.objects.filter(patient=patient).exists()


def test_all_is_taken_in_once() -> None:
    added = load_demo()
    delivery = Delivery.objects.get(door=Door.DEMO)
    assert added == delivery.stored == delivery.received_count == Instance.objects.count()
    assert load_demo() == 0
    assert Delivery.objects.filter(door=Door.DEMO).count() == 1


def test_the_report_refers_to_slices_that_are_here() -> None:
    load_demo()
    report = Instance.objects.get(series__modality="SR", series__study__patient__patient_id="DEMO-0001")
    targets = set(Reference.objects.filter(instance=report).values_list("target_uid", flat=True))
    slices = Instance.objects.filter(series__study=report.series.study, series__modality="CT")
    assert set(slices.values_list("sop_instance_uid", flat=True)) <= targets


def test_objects_are_the_same_every_time_and_valid() -> None:
    first = dict(made_objects())
    assert first == dict(made_objects())
    for content in first.values():
        dataset = dcmread(io.BytesIO(content))
        assert dataset.SOPInstanceUID.is_valid and len(dataset.SOPInstanceUID) <= 64
        if "PixelData" in dataset:
            assert len(dataset.PixelData) == dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8


def test_slices_lie_where_they_say() -> None:
    """Positions of a series run along its normal, and the three planes share one frame of reference."""
    frames, planes = set(), {}
    for name, content in made_objects():
        if "CT head" in name and "Report" not in name:
            dataset = dcmread(io.BytesIO(content))
            frames.add(dataset.FrameOfReferenceUID)
            planes.setdefault(dataset.SeriesDescription, []).append(list(dataset.ImagePositionPatient))
    moving = {
        name: [axis for axis in range(3) if len({place[axis] for place in places}) > 1]
        for name, places in planes.items()
    }
    assert moving == {"Axial": [2], "Coronal": [1], "Sagittal": [0]} and len(frames) == 1


def test_the_examples_are_in_the_wheel() -> None:
    files = list(example_files())
    assert len(files) > 100 and all("pydicom" in file.parts for file in files)
