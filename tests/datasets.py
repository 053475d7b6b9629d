"""Objects for tests: a valid tiny CT made by pydicom, changed as a test needs it, and taken in through `ingest`."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from pacsbrowser.archive.ingest import IngestResult, close_delivery, ingest, open_delivery
from pacsbrowser.archive.models import Delivery, Door
from pacsbrowser.archive.receive import stage, stage_path

ROOT = "1.2.826.0.1.3680043.10.1"


def make_dataset(*, transfer_syntax: str = ExplicitVRLittleEndian, **attributes: Any) -> bytes:
    """Return a Part 10 file: an 8 × 8 CT slice with these attributes set by keyword; None leaves one out."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = f"{ROOT}.1.1.1"
    dataset.StudyInstanceUID = f"{ROOT}.1"
    dataset.SeriesInstanceUID = f"{ROOT}.1.1"
    dataset.PatientID = "P1"
    dataset.PatientName = "Doe^Jane"
    dataset.PatientBirthDate = "19700203"
    dataset.PatientSex = "F"
    dataset.StudyDate = "20240229"
    dataset.StudyTime = "101500"
    dataset.StudyDescription = "CT head"
    dataset.StudyID = "1"
    dataset.AccessionNumber = "A1"
    dataset.ReferringPhysicianName = "Ref^Erring"
    dataset.Modality = "CT"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.ImagePositionPatient = [0, 0, 0]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.Rows = dataset.Columns = 8
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = bytes(128)
    with disable_value_validation():
        for keyword, value in attributes.items():
            if keyword in dataset:
                delattr(dataset, keyword)
            if value is not None:
                setattr(dataset, keyword, value)
        return save(dataset, transfer_syntax)


def save(dataset: Dataset, transfer_syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return a data set as a Part 10 file."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def make_series(count: int, study: int = 1, series: int = 1, **attributes: Any) -> list[bytes]:
    """Return the slices 1 to `count` of a series; `study` and `series` choose its UIDs."""
    uids = {"StudyInstanceUID": f"{ROOT}.{study}", "SeriesInstanceUID": f"{ROOT}.{study}.{series}"}
    return [
        make_dataset(
            **{
                **uids,
                "SOPInstanceUID": f"{ROOT}.{study}.{series}.{number}",
                "InstanceNumber": number,
                "SeriesNumber": series,
                "ImagePositionPatient": [0, 0, number],
                **attributes,
            }
        )
        for number in range(1, count + 1)
    ]


def open_test_delivery(door: Door = Door.COMMAND) -> Delivery:
    """Return a fresh delivery."""
    return open_delivery(door, "test")


def ingest_datasets(*files: bytes, delivery: Delivery | None = None) -> list[IngestResult]:
    """Take objects in as one delivery and return what became of each."""
    own = delivery or open_test_delivery()
    results = ingest([stage(io.BytesIO(file), f"{place}.dcm") for place, file in enumerate(files)], own)
    if delivery is None:
        close_delivery(own)
    return results


def ingest_files(paths: Iterable[Path]) -> list[IngestResult]:
    """Take files in as one delivery and return what became of each."""
    delivery = open_test_delivery()
    results = ingest([stage_path(path) for path in paths], delivery)
    close_delivery(delivery)
    return results
