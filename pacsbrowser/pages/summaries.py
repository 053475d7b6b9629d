"""What matters of each kind of object that is no image and no report: facts and tables of items, declared as data.

Paths are keywords; before a dot stand sequences of which the first item counts, "#" counts items. The items of a table
are those of a sequence, "/" leads into each item's own sequence.
"""

from dataclasses import dataclass

from pacsbrowser.pages.attribute_tables import Column


@dataclass(frozen=True, slots=True)
class Listing:
    """A table: its title, the sequence, the columns."""

    title: str
    sequence: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Facts of an object, and its tables."""

    facts: tuple[tuple[str, str], ...]
    listings: tuple[Listing, ...] = ()


def _number(label: str, path: str, unit: str = "") -> Column:
    return Column(label, path, unit, True)


_MADE = (
    ("Label", "ContentLabel"), ("Description", "ContentDescription"), ("Creator", "ContentCreatorName"),
    ("Content date", "ContentDate"), ("Content time", "ContentTime"), ("Manufacturer", "Manufacturer"),
    ("Model", "ManufacturerModelName"),
)  # fmt: skip
_APPROVED = (
    ("Approval", "ApprovalStatus"), ("Reviewer", "ReviewerName"), ("Review date", "ReviewDate"),
    ("Manufacturer", "Manufacturer"), ("Planning system", "ManufacturerModelName"), ("Operator", "OperatorsName"),
)  # fmt: skip
_CONTROL, _ION = "ControlPointSequence", "IonControlPointSequence"


def _beams(title: str, sequence: str, points: str) -> Listing:
    return Listing(title, sequence, (
        _number("No.", "BeamNumber"), Column("Name", "BeamName"), Column("Description", "BeamDescription"),
        Column("Type", "BeamType"), Column("Radiation", "RadiationType"), Column("Delivery", "TreatmentDeliveryType"),
        Column("Machine", "TreatmentMachineName"), _number("Energy", f"{points}.NominalBeamEnergy"),
        _number("Gantry", f"{points}.GantryAngle", "°"),
        _number("Collimator", f"{points}.BeamLimitingDeviceAngle", "°"),
        _number("Couch", f"{points}.PatientSupportAngle", "°"), _number("SAD, mm", "SourceAxisDistance"),
        Column("Isocentre, mm", f"{points}.IsocenterPosition"), _number("Control points", "NumberOfControlPoints"),
        _number("Wedges", "NumberOfWedges"), _number("Final meterset weight", "FinalCumulativeMetersetWeight"),
    ))  # fmt: skip


_PLAN = Summary(
    (("Plan", "RTPlanLabel"), ("Name", "RTPlanName"), ("Description", "RTPlanDescription"), ("Date", "RTPlanDate"),
     ("Time", "RTPlanTime"), ("Intent", "PlanIntent"), ("Geometry", "RTPlanGeometry"), ("Sites", "TreatmentSites"),
     ("Prescription", "PrescriptionDescription"), ("Protocols", "TreatmentProtocols"), *_APPROVED),
    (
        Listing("Prescription and dose references", "DoseReferenceSequence", (
            _number("No.", "DoseReferenceNumber"), Column("Description", "DoseReferenceDescription"),
            Column("Type", "DoseReferenceType"), Column("Refers to", "DoseReferenceStructureType"),
            _number("Prescribed, Gy", "TargetPrescriptionDose"), _number("Minimum, Gy", "TargetMinimumDose"),
            _number("Maximum, Gy", "TargetMaximumDose"), _number("Organ limit, Gy", "OrganAtRiskLimitDose"),
            _number("Organ maximum, Gy", "OrganAtRiskMaximumDose"),
            _number("Delivery maximum, Gy", "DeliveryMaximumDose"),
            Column("Point, mm", "DoseReferencePointCoordinates"),
        )),
        Listing("Fractions", "FractionGroupSequence", (
            _number("Group", "FractionGroupNumber"), Column("Description", "FractionGroupDescription"),
            _number("Fractions planned", "NumberOfFractionsPlanned"), _number("Beams", "NumberOfBeams"),
            _number("Applications", "NumberOfBrachyApplicationSetups"),
            _number("Doses listed", "ReferencedDoseReferenceSequence#"),
        )),
        Listing("Dose of each beam in a fraction", "FractionGroupSequence/ReferencedBeamSequence", (
            _number("Beam", "ReferencedBeamNumber"), _number("Dose, Gy", "BeamDose"),
            _number("Meterset", "BeamMeterset"), Column("Point, mm", "BeamDoseSpecificationPoint"),
        )),
        _beams("Beams", "BeamSequence", _CONTROL),
        _beams("Ion beams", "IonBeamSequence", _ION),
        Listing("Applications of sources", "ApplicationSetupSequence", (
            _number("No.", "ApplicationSetupNumber"), Column("Type", "ApplicationSetupType"),
            Column("Name", "ApplicationSetupName"), _number("Total reference air kerma", "TotalReferenceAirKerma"),
            _number("Channels", "ChannelSequence#"),
        )),
        Listing("Patient setups", "PatientSetupSequence", (
            _number("No.", "PatientSetupNumber"), Column("Position", "PatientPosition"),
            Column("Technique", "SetupTechnique"), Column("Description", "SetupTechniqueDescription"),
        )),
    ),
)  # fmt: skip

_TREATED = (
    _number("Beam", "ReferencedBeamNumber"), Column("Name", "BeamName"), Column("Radiation", "RadiationType"),
    _number("Fraction", "CurrentFractionNumber"), Column("Ended", "TreatmentTerminationStatus"),
    Column("Verified", "TreatmentVerificationStatus"), _number("Meterset specified", "SpecifiedPrimaryMeterset"),
    _number("Meterset delivered", "DeliveredPrimaryMeterset"), _number("Control points", "NumberOfControlPoints"),
)  # fmt: skip
_RECORD = Summary(
    (("Treated on", "TreatmentDate"), ("At", "TreatmentTime"),
     ("Machine", "TreatmentMachineSequence.TreatmentMachineName"),
     ("Plan label", "RTPlanLabel"), ("Fraction group", "ReferencedFractionGroupNumber"),
     ("Fractions planned", "NumberOfFractionsPlanned"), ("Primary dosimeter", "PrimaryDosimeterUnit"), *_APPROVED),
    (
        Listing("Beams treated", "TreatmentSessionBeamSequence", _TREATED),
        Listing("Ion beams treated", "TreatmentSessionIonBeamSequence", _TREATED),
        Listing("Doses calculated", "CalculatedDoseReferenceSequence", (
            _number("Reference", "ReferencedDoseReferenceNumber"),
            Column("Description", "CalculatedDoseReferenceDescription"),
            _number("Dose, Gy", "CalculatedDoseReferenceDoseValue"),
        )),
        Listing("Doses measured", "MeasuredDoseReferenceSequence", (
            Column("Description", "MeasuredDoseDescription"), _number("Dose", "MeasuredDoseValue"),
            Column("Units", "DoseUnits"),
        )),
        Listing("Fractions so far", "FractionGroupSummarySequence", (
            Column("Type", "FractionGroupType"), _number("Planned", "NumberOfFractionsPlanned"),
            _number("Delivered", "NumberOfFractionsDelivered"),
        )),
    ),
)  # fmt: skip

_REGISTRATION = Summary(
    _MADE,
    (
        Listing("Deformation grids", "DeformableRegistrationSequence/DeformableRegistrationGridSequence", (
            Column("Dimensions", "GridDimensions"), Column("Resolution, mm", "GridResolution"),
            Column("Corner, mm", "ImagePositionPatient"), Column("Orientation", "ImageOrientationPatient"),
        )),
    ),
)  # fmt: skip

SUMMARIES: dict[str, Summary] = {
    "RT plan": _PLAN,
    "RT record": _RECORD,
    "RT image": Summary(
        (("Label", "RTImageLabel"), ("Name", "RTImageName"), ("Description", "RTImageDescription"),
         ("Type", "ImageType"), ("Plane", "RTImagePlane"), ("Machine", "RadiationMachineName"),
         ("Gantry, °", "GantryAngle"), ("Collimator, °", "BeamLimitingDeviceAngle"),
         ("Couch, °", "PatientSupportAngle"),
         ("SAD, mm", "RadiationMachineSAD"), ("SID, mm", "RTImageSID"), ("Pixel spacing, mm", "ImagePlanePixelSpacing"),
         ("Position, mm", "RTImagePosition"), ("Isocentre, mm", "IsocenterPosition"),
         ("Fraction", "FractionNumber"), ("Manufacturer", "Manufacturer")),
        (Listing("Exposures", "ExposureSequence", (
            _number("Beam", "ReferencedBeamNumber"), _number("kV", "KVP"), _number("ms", "ExposureTime"),
            _number("Meterset", "MetersetExposure"), _number("Gantry", "GantryAngle", "°"),
        )),),
    ),
    "registration": _REGISTRATION,
    "fiducials": Summary(_MADE, (
        Listing("Fiducials", "FiducialSetSequence/FiducialSequence", (
            Column("Identifier", "FiducialIdentifier"), Column("What", "FiducialIdentifierCodeSequence"),
            Column("Description", "FiducialDescription"), Column("Shape", "ShapeType"),
            _number("Points", "NumberOfContourPoints"), Column("Coordinates, mm", "ContourData"),
        )),
    )),
    "annotations": Summary((("Coordinates", "AnnotationCoordinateType"), *_MADE), (
        Listing("Groups of annotations", "AnnotationGroupSequence", (
            _number("No.", "AnnotationGroupNumber"), Column("Label", "AnnotationGroupLabel"),
            Column("Description", "AnnotationGroupDescription"),
            Column("Category", "AnnotationPropertyCategoryCodeSequence"),
            Column("Type", "AnnotationPropertyTypeCodeSequence"), Column("Shape", "GraphicType"),
            _number("Annotations", "NumberOfAnnotations"), Column("Made", "AnnotationGroupGenerationType"),
            Column("Algorithm", "AnnotationGroupAlgorithmIdentificationSequence.AlgorithmName"),
            _number("Measurements", "MeasurementsSequence#"),
        )),
    )),
    "tractography": Summary(_MADE, (
        Listing("Sets of tracks", "TrackSetSequence", (
            _number("No.", "TrackSetNumber"), Column("Label", "TrackSetLabel"),
            Column("Description", "TrackSetDescription"),
            Column("Anatomy", "TrackSetAnatomicalTypeCodeSequence"), _number("Tracks", "TrackSequence#"),
            Column("Diffusion model", "DiffusionModelCodeSequence"),
            Column("Algorithm", "TrackingAlgorithmIdentificationSequence.AlgorithmName"),
            _number("Measurements", "MeasurementsSequence#"),
        )),
    )),
    "surface": Summary(_MADE, (
        Listing("Surfaces", "SurfaceSequence", (
            _number("No.", "SurfaceNumber"), Column("Comments", "SurfaceComments"),
            _number("Points", "SurfacePointsSequence.NumberOfSurfacePoints"),
            Column("Kind", "RecommendedPresentationType"), Column("Closed", "FiniteVolume"),
            Column("Manifold", "Manifold"),
        )),
    )),
    "spectroscopy": Summary(
        (("Nucleus", "ResonantNucleus"), ("Transmitter, MHz", "TransmitterFrequency"), ("Width, Hz", "SpectralWidth"),
         ("Data", "DataRepresentation"), ("Domain", "SignalDomainColumns"), ("Points", "DataPointColumns"),
         ("Voxels across", "Columns"), ("Voxels down", "Rows"), ("Volume", "VolumeLocalizationTechnique"),
         ("Water-referenced phase", "WaterReferencedPhaseCorrection"), ("Field, T", "MagneticFieldStrength"),
         ("Manufacturer", "Manufacturer"), ("Model", "ManufacturerModelName"), ("Acquired", "AcquisitionDateTime")),
    ),
    "parametric map": Summary(
        (("Values", "SharedFunctionalGroupsSequence.RealWorldValueMappingSequence.LUTExplanation"), *_MADE),
        (Listing("What values mean", "SharedFunctionalGroupsSequence/RealWorldValueMappingSequence", (
            Column("Quantity", "LUTExplanation"), Column("Label", "LUTLabel"),
            Column("Units", "MeasurementUnitsCodeSequence"), _number("Slope", "RealWorldValueSlope"),
            _number("Intercept", "RealWorldValueIntercept"),
        )),),
    ),
    "value map": Summary(_MADE, (
        Listing("What values mean", "ReferencedImageRealWorldValueMappingSequence/RealWorldValueMappingSequence", (
            Column("Quantity", "LUTExplanation"), Column("Label", "LUTLabel"),
            Column("Units", "MeasurementUnitsCodeSequence"), _number("Slope", "RealWorldValueSlope"),
            _number("Intercept", "RealWorldValueIntercept"),
            _number("From", "RealWorldValueFirstValueMapped"), _number("To", "RealWorldValueLastValueMapped"),
        )),
    )),
}  # fmt: skip

RT_STRUCTURES = (
    ("Label", "StructureSetLabel"), ("Name", "StructureSetName"), ("Description", "StructureSetDescription"),
    ("Date", "StructureSetDate"), ("Time", "StructureSetTime"), *_APPROVED,
)  # fmt: skip
RT_DOSE = (
    ("Units", "DoseUnits"), ("Type", "DoseType"), ("Sum of", "DoseSummationType"), ("Comment", "DoseComment"),
    ("Tissue heterogeneity", "TissueHeterogeneityCorrection"), ("Spatial transform", "SpatialTransformOfDose"),
    ("Normalisation point, mm", "NormalizationPoint"), ("Pixel spacing, mm", "PixelSpacing"),
    ("Corner, mm", "ImagePositionPatient"), ("Scaling", "DoseGridScaling"), ("Manufacturer", "Manufacturer"),
    ("Planning system", "ManufacturerModelName"),
)  # fmt: skip
SEGMENTATION = (
    ("Kind", "SegmentationType"), ("Fractions are", "SegmentationFractionalType"), ("Overlap", "SegmentsOverlap"),
    *_MADE,
)  # fmt: skip
ANYTHING = (
    ("Image type", "ImageType"), ("Protocol", "ProtocolName"), ("Acquired", "AcquisitionDateTime"), *_MADE,
)  # fmt: skip
