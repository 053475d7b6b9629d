"""A phantom for tests of the viewer: a bright ball in a dark box, cut into slices, in a study and in a prior one."""

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from tests.datasets import ROOT, make_dataset

SIZE = 64
SLICES = 24
SPACING = 2.0
AIR, BALL = -1000, 300


def study_uid(study: int) -> str:
    """Return the Study Instance UID of a made study."""
    return f"{ROOT}.{study}"


def series_uid(study: int, series: int) -> str:
    """Return the Series Instance UID of a made series."""
    return f"{ROOT}.{study}.{series}"


def address(study: int, **query: object) -> str:
    """Return the address of the viewer."""
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return f"/view/{study_uid(study)}/" + (f"?{words}" if words else "")


def ball(place: int, radius: float = 20) -> bytes:
    """Return the pixels of a slice through a ball around the middle of the box, plus 1024, 16 bits each."""
    y, x = np.mgrid[:SIZE, :SIZE]
    z = (place - SLICES / 2) * SIZE / SLICES
    inside = (x - SIZE / 2) ** 2 + (y - SIZE / 2) ** 2 + z**2 < radius**2
    return np.where(inside, BALL + 1024, AIR + 1024).astype("<u2").tobytes()


def write_volume(folder: Path, study: int, series: int = 1, slices: int = SLICES, **attributes: Any) -> None:
    """Write a series of axial CT slices of the ball."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(slices):
        values: dict[str, Any] = {
            "StudyInstanceUID": study_uid(study),
            "SeriesInstanceUID": series_uid(study, series),
            "SOPInstanceUID": f"{series_uid(study, series)}.{place + 1}",
            "FrameOfReferenceUID": f"{study_uid(study)}.9",
            "SeriesNumber": series,
            "SeriesDescription": "Ball, axial",
            "InstanceNumber": place + 1,
            "Rows": SIZE,
            "Columns": SIZE,
            "PixelSpacing": [SPACING, SPACING],
            "SliceThickness": SPACING * SIZE / SLICES,
            "ImagePositionPatient": [-SIZE, -SIZE, round(place * SPACING * SIZE / SLICES, 4)],
            "RescaleSlope": 1,
            "RescaleIntercept": -1024,
            "WindowCenter": 40,
            "WindowWidth": 400,
            "PixelData": ball(place % SLICES),
            **attributes,
        }
        (folder / f"{study}-{series}-{place:04}.dcm").write_bytes(make_dataset(**values))


def segmentation(study: int, series: int, of: int, place: int, **attributes: Any) -> bytes:
    """Return a binary segmentation (PS3.3 A.51) of the ball in one slice of a volume, named Lesion."""
    inside = np.frombuffer(ball(place), "<u2").reshape(SIZE, SIZE) > 1024
    frame, plane, position = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = [-SIZE, -SIZE, round(place * SPACING * SIZE / SLICES, 4)]
    frame.PlanePositionSequence = [position]
    plane.ReferencedSegmentNumber = 1
    frame.SegmentIdentificationSequence = [plane]
    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [SPACING, SPACING], SPACING
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "Lesion"
    values: dict[str, Any] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4",
        "StudyInstanceUID": study_uid(study),
        "SeriesInstanceUID": series_uid(study, series),
        "SOPInstanceUID": f"{series_uid(study, series)}.1",
        "FrameOfReferenceUID": f"{study_uid(study)}.9",
        "Modality": "SEG",
        "SeriesNumber": series,
        "SeriesDescription": "Lesions",
        "SegmentationType": "BINARY",
        "SegmentSequence": [segment],
        "SourceImageSequence": [_reference(f"{series_uid(study, of)}.{place + 1}")],
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": [frame],
        "NumberOfFrames": 1,
        "Rows": SIZE,
        "Columns": SIZE,
        "BitsAllocated": 1,
        "BitsStored": 1,
        "HighBit": 0,
        "ImagePositionPatient": None,
        "ImageOrientationPatient": None,
        "PixelData": np.packbits(inside, bitorder="little").tobytes(),
        **attributes,
    }
    return make_dataset(**values)


def key_objects(study: int, series: int, uids: list[str], **attributes: Any) -> bytes:
    """Return a selection of key objects (PS3.3 A.35.4) that names some instances."""
    values: dict[str, Any] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.59",
        "StudyInstanceUID": study_uid(study),
        "SeriesInstanceUID": series_uid(study, series),
        "SOPInstanceUID": f"{series_uid(study, series)}.1",
        "Modality": "KO",
        "SeriesNumber": series,
        "ReferencedImageSequence": [_reference(uid) for uid in uids],
        "PixelData": None,
        **attributes,
    }
    return make_dataset(**values)


def _reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = CTImageStorage
    item.ReferencedSOPInstanceUID = uid
    return item
