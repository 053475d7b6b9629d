"""Pages of RT objects, segmentations, registrations, spectra and unknown classes; pictures with layers."""

import io
import re
from typing import Any

import numpy as np
import pytest
from django.test import Client
from PIL import Image
from pydicom.dataset import Dataset

from pacsbrowser.archive.models import Instance
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.dicom.test_waveform import code
from tests.pages.browsing import client_of, instance_url, text_of, url_of

pytestmark = pytest.mark.django_db

CLASS = "1.2.840.10008.5.1.4.1.1."
SEG, LABELS, STRUCTURES, DOSE, PLAN = f"{CLASS}66.4", f"{CLASS}66.7", f"{CLASS}481.3", f"{CLASS}481.2", f"{CLASS}481.5"
FRAME = f"{ROOT}.77"
GEOMETRY: dict[str, Any] = {"PixelSpacing": [2, 2], "FrameOfReferenceUID": FRAME}


@pytest.fixture
def viewer() -> Client:
    """A person who may look."""
    return client_of("viewer")


def item(**attributes: Any) -> Dataset:
    """Return a data set with these attributes."""
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def make_object(sop_class: str, **attributes: Any) -> bytes:
    """Return an object of series 2, instance 1 of study 1, without pixels unless some are given."""
    plain = {"Modality": "OT", "PixelData": None, "Rows": None, "Columns": None, "ImagePositionPatient": None}
    uids = {"SeriesInstanceUID": f"{ROOT}.1.2", "SOPInstanceUID": f"{ROOT}.1.2.1", "SeriesNumber": 2}
    return make_dataset(SOPClassUID=sop_class, **{**plain, **uids, **attributes})


PAGE = instance_url(series=2)


def make_segmentation(
    sop_class: str = SEG, kind: str = "BINARY", source: str = f"{ROOT}.1.1.2", **others: Any
) -> bytes:
    """Return two segments in one frame each over slice 2: the left half, and the upper half."""
    left, upper = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    left[:, :4], upper[:4] = 1, 1
    segments = [
        item(SegmentNumber=number, SegmentLabel=f"<i>{name}", SegmentAlgorithmType="MANUAL",
             SegmentedPropertyCategoryCodeSequence=[code("85756007", "Tissue", "SCT")],
             SegmentedPropertyTypeCodeSequence=[code("10200004", "Liver", "SCT")])
        for number, name in ((1, "Left"), (2, "Upper"))
    ]  # fmt: skip
    segments[0].RecommendedDisplayCIELabValue = [35579, 53662, 50858]  # the red of sRGB
    frames = [
        item(
            SegmentIdentificationSequence=[item(ReferencedSegmentNumber=number)],
            DerivationImageSequence=[item(SourceImageSequence=[item(ReferencedSOPInstanceUID=source)])],
            PlanePositionSequence=[item(ImagePositionPatient=[0, 0, 2])],
        )
        for number in (1, 2)
    ]
    pixels = np.packbits(np.concatenate((left, upper)).ravel(), bitorder="little").tobytes()
    bits = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    if kind == "LABELMAP":
        pixels, bits = (left + 2 * upper * (1 - left)).tobytes(), {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
        frames = frames[:1]
    return make_object(
        sop_class, Modality="SEG", SegmentationType=kind, SegmentSequence=segments, Rows=8, Columns=8, **bits,
        PerFrameFunctionalGroupsSequence=frames, PixelData=pixels,
        SharedFunctionalGroupsSequence=[item(
            PixelMeasuresSequence=[item(PixelSpacing=[2, 2])],
            PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        )],
        **{"NumberOfFrames": len(frames), **others},
    )  # fmt: skip


def colours_of(answer: Any) -> Any:
    """Return the picture of an answer as an array of RGB."""
    assert answer.status_code == 200, answer.content
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB")).astype(int)


@pytest.mark.parametrize(("sop_class", "kind"), [(SEG, "BINARY"), (LABELS, "LABELMAP")])
def test_segments_are_coloured_over_their_image(viewer: Client, sop_class: str, kind: str) -> None:
    ingest_datasets(*make_series(3, **GEOMETRY), make_segmentation(sop_class, kind))
    page = text_of(viewer.get(PAGE))
    assert "2 segments" in page and "&lt;i&gt;Left" in page and "<i>Left" not in page and "Liver" in page
    assert re.search('fill="#f[ef]0', page) and "Over" in page and "instance <bdi>2</bdi>" in page
    picture = colours_of(viewer.get(f"{PAGE}layers"))
    assert picture.shape == (8, 8, 3)
    assert picture[7, 1, 0] > picture[7, 1, 2] + 40, "red on the left"
    assert abs(picture[7, 7] - picture[6, 6]).max() < 12, "nothing at the lower right"
    assert picture[1, 6, 2] > picture[7, 7, 2] + 20, "blue at the upper right"


def test_groups_of_frames_that_are_not_there_are_passed_over(viewer: Client) -> None:
    ingest_datasets(*make_series(3, **GEOMETRY), make_segmentation(NumberOfFrames=1))
    assert "1 frame," in text_of(viewer.get(PAGE))
    assert colours_of(viewer.get(f"{PAGE}layers")).shape == (8, 8, 3)


def test_a_mask_without_its_image_is_shown_alone_and_says_so(viewer: Client) -> None:
    ingest_datasets(make_segmentation())
    assert "The image below it is not in the archive" in text_of(viewer.get(PAGE))
    assert colours_of(viewer.get(f"{PAGE}layers")).shape == (8, 8, 3)


def test_no_image_of_another_patient_lies_below(viewer: Client) -> None:
    other = make_series(3, study=2, PatientID="P2", **GEOMETRY)
    ingest_datasets(*other, make_segmentation(source=f"{ROOT}.2.1.2"))
    assert "The image below it is not in the archive" in text_of(viewer.get(PAGE))


def test_what_is_out_of_scope_does_not_show_through(viewer: Client) -> None:
    ingest_datasets(*make_series(3, **GEOMETRY), make_segmentation())
    stranger = client_of("viewer", institutions="Elsewhere")
    assert stranger.get(f"{PAGE}layers").status_code == 404 and stranger.get(PAGE).status_code == 404
    assert viewer.get(f"{instance_url()}layers").status_code == 404, "a CT has no layers"


@pytest.mark.parametrize("slice_number", ["0", "-1", "99999999999", "x", "2"])
def test_slices_that_do_not_exist_show_the_usual_one(viewer: Client, slice_number: str) -> None:
    ingest_datasets(make_segmentation())
    assert viewer.get(f"{PAGE}layers?slice={slice_number}").status_code == 200
    assert viewer.get(f"{PAGE}?slice={slice_number}").status_code == 200


def make_structures(image: str = "", frame: str = FRAME, points: str = "") -> bytes:
    """Return a structure set: a square at z = 2 and z = 3, and a point."""
    square = "2\\2\\{z}\\10\\2\\{z}\\10\\10\\{z}\\2\\10\\{z}"
    contours = []
    for z in (2, 3):
        contour = item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=4)
        # as text, so that it can be anything
        contour.add_new(0x30060050, "UT", points or square.format(z=z))
        if image:
            contour.ContourImageSequence = [item(ReferencedSOPInstanceUID=image)]
        contours.append(contour)
    point = item(ContourGeometricType="POINT", NumberOfContourPoints=1, ContourData=[4, 4, 2])
    return make_object(
        STRUCTURES, Modality="RTSTRUCT", StructureSetLabel="<b>Plan",
        StructureSetROISequence=[
            item(ROINumber=5, ROIName="Liver & <b>", ReferencedFrameOfReferenceUID=frame, ROIVolume="12.5"),
            item(ROINumber=6, ROIName="Iso", ReferencedFrameOfReferenceUID=frame),
        ],
        ROIContourSequence=[
            item(ROIDisplayColor=[255, 0, 300], ContourSequence=contours, ReferencedROINumber=5),
            item(ContourSequence=[point], ReferencedROINumber=6),
        ],
        RTROIObservationsSequence=[item(ReferencedROINumber=5, RTROIInterpretedType="ORGAN")],
    )  # fmt: skip


def test_outlines_lie_on_the_image_that_they_name(viewer: Client) -> None:
    ingest_datasets(*make_series(3, **GEOMETRY), make_structures(f"{ROOT}.1.1.2"))
    page = text_of(viewer.get(PAGE))
    assert "Liver &amp; &lt;b&gt;" in page and "ORGAN" in page and "12.5" in page and "#ff00ff" in page
    assert 'viewBox="-0.50 -0.50 8.00 8.00"' in page
    # 2 to 10 mm are pixels 1 to 5 of 2 mm
    assert 'd="M1.00 1.00L5.00 1.00L5.00 5.00L1.00 5.00Z"' in page
    assert f"{ROOT}.1.1.2/frames/1/rendered" in page
    assert "z = 3.0 mm" in re.sub(r"\s+", " ", text_of(viewer.get(PAGE + "?slice=2")))


def test_outlines_find_the_image_at_their_height(viewer: Client) -> None:
    ingest_datasets(*make_series(3, **GEOMETRY), make_structures())
    page = text_of(viewer.get(PAGE + "?slice=2"))
    assert f"{ROOT}.1.1.3/frames/1/rendered" in page


def test_outlines_without_an_image_are_drawn_in_mm(viewer: Client) -> None:
    ingest_datasets(make_structures())
    page = text_of(viewer.get(PAGE))
    assert "M2.00 2.00L10.00 2.00L10.00 10.00L2.00 10.00Z" in page and "outlines are shown alone" in page


@pytest.mark.parametrize(
    "points", ["1e300\\1\\1\\2\\2\\2", "a\\b\\c", "1\\2", "nan\\inf\\1", "5\\5\\5\\" * 30_000 + "5"]
)
def test_hostile_contours_have_a_page(viewer: Client, points: str) -> None:
    ingest_datasets(make_structures(points=points))
    page = viewer.get(PAGE)
    assert page.status_code == 200 and len(page.content) < 2_000_000


def make_dose(**changes: Any) -> bytes:
    """Return a dose of two frames that grows from left to right, up to 7000 steps of 0.01 Gy, with one histogram."""
    # two columns of each dose: a picture that is compressed mixes the colours of single pixels
    frame = np.tile(np.array([0, 0, 2000, 2000, 4000, 4000, 7000, 7000], np.uint16), (8, 1))
    given = {
        "Modality": "RTDOSE", "Rows": 8, "Columns": 8, "NumberOfFrames": 2, "PixelData": frame.tobytes() * 2,
        "GridFrameOffsetVector": [0, 1], "ImagePositionPatient": [0, 0, 2], "DoseUnits": "GY", "DoseType": "PHYSICAL",
        "DoseSummationType": "PLAN", "DoseGridScaling": "0.01", **GEOMETRY,
        "DVHSequence": [item(
            DVHType="CUMULATIVE", DoseUnits="GY", DVHDoseScaling="1", DVHVolumeUnits="CM3", DVHNumberOfBins=3,
            DVHData=[10, 100, 10, 50, 10, 0], DVHMeanDose="14.5",
            DVHReferencedROISequence=[item(ReferencedROINumber=5)],
        )],
    }  # fmt: skip
    return make_object(DOSE, **{**given, **changes})


def test_a_dose_is_drawn_in_bands_over_the_ct_with_its_histogram(viewer: Client) -> None:
    ingest_datasets(*make_series(3, **GEOMETRY), make_dose())
    page = text_of(viewer.get(PAGE))
    assert "70 Gy" in page and "Frame 2 of 2" in page and "z = 3.0 mm" in page and "instance <bdi>3</bdi>" in page
    assert "14.5" in page and "Region 5" in page and 'class="curve"' in page and "Volume, cm³" in page
    picture = colours_of(viewer.get(f"{PAGE}layers?slice=1"))
    assert picture[4, 7, 0] > picture[4, 7, 2] + 40, "the highest dose is red"
    assert picture[4, 2, 2] > picture[4, 2, 0] + 20, "a low one blue"


def test_hostile_doses_have_a_page(viewer: Client) -> None:
    hostile = {"DoseGridScaling": "1e300", "GridFrameOffsetVector": [5], "NumberOfFrames": 900_000}
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ingest_datasets(make_dose(**hostile, DVHSequence=[item(DVHType="X", DVHData=[0, 0, 0, 0])]))
    assert viewer.get(PAGE).status_code == 200
    assert "failed: reading frame 450001" in text_of(viewer.get(f"{PAGE}layers")), "the frame is not in the file"


def test_a_plan_lists_prescription_fractions_and_beams(viewer: Client) -> None:
    beam = item(
        BeamNumber=1, BeamName="AP <b>", RadiationType="PHOTON", TreatmentMachineName="unit001",
        ControlPointSequence=[item(NominalBeamEnergy="6", GantryAngle="180")],
    )  # fmt: skip
    doses = [item(ReferencedBeamNumber=1, BeamDose="1.03", BeamMeterset="116")]
    fractions = item(FractionGroupNumber=1, NumberOfFractionsPlanned=30, ReferencedBeamSequence=doses)
    reference = item(DoseReferenceNumber=1, DoseReferenceType="TARGET", TargetPrescriptionDose="30.8")
    ingest_datasets(make_object(
        PLAN, Modality="RTPLAN", RTPlanLabel="Plan1", RTPlanDate="20030903", BeamSequence=[beam],
        FractionGroupSequence=[fractions], DoseReferenceSequence=[reference],
    ))  # fmt: skip
    page = text_of(viewer.get(PAGE))
    for words in ("Plan1", "2003-09-03", "AP &lt;b&gt;", "PHOTON", "180 °", "30.8", "1.03", "116", "unit001"):
        assert words in page
    assert "Organ limit" not in page, "columns without values are left out"


def test_a_registration_shows_its_matrices(viewer: Client) -> None:
    numbers = [1, 0, 0, -12.5, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    matrix = item(FrameOfReferenceTransformationMatrixType="RIGID", FrameOfReferenceTransformationMatrix=numbers)
    registration = item(FrameOfReferenceUID="1.2.3", MatrixRegistrationSequence=[item(MatrixSequence=[matrix])])
    ingest_datasets(make_object(f"{CLASS}66.1", Modality="REG", RegistrationSequence=[registration]))
    page = text_of(viewer.get(PAGE))
    assert "<td>−12.5</td>" in page and "rigid" in page and "from 1.2.3" in page


def test_a_spectrum_has_its_peak_where_it_belongs(viewer: Client) -> None:
    time = np.arange(512) / 2000
    signal = np.exp(2j * np.pi * 250 * time - time * 10).astype(np.complex64)
    ingest_datasets(make_object(
        f"{CLASS}4.2", Modality="MR", Rows=1, Columns=1, DataPointRows=1, DataPointColumns=512, SpectralWidth=2000.0,
        DataRepresentation="COMPLEX", SignalDomainColumns="TIME", TransmitterFrequency=[123.0], ResonantNucleus=["1H"],
        SpectroscopyData=signal.tobytes(),
    ))  # fmt: skip
    page = text_of(viewer.get(PAGE))
    assert "Chemical shift, ppm" in page and "Spectrum" in page
    path = re.search(r'class="curve" stroke="#0b57b7" d="M([^"]+)"', page)
    assert path
    points = [tuple(map(float, point.split())) for point in path[1].split("L")]
    peak = min(points, key=lambda point: point[1])
    # 250 Hz at 123 MHz are 2.03 ppm above 4.7, which lies left of the middle as the axis grows to the left
    assert peak[0] == pytest.approx(56 + (640 - 56 - 12) * (1 - (250 + 1000) / 2000), abs=4)


def test_an_unknown_class_says_what_it_holds(viewer: Client) -> None:
    made = make_object("1.2.3.4.5.6", ContentDescription="Something <b>", AcquisitionProtocolName="Deep",
                       PerformedProtocolCodeSequence=[code("1", "Protocol A", "99X")])  # fmt: skip
    from pydicom import dcmread

    from tests.datasets import save

    dataset = dcmread(io.BytesIO(made))
    block = dataset.private_block(0x0099, "ACME <b>", create=True)
    block.add_new(1, "OB", bytes(4000))
    block.add_new(2, "LO", "x")
    ingest_datasets(save(dataset))
    page = text_of(viewer.get(PAGE))
    assert "not in the standard’s list" in page and "Something &lt;b&gt;" in page
    assert (
        "ACME &lt;b&gt;" in page
        and "(0099,10xx)" in page
        and "Protocol A" in page
        and "Performed protocol code" in page
    )


@pytest.mark.parametrize("tail", ["66", "66.2", "66.3", "66.5", "66.6", "91.1", "30", "67", "78.7", "481.8", "481.4",
                                  "481.9", "200.1", "77.1.5.3", "68.1", "104.4", "104.5", "12.77", "82.1"])  # fmt: skip
def test_every_class_has_a_page_even_when_nothing_is_in_it(viewer: Client, tail: str) -> None:
    ingest_datasets(make_object(CLASS + tail))
    page = viewer.get(url_of(Instance.objects.get()))
    assert page.status_code == 200 and "unsupported" not in text_of(page).lower()
    assert "type-sheet" not in text_of(page)


def test_small_drawings_stand_for_what_has_no_pixels(viewer: Client) -> None:
    ingest_datasets(make_structures())
    drawing = viewer.get(f"{PAGE}drawing")
    assert (
        drawing.headers["Content-Type"] == "image/svg+xml" and "sandbox" in drawing.headers["Content-Security-Policy"]
    )
    assert 'd="M2.00 2.00L10.00 2.00L10.00 10.00L2.00 10.00Z" stroke="#ff00ff"' in text_of(drawing)
    again = viewer.get(f"{PAGE}drawing", headers={"If-None-Match": drawing.headers["ETag"]})
    assert again.status_code == 304 and "sandbox" in again.headers["Content-Security-Policy"]
    ingest_datasets(make_segmentation())
    assert viewer.get(f"{instance_url(series=1)}drawing").status_code == 404


def test_a_trace_is_drawn_small_whatever_it_holds(viewer: Client) -> None:
    from tests.dicom.test_waveform import make_group, make_waveform
    from tests.pages.test_presentations import make_ecg

    ingest_datasets(make_ecg())
    drawing = text_of(viewer.get(f"{instance_url()}drawing"))
    assert drawing.count("<path") == 4 and 'viewBox="0 0 60 60"' in drawing
    ingest_datasets(make_waveform(make_group(np.zeros((10, 1), np.int16), "0"), SOPInstanceUID="1.2.9"))
    broken = viewer.get(f"{url_of(Instance.objects.get(sop_instance_uid='1.2.9'))}drawing")
    assert "failed: there is no waveform" in text_of(broken) and "no-store" in broken.headers["Cache-Control"]


def test_grids_show_drawings_layers_and_lines(viewer: Client) -> None:
    plan = make_object(
        PLAN, Modality="RTPLAN", RTPlanLabel="Plan <b>", SOPInstanceUID="1.2.7", SeriesInstanceUID="1.2.6"
    )
    ingest_datasets(make_segmentation(), plan)
    assert 'layers?small"' in text_of(viewer.get(url_of(Instance.objects.get(sop_class_uid=SEG).series)))
    row = Instance.objects.get(sop_instance_uid="1.2.7")
    assert 'drawing"' in text_of(viewer.get(url_of(row.series)))
    assert "Plan &lt;b&gt;" in text_of(viewer.get(f"{url_of(row)}drawing"))
    assert viewer.get(f"{PAGE}layers?small").status_code == 200


@pytest.mark.parametrize("tail", ["66.4", "481.3", "481.2", "9.1.1", "104.1", "481.5", "66"])
def test_an_object_whose_file_is_gone_says_so(viewer: Client, tail: str) -> None:
    from pacsbrowser.archive import storage

    ingest_datasets(make_object(CLASS + tail))
    storage.blob_path(Instance.objects.get().blob).unlink()
    page = viewer.get(PAGE)
    assert page.status_code == 200 and "It is not in the store" in text_of(page)
    for name in ("document", "document/1", "video", "sound/1"):
        assert viewer.get(f"{PAGE}{name}").status_code == 404
    for name in ("drawing", "layers"):
        answer = viewer.get(f"{PAGE}{name}")
        assert answer.status_code == 404 or "No preview" in text_of(answer)
