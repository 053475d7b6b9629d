"""What the instance page shows: attributes, file, provenance, references both ways, copies, findings, the header."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from pacsbrowser.archive import browsing, references, storage
from pacsbrowser.archive.models import Copy, Instance
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.findings import HeaderFinding
from pacsbrowser.dicom.header import read_header
from pacsbrowser.dicom.values import date_text, parse_decimals, time_text
from pacsbrowser.pages.attribute_tables import flag_text
from pacsbrowser.pages.lookup import InstancePlace
from pacsbrowser.pages.presentations import presentation_of
from pacsbrowser.pages.study_page import banner, findings_context
from pacsbrowser.pages.tags import tags_context
from pacsbrowser.pages.thumbs import picture

# A page looks at the header this far; what ingest found beyond stands among the findings of the object.
MOST_ELEMENTS = 100_000

# Attributes of the header worth a place above the tag table: label, keyword, tag.
HIGHLIGHTS = (
    ("Image type", "ImageType", "(0008,0008)"),
    ("Acquisition number", "AcquisitionNumber", "(0020,0012)"),
    ("Position, mm", "ImagePositionPatient", "(0020,0032)"),
    ("Photometric interpretation", "PhotometricInterpretation", "(0028,0004)"),
    ("Comments", "ImageComments", "(0020,4000)"),
    ("Document title", "DocumentTitle", "(0042,0010)"),
    ("Completion", "CompletionFlag", "(0040,A491)"),
    ("Verification", "VerificationFlag", "(0040,A493)"),
    ("Content label", "ContentLabel", "(0070,0080)"),
    ("Content description", "ContentDescription", "(0070,0081)"),
    ("Burned-in annotation", "BurnedInAnnotation", "(0028,0301)"),
    ("Lossy compression", "LossyImageCompression", "(0028,2110)"),
)


@dataclass(frozen=True, slots=True)
class Highlight:
    """An attribute of the header with its label and tag."""

    label: str
    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class HeaderSummary:
    """What the file itself says, read now: some attributes, its findings, or why it cannot be read."""

    highlights: tuple[Highlight, ...] = ()
    findings: tuple[HeaderFinding, ...] = ()
    acquired: str = ""
    problem: str = ""


def context(place: InstancePlace, query: QueryDict) -> dict[str, Any]:
    """Return the context of an instance's page."""
    instance = place.instance
    previous, following = browsing.neighbours_of_instance(instance)
    copies = list(Copy.objects.filter(instance=instance).select_related("blob", "delivery").order_by("pk"))
    return {
        "place": place,
        "patient": place.patient,
        "study": place.study,
        "series": place.series,
        "instance": instance,
        "previous": previous,
        "following": following,
        "copies": copies,
        "has_conflict": any(copy.kind == Copy.Kind.CONFLICT for copy in copies),
        "refers_to": references.references_of_instance(instance, place.scope),
        "referred_by": references.referrers_of_instance(instance, place.scope),
        "header": summary(instance),
        "presentation": presentation_of(place, query),
        "picture": picture(instance, place.series, place),
        **tags_context(place, query),
        **banner(place),
        **findings_context(place),
    }


def summary(instance: Instance) -> HeaderSummary:
    """Read the header of the file again for what the index does not hold."""
    try:
        with storage.open_blob(instance.blob) as file:
            header = read_header(file, MOST_ELEMENTS)
    except FileNotFoundError:
        return HeaderSummary(problem="It is not in the store. An administrator can check the archive.")
    except (DicomError, OSError) as error:
        return HeaderSummary(problem=getattr(error, "reason", "Reading it ended with an input or output error."))
    values = header.values
    shown = (Highlight(label, tag, _shown(keyword, values.get(keyword, ""))) for label, keyword, tag in HIGHLIGHTS)
    return HeaderSummary(tuple(one for one in shown if one.value), header.findings, _acquired(values))


def _shown(keyword: str, value: str) -> str:
    if keyword == "ImagePositionPatient":
        return " / ".join(f"{number:.2f}".replace("-", "−") for number in parse_decimals(value)) or value
    return flag_text(keyword, value)


def _acquired(values: Mapping[str, str]) -> str:
    moment = values["AcquisitionDateTime"]
    date, time = (moment[:8], moment[8:]) if moment else (values["AcquisitionDate"], values["AcquisitionTime"])
    return " ".join(part for part in (date_text(date), time_text(time.split("+")[0], seconds=True)) if part)
