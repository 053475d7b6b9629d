"""Reports, key object selections and presentation states for tests, made by pydicom over a tiny CT series."""

from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    Comprehensive3DSRStorage,
    CTImageStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    XRayRadiationDoseSRStorage,
)

from tests.datasets import ROOT, save

CT_SERIES = f"{ROOT}.1.1"
MM = ("mm", "UCUM", "millimeter")


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return a coded concept."""
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def item(
    kind: str, name: tuple[str, str, str] | None, *children: Dataset, rel: str = "CONTAINS", **values: Any
) -> Dataset:
    """Return a content item; `values` are set by keyword."""
    made = Dataset()
    made.RelationshipType, made.ValueType = rel, kind
    if name:
        made.ConceptNameCodeSequence = [code(*name)]
    if kind == "CONTAINER":
        made.ContinuityOfContent = "SEPARATE"
    for keyword, value in values.items():
        setattr(made, keyword, value)
    if children:
        made.ContentSequence = Sequence(children)
    return made


def text(name: tuple[str, str, str], value: str, *children: Dataset, **more: Any) -> Dataset:
    """Return a TEXT item."""
    return item("TEXT", name, *children, TextValue=value, **more)


def coded(name: tuple[str, str, str], value: tuple[str, str, str], *children: Dataset, **more: Any) -> Dataset:
    """Return a CODE item."""
    return item("CODE", name, *children, ConceptCodeSequence=[code(*value)], **more)


def number(
    name: tuple[str, str, str], value: str, unit: tuple[str, str, str], *children: Dataset, **more: Any
) -> Dataset:
    """Return a NUM item; an empty value is a failed measurement."""
    made = item("NUM", name, *children, **more)
    if value:
        measured = Dataset()
        measured.NumericValue = value
        measured.MeasurementUnitsCodeSequence = [code(*unit)]
        made.MeasuredValueSequence = [measured]
    else:
        made.MeasuredValueSequence = []
        made.NumericValueQualifierCodeSequence = [code("114006", "DCM", "Measurement failure")]
    return made


def image(uid: str, rel: str = "SELECTED FROM", frames: list[int] | None = None, name: Any = None) -> Dataset:
    """Return an IMAGE item."""
    return item("IMAGE", name, rel=rel, ReferencedSOPSequence=[sop(uid, frames)])


def sop(uid: str, frames: list[int] | None = None, sop_class: str = CTImageStorage) -> Dataset:
    """Return an item that names an object."""
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = sop_class, uid
    if frames:
        made.ReferencedFrameNumber = frames
    return made


def region(shape: str, points: list[float], uid: str, rel: str = "CONTAINS") -> Dataset:
    """Return an SCOORD item over an image."""
    name = ("111030", "DCM", "Image Region")
    return item("SCOORD", name, image(uid), rel=rel, GraphicType=shape, GraphicData=points)


def document(
    sop_class: str, title: tuple[str, str, str], *children: Dataset, number: int = 1, **attributes: Any
) -> Dataset:
    """Return a structured report in the study of the CT series; `number` makes its UIDs."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPClassUID, made.SOPInstanceUID = sop_class, f"{ROOT}.1.9{number}.1"
    made.StudyInstanceUID, made.SeriesInstanceUID = f"{ROOT}.1", f"{ROOT}.1.9{number}"
    made.PatientID, made.PatientName = "P1", "Doe^Jane"
    made.StudyDate, made.StudyTime, made.StudyDescription, made.StudyID = "20240229", "101500", "CT head", "1"
    made.AccessionNumber, made.ReferringPhysicianName = "A1", "Ref^Erring"
    made.Modality, made.SeriesNumber, made.InstanceNumber = "SR", 90 + number, 1
    made.ContentDate, made.ContentTime = "20240229", "112000"
    made.CompletionFlag, made.VerificationFlag = "COMPLETE", "UNVERIFIED"
    made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
    made.ConceptNameCodeSequence = [code(*title)]
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    if children:
        made.ContentSequence = Sequence(children)
    return made


def evidence(*uids: str, series: str = CT_SERIES) -> Dataset:
    """Return the item of an evidence sequence that names these images."""
    made, within = Dataset(), Dataset()
    made.StudyInstanceUID, within.SeriesInstanceUID = f"{ROOT}.1", series
    within.ReferencedSOPSequence = [sop(uid) for uid in uids]
    made.ReferencedSeriesSequence = [within]
    return made


def measurement_report(**attributes: Any) -> bytes:
    """Return a TID 1500 report: two measurement groups over images 1, 2 and one that is not in the archive."""
    observer = Dataset()
    observer.VerifyingObserverName, observer.VerifyingOrganization = "Halvorsen^Ingrid", "Radiology"
    observer.VerificationDateTime = "20240229112000+0100"
    first = item(
        "CONTAINER", ("125007", "DCM", "Measurement Group"),
        text(("112039", "DCM", "Tracking Identifier"), "Nodule 1", rel="HAS OBS CONTEXT"),
        coded(("121071", "DCM", "Finding"), ("27925004", "SCT", "Nodule")),
        coded(("363698007", "SCT", "Finding Site"), ("45653009", "SCT", "Upper lobe of lung"), rel="HAS CONCEPT MOD"),
        region("ELLIPSE", [2, 4, 6, 4, 4, 3, 4, 5], f"{CT_SERIES}.1"),
        number(("103339001", "SCT", "Long axis"), "14.20", MM,
               coded(("370129005", "SCT", "Measurement Method"), ("M", "99X", "Manual"), rel="HAS CONCEPT MOD")),
        number(("103340004", "SCT", "Short axis"), "-1.8", MM),
        number(("118565006", "SCT", "Volume"), "", ("mm3", "UCUM", "cubic millimeter")),
    )  # fmt: skip
    second = item(
        "CONTAINER", ("125007", "DCM", "Measurement Group"),
        text(("112039", "DCM", "Tracking Identifier"), "Nodule 2", rel="HAS OBS CONTEXT"),
        number(("103339001", "SCT", "Long axis"), "5.0", MM,
               region("POLYLINE", [1, 1, 6, 1, 6, 6, 1, 1], f"{CT_SERIES}.2", rel="INFERRED FROM")),
        image(f"{ROOT}.8.8.8", rel="CONTAINS", name=("121324", "DCM", "Source image")),
    )  # fmt: skip
    solid = "Solid <script>alert(1)</script> nodule, larger than before. " * 4
    made = document(
        Comprehensive3DSRStorage, ("126000", "DCM", "Imaging Measurement Report"),
        item("PNAME", ("121008", "DCM", "Person Observer Name"), PersonName="Halvorsen^Ingrid", rel="HAS OBS CONTEXT"),
        item("CONTAINER", ("126010", "DCM", "Imaging Measurements"), first, second),
        item("CONTAINER", ("59776-5", "LN", "Findings"),
             text(("121071", "DCM", "Finding"), solid,
                  item("", None, rel="INFERRED FROM", ReferencedContentItemIdentifier=[1, 2, 1]))),
        item("CONTAINER", ("19005-8", "LN", "Impression"),
             text(("121073", "DCM", "Impression"), "Growing nodule."),
             item("DATE", ("111060", "DCM", "Study Date"), Date="20240229"),
             item("SCOORD3D", ("111030", "DCM", "Image Region"), GraphicType="POINT", GraphicData=[1.5, -20.0, 3.0],
                  ReferencedFrameOfReferenceUID=f"{ROOT}.7")),
        VerificationFlag="VERIFIED", VerifyingObserverSequence=[observer],
        CurrentRequestedProcedureEvidenceSequence=[evidence(f"{CT_SERIES}.1", f"{CT_SERIES}.2")],
        **attributes,
    )  # fmt: skip
    return save(made)


def dose_report(events: int = 3) -> bytes:
    """Return an RDSR of a CT (TID 10011) with this many events."""
    mgy, mgycm = ("mGy", "UCUM", "mGy"), ("mGy.cm", "UCUM", "mGy.cm")
    totals = item(
        "CONTAINER", ("113811", "DCM", "CT Accumulated Dose Data"),
        number(("113812", "DCM", "Total Number of Irradiation Events"), str(events), ("{events}", "UCUM", "events")),
        number(("113813", "DCM", "CT Dose Length Product Total"), "812.40", mgycm),
    )  # fmt: skip
    acquired = [
        item(
            "CONTAINER", ("113819", "DCM", "CT Acquisition"),
            text(("125203", "DCM", "Acquisition Protocol"), f"Thorax {place}"),
            coded(("123014", "DCM", "Target Region"), ("51185008", "SCT", "Chest")),
            coded(("113820", "DCM", "CT Acquisition Type"), ("116152004", "SCT", "Spiral Acquisition")),
            item("CONTAINER", ("113822", "DCM", "CT Acquisition Parameters"),
                 number(("113825", "DCM", "Scanning Length"), f"{300 + place}", MM),
                 item("CONTAINER", ("113831", "DCM", "CT X-Ray Source Parameters"),
                      number(("113733", "DCM", "KVP"), "120", ("kV", "UCUM", "kV")),
                      number(("113734", "DCM", "X-Ray Tube Current"), "210", ("mA", "UCUM", "mA")))),
            item("CONTAINER", ("113829", "DCM", "CT Dose"),
                 number(("113830", "DCM", "Mean CTDIvol"), f"{5 + place / 10:.2f}", mgy),
                 number(("113838", "DCM", "DLP"), f"{270 + place}", mgycm)),
        )
        for place in range(1, events + 1)
    ]  # fmt: skip
    title = ("113701", "DCM", "X-Ray Radiation Dose Report")
    return save(document(XRayRadiationDoseSRStorage, title, totals, *acquired, number=2))


def key_objects(*uids: str) -> bytes:
    """Return a key object selection of these images."""
    made = document(
        KeyObjectSelectionDocumentStorage, ("113000", "DCM", "Of Interest"),
        text(("113012", "DCM", "Key Object Description"), "Two images to look at"),
        *(image(uid, rel="CONTAINS") for uid in uids),
        number=3, Modality="KO", CurrentRequestedProcedureEvidenceSequence=[evidence(*uids)],
    )  # fmt: skip
    del made.CompletionFlag, made.VerificationFlag
    return save(made)


def presentation_state(*uids: str, **attributes: Any) -> bytes:
    """Return a greyscale presentation state with a window, a shutter, a turn, annotations and a displayed area."""
    made = document(GrayscaleSoftcopyPresentationStateStorage, ("1", "99X", "unused"), number=4, Modality="PR")
    for keyword in (
        "ConceptNameCodeSequence",
        "ValueType",
        "ContinuityOfContent",
        "CompletionFlag",
        "VerificationFlag",
    ):
        delattr(made, keyword)
    made.ContentLabel, made.ContentDescription, made.ContentCreatorName = "MARKED", "The lesion", "Halvorsen^Ingrid"
    made.PresentationCreationDate, made.PresentationCreationTime = "20240301", "093000"
    series = Dataset()
    series.SeriesInstanceUID = CT_SERIES
    series.ReferencedImageSequence = [sop(uid) for uid in uids]
    made.ReferencedSeriesSequence = [series]
    window = Dataset()
    window.WindowCenter, window.WindowWidth, window.WindowCenterWidthExplanation = "40", "400", "SOFT TISSUE"
    made.SoftcopyVOILUTSequence = [window]
    made.PresentationLUTShape = "INVERSE"
    made.ImageRotation, made.ImageHorizontalFlip = 90, "N"
    made.ShutterShape, made.ShutterPresentationValue = ["RECTANGULAR", "CIRCULAR"], 0
    made.ShutterLeftVerticalEdge, made.ShutterRightVerticalEdge = 1, 8
    made.ShutterUpperHorizontalEdge, made.ShutterLowerHorizontalEdge = 2, 7
    made.CenterOfCircularShutter, made.RadiusOfCircularShutter = [4, 4], 3
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner, area.DisplayedAreaBottomRightHandCorner = [1, 1], [8, 8]
    area.PresentationSizeMode, area.PresentationPixelSpacing = "SCALE TO FIT", [1, 1]
    made.DisplayedAreaSelectionSequence = [area]
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder, layer.GraphicLayerDescription = "MARKS", 1, "What was seen"
    made.GraphicLayerSequence = [layer]
    made.GraphicAnnotationSequence = [_annotation()]
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return save(made)


def _annotation() -> Dataset:
    made, words, drawn = Dataset(), Dataset(), Dataset()
    made.GraphicLayer = "MARKS"
    words.UnformattedTextValue = "Lesion <b>"
    words.AnchorPointAnnotationUnits, words.AnchorPoint, words.AnchorPointVisibility = "PIXEL", [3.0, 3.0], "Y"
    drawn.GraphicAnnotationUnits, drawn.GraphicDimensions = "PIXEL", 2
    drawn.GraphicType, drawn.GraphicFilled = "CIRCLE", "N"
    drawn.NumberOfGraphicPoints, drawn.GraphicData = 2, [4.0, 4.0, 6.0, 4.0]
    made.TextObjectSequence, made.GraphicObjectSequence = [words], [drawn]
    return made
