"""The segments of a segmentation as they are kept: read once from a file, without what its frames say."""

import pytest

from pacsbrowser.archive import storage
from pacsbrowser.archive.derived.segments import declared_segments
from pacsbrowser.archive.models import Instance
from tests.datasets import ingest_datasets
from tests.e2e.viewing import segmentation

pytestmark = pytest.mark.django_db


def test_segments_are_read_once_from_a_file() -> None:
    ingest_datasets(segmentation(1, 8, 1, 11, SpecificCharacterSet="ISO_IR 100", PatientName="A"))
    blob = Instance.objects.get().blob
    (segment,) = declared_segments(blob)
    assert (segment.number, segment.label) == (1, "Lesion")
    (storage.store_folder() / blob.path).unlink()
    assert declared_segments(blob) == (segment,)
