"""CT slices for measuring: a header as scanners write it, and one join of bytes for each further slice."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.benchmarks.closed_loop import Ask
from tests.datasets import ROOT, make_dataset, save

# The numbers of patient, study and instance in the template, in digits that occur nowhere else.
_PATIENT, _STUDY, _SLICE = b"77070707", b"88080808", b"99090909"
_TEXTS = """Manufacturer InstitutionalDepartmentName StationName ProtocolName ManufacturerModelName DeviceSerialNumber
SoftwareVersions ContrastBolusAgent ScanOptions FilterType ConvolutionKernel RequestedProcedureDescription
PerformedProcedureStepDescription RequestingService CurrentPatientLocation ImageComments PatientComments
SeriesDescription StudyComments OperatorsName PerformingPhysicianName RequestingPhysician BodyPartExamined""".split()  # noqa: SIM905
_NUMBERS = """SliceThickness KVP DataCollectionDiameter ReconstructionDiameter DistanceSourceToDetector TableHeight
DistanceSourceToPatient GantryDetectorTilt ExposureTime XRayTubeCurrent Exposure GeneratorPower PatientWeight
PatientSize ContrastBolusVolume SliceLocation""".split()  # noqa: SIM905
_CODES = "ProcedureCodeSequence AnatomicRegionSequence RequestAttributesSequence SourceImageSequence".split()  # noqa: SIM905
BOUNDARY = "slices-of-a-benchmark"
_PART = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
_END = f"--{BOUNDARY}--\r\n".encode()


@dataclass(frozen=True, slots=True)
class Place:
    """Which slice of which study; a study has one series."""

    study: int
    number: int

    @property
    def uids(self) -> tuple[str, str, str]:
        """Study, Series and SOP Instance UID."""
        study = f"{ROOT}.{10**7 + self.study}"
        return study, f"{study}.1", f"{study}.1.{10**7 + self.number}"

    @property
    def path(self) -> str:
        """The address of the instance."""
        return "/dicom-web/studies/{}/series/{}/instances/{}".format(*self.uids)


class Slices:
    """Makes slices of `side` × `side` pixels of 16 bits."""

    def __init__(self, side: int) -> None:
        self._template = _template(side)

    def bytes_of(self, place: Place) -> bytes:
        """Return a slice; no two are equal."""
        head, pixels = self._template
        head = head.replace(_PATIENT, b"%d" % (10**7 + place.study // 2)).replace(_STUDY, b"%d" % (10**7 + place.study))
        return head.replace(_SLICE, b"%d" % (10**7 + place.number)) + pixels

    def stow(self, places: list[Place]) -> Ask:
        """Return the request that stores these slices; each is made when it is sent."""
        length = sum(len(_PART) + len(self._template[0]) + len(self._template[1]) + 2 for _ in places) + len(_END)
        kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
        headers = {"Content-Type": kind, "Accept": "application/dicom+json"}
        return Ask("/dicom-web/studies", "POST", headers, self._body(places), length, len(places))

    def _body(self, places: list[Place]) -> Iterator[bytes]:
        for place in places:
            yield _PART + self.bytes_of(place) + b"\r\n"
        yield _END


def prepared(ask: Ask) -> Ask:
    """Return the request with its body made, so that making it is not measured."""
    return Ask(ask.path, ask.method, ask.headers, (b"".join(ask.body),), ask.length, ask.items)


def _template(side: int) -> tuple[bytes, bytes]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "T-D3000", "SRT", "Chest"
    study = f"{ROOT}.{_STUDY.decode()}"
    across = np.linspace(0, 1800, side, dtype="float32")
    noise = np.random.default_rng(1).normal(0, 12, (side, side))
    pixels = np.clip(np.add.outer(across, across[::-1]) / 2 + noise, 0, 4095).astype("<u2").tobytes()
    file = make_dataset(
        PatientID="BENCH" + _PATIENT.decode(), PatientName=f"Bench^{_PATIENT.decode()}",
        StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", AccessionNumber="B" + _STUDY.decode(),
        SOPInstanceUID=f"{study}.1.{_SLICE.decode()}", InstanceNumber=_SLICE.decode(),
        Rows=side, Columns=side, BitsStored=12, HighBit=11, PixelData=pixels,
        WindowCenter=["40", "-600"], WindowWidth=["400", "1500"], RescaleIntercept=-1024, RescaleSlope=1,
        PixelSpacing=[0.74, 0.74], ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], FrameOfReferenceUID=f"{study}.9",
        **dict.fromkeys(_TEXTS, "As scanners say"), **dict.fromkeys(_NUMBERS, "120.5"),
        **{one: [item] for one in _CODES},
    )  # fmt: skip
    dataset = dcmread(io.BytesIO(file))
    dataset.private_block(0x0029, "EXAMPLE CSA HEADER", create=True).add_new(0x10, "OB", bytes(range(256)) * 4)
    file = save(dataset)
    at = len(file) - len(pixels)
    return file[:at], file[at:]
