"""Objects to show the archive with: a made patient whose studies show the hierarchy, and pydicom's own examples.

John Doe has a CT of the head (axial, coronal and sagittal series, and a report that refers to them), an ultrasound
study with a single image, and an X-ray study of two series with one and two images. UIDs are made from names (PS3.5
B.2), so they are the same on every machine and every time.
"""

import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom.data
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    UltrasoundImageStorage,
)

from pacsbrowser.dicom import phantom
from pacsbrowser.dicom.phantom import AXIAL, CORONAL, SAGITTAL, Plane

_NAMESPACE = uuid.UUID("6f1d2d5e-3f0b-5c5e-9a55-2f4f6d9a7c11")
_CT_DAY, _US_DAY, _DX_DAY = "20260314", "20251106", "20250721"
# Series Number (0020,0011), description, plane, first cut, distance, number of slices.
_CT_SERIES = (
    (1, "Axial", AXIAL, -92.0, 8.0, 24),
    (2, "Coronal", CORONAL, -75.0, 10.0, 16),
    (3, "Sagittal", SAGITTAL, -60.0, 8.0, 16),
)
_REPORT = (
    "CT of the head without contrast medium in axial, coronal and sagittal planes.",
    "Hyperdense mass of 2.2 x 3.0 x 2.4 cm in the left hemisphere, in keeping with a haemorrhage.",
    "Ventricles of normal width. No fracture.",
)
# Of the files in pydicom's wheel: its documented examples that are objects of a study, images of a DICOMDIR, names in
# many scripts, reports and a segmentation. The rest of the wheel are damaged files and copies for tests.
_EXAMPLES = (
    "test_files/CT_small.dcm", "test_files/MR_small.dcm", "test_files/examples_jpeg2k.dcm",
    "test_files/examples_overlay.dcm", "test_files/examples_palette.dcm", "test_files/examples_rgb_color.dcm",
    "test_files/examples_ybr_color.dcm", "test_files/rtdose.dcm", "test_files/rtplan.dcm", "test_files/rtstruct.dcm",
    "test_files/waveform_ecg.dcm", "test_files/liver_1frame.dcm", "test_files/test-SR.dcm", "test_files/reportsi.dcm",
    "charset_files/chrArab.dcm", "charset_files/chrFren.dcm", "charset_files/chrGerm.dcm",
    "charset_files/chrGreek.dcm", "charset_files/chrH31.dcm", "charset_files/chrHbrw.dcm",
    "charset_files/chrI2.dcm", "charset_files/chrRuss.dcm", "charset_files/chrX1.dcm", "charset_files/chrX2.dcm",
)  # fmt: skip
_EXAMPLE_FOLDERS = ("77654033", "98892001", "98892003", "TINY_ALPHA/PT000000")


def demonstration_uid(*names: str | int) -> UID:
    """Return the UID of a made object, from its name."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, names))).int}")


def example_files() -> Iterator[Path]:
    """Return the example files that ship with pydicom; what a version of it lacks is left out."""
    root = Path(pydicom.data.__file__).parent
    chosen = [root / name for name in _EXAMPLES]
    for folder in _EXAMPLE_FOLDERS:
        chosen += sorted((root / "test_files" / "dicomdirtests" / folder).rglob("*"))
    return (path for path in chosen if path.is_file())


def made_objects() -> Iterator[tuple[str, bytes]]:
    """Return the studies of John Doe as file names and Part 10 files."""
    yield from _ct_head()
    yield from _ultrasound()
    yield from _skull()


def _ct_head() -> Iterator[tuple[str, bytes]]:
    study = _study("ct-head", _CT_DAY, "091500", "CT of the head", "DEMO-CT-1")
    slices: list[Dataset] = []
    for number, name, plane, first, step, count in _CT_SERIES:
        for place in range(count):
            dataset = _ct_slice(study, number, name, plane, first + place * step, step, place + 1)
            slices.append(dataset)
            yield f"John Doe/CT head/{name}/{place + 1:02}.dcm", _file(dataset)
    yield "John Doe/CT head/Report.dcm", _file(_report(study, slices))


def _study(name: str, day: str, time: str, description: str, accession: str) -> dict[str, Any]:
    """Return the attributes that all objects of a study share."""
    return {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": "Doe^John",
        "PatientID": "DEMO-0001",
        "IssuerOfPatientID": "Demonstration",
        "PatientBirthDate": "19680412",
        "PatientSex": "M",
        "StudyInstanceUID": demonstration_uid(name),
        "StudyDate": day,
        "StudyTime": time,
        "StudyDescription": description,
        "StudyID": accession[-1],
        "AccessionNumber": accession,
        "ReferringPhysicianName": "Example^Rita",
        "InstitutionName": "Demonstration Hospital",
        "Manufacturer": "PACS browser demonstration data",
        "ContentDate": day,
        "SeriesDate": day,
    }


def _object(shared: dict[str, Any], sop_class: str, series: tuple[int, str, str], number: int) -> Dataset:
    """Return a data set of a series (number, modality, description) with the attributes every object has."""
    dataset = Dataset()
    for keyword, value in shared.items():
        setattr(dataset, keyword, value)
    series_number, dataset.Modality, dataset.SeriesDescription = series
    dataset.SeriesNumber, dataset.InstanceNumber = series_number, number
    dataset.SOPClassUID = sop_class
    dataset.SeriesInstanceUID = demonstration_uid(shared["StudyInstanceUID"], series_number)
    dataset.SOPInstanceUID = demonstration_uid(shared["StudyInstanceUID"], series_number, number)
    clock = f"{int(shared['StudyTime'][:4]):04}{(series_number * 7 + number) % 60:02}"
    dataset.SeriesTime = f"{clock[:4]}00"
    dataset.ContentTime = clock
    return dataset


def _ct_slice(
    study: dict[str, Any], number: int, name: str, plane: Plane, at: float, step: float, place: int
) -> Dataset:
    dataset = _object(study, CTImageStorage, (number, "CT", name), place)
    dataset.ImageType = ["DERIVED", "SECONDARY", "REFORMATTED"] if number > 1 else ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.BodyPartExamined = "HEAD"
    dataset.PatientPosition = "HFS"
    dataset.FrameOfReferenceUID = demonstration_uid("ct-head", "frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.ImageOrientationPatient = plane.orientation
    dataset.ImagePositionPatient = plane.position(at)
    dataset.SliceThickness = str(step)
    dataset.PixelSpacing = [phantom.SPACING, phantom.SPACING]
    dataset.KVP = "120"
    dataset.AcquisitionNumber = 1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = str(phantom.INTERCEPT), "1", "HU"
    dataset.WindowCenter, dataset.WindowWidth = "40", "120"
    _set_pixels(dataset, phantom.ct_slice(plane, at, number * 100 + place), phantom.SIZE, phantom.SIZE, 16, 12)
    return dataset


def _set_pixels(dataset: Dataset, pixels: bytes, rows: int, columns: int, allocated: int, stored: int) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, stored, stored - 1
    dataset.PixelRepresentation = 0
    dataset.add_new("PixelData", "OW" if allocated == 16 else "OB", pixels)


def _ultrasound() -> Iterator[tuple[str, bytes]]:
    study = _study("us-abdomen", _US_DAY, "143000", "Ultrasound of the abdomen", "DEMO-US-2")
    dataset = _object(study, UltrasoundImageStorage, (1, "US", "Liver"), 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.BodyPartExamined = "ABDOMEN"
    _set_pixels(dataset, phantom.ultrasound(192, 256, 7), 192, 256, 8, 8)
    yield "John Doe/Ultrasound/1.dcm", _file(dataset)


def _skull() -> Iterator[tuple[str, bytes]]:
    study = _study("dx-skull", _DX_DAY, "110500", "X-ray of the skull", "DEMO-DX-3")
    pictures = (
        (1, "Posterior-anterior", "PA", 1, CORONAL, False),
        (2, "Lateral", "LL", 1, SAGITTAL, False),
        (2, "Lateral", "RL", 2, SAGITTAL, True),
    )
    for series, name, view, number, plane, mirrored in pictures:
        dataset = _object(study, DigitalXRayImageStorageForPresentation, (series, "DX", name), number)
        dataset.ImageType = ["ORIGINAL", "PRIMARY"]
        dataset.PresentationIntentType = "FOR PRESENTATION"
        dataset.BodyPartExamined = "SKULL"
        dataset.ViewPosition = view
        dataset.ImagerPixelSpacing = [phantom.SPACING, phantom.SPACING]
        dataset.WindowCenter, dataset.WindowWidth = "2048", "4096"
        _set_pixels(dataset, phantom.radiograph(plane, mirrored), phantom.SIZE, phantom.SIZE, 16, 12)
        yield f"John Doe/Skull/{name} {number}.dcm", _file(dataset)


def _report(study: dict[str, Any], slices: list[Dataset]) -> Dataset:
    """Return a Basic Text SR (PS3.3 A.35.1) on the CT: three findings, the second with the slice that shows it."""
    dataset = _object(study, BasicTextSRStorage, (4, "SR", "Report"), 1)
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.PerformedProcedureCodeSequence = []
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.ConceptNameCodeSequence = [_code("18747-6", "LN", "CT Report")]
    dataset.ContentSequence = [_text(text) for text in _REPORT]
    shown = next(one for one in slices if one.SeriesNumber == 1 and one.InstanceNumber == 16)
    dataset.ContentSequence[1].ContentSequence = [_image(shown)]
    dataset.CurrentRequestedProcedureEvidenceSequence = [_evidence(study, slices)]
    return dataset


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _text(text: str) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "TEXT"
    item.ConceptNameCodeSequence = [_code("121071", "DCM", "Finding")]
    item.TextValue = text
    return item


def _image(target: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "INFERRED FROM", "IMAGE"
    item.ReferencedSOPSequence = [_reference(target)]
    return item


def _reference(target: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = target.SOPClassUID, target.SOPInstanceUID
    return item


def _evidence(study: dict[str, Any], slices: list[Dataset]) -> Dataset:
    """Return the hierarchical reference to all slices (PS3.3 table 10-3b: SOP Instance Reference Macro)."""
    evidence = Dataset()
    evidence.StudyInstanceUID = study["StudyInstanceUID"]
    evidence.ReferencedSeriesSequence = []
    for uid in dict.fromkeys(one.SeriesInstanceUID for one in slices):
        series = Dataset()
        series.SeriesInstanceUID = uid
        series.ReferencedSOPSequence = [_reference(one) for one in slices if one.SeriesInstanceUID == uid]
        evidence.ReferencedSeriesSequence.append(series)
    return evidence


def _file(dataset: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = demonstration_uid("implementation")
    meta.ImplementationVersionName = "PACSBROWSER"
    dataset.file_meta = meta
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
