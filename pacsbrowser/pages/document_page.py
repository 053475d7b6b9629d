"""What the page of a document or video shows: a PDF in the browser's reader, CDA as text, a video in its player.

What a browser cannot show is offered for download, with the reason.
"""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from pacsbrowser.archive import storage
from pacsbrowser.archive.frames import pixel_layout
from pacsbrowser.dicom.cda import ClinicalDocument, NotReadable, parse_cda
from pacsbrowser.dicom.data_item import DataItem, read_object
from pacsbrowser.dicom.encapsulated import (
    DOCUMENT_TAG,
    MP4,
    PDF,
    STL,
    XML,
    Form,
    find_document,
    parse_document,
    video_form,
)
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.stl import parse_stl
from pacsbrowser.dicom.uids import transfer_syntax_name
from pacsbrowser.pages.attribute_tables import Fact, facts_of
from pacsbrowser.pages.lookup import InstancePlace
from pacsbrowser.pages.presentation import Presentation

STYLE = "css/presentations.css"
SOURCE_SHOWN = 100_000  # characters of a document's source
MODEL_BYTES = 64 << 20
_FACTS = (
    ("Title", "DocumentTitle"), ("Kind of document", "ConceptNameCodeSequence"), ("Content date", "ContentDate"),
    ("Declared as", "MIMETypeOfEncapsulatedDocument"), ("Verification", "VerificationFlag"),
    ("HL7 identifier", "HL7InstanceIdentifier"), ("Burned-in annotation", "BurnedInAnnotation"),
    ("Units", "MeasurementUnitsCodeSequence"), ("Manufacturer", "Manufacturer"),
    ("Model", "ManufacturerModelName"),
)  # fmt: skip
_VIDEO_FACTS = (
    ("Frame rate, Hz", "CineRate"), ("Frame time, ms", "FrameTime"),
    ("Recommended display rate, Hz", "RecommendedDisplayFrameRate"), ("Lossy compression", "LossyImageCompression"),
    ("Compression ratio", "LossyImageCompressionRatio"), ("Method", "LossyImageCompressionMethod"),
    ("Acquired", "AcquisitionDateTime"), ("Manufacturer", "Manufacturer"), ("Model", "ManufacturerModelName"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """A document as text: its readable part, or why there is none; and the start of its source."""

    clinical: ClinicalDocument | None
    problem: str
    source: str
    is_cut: bool


def present_document(place: InstancePlace, query: QueryDict) -> Presentation:
    """Return what shows an encapsulated document."""
    shown: dict[str, Any] = {}
    try:
        with storage.open_blob(place.instance.blob) as file:
            dataset = read_object(file, frozenset((DOCUMENT_TAG,)))
            shown["facts"] = facts_of(dataset, _FACTS)
            value = find_document(file)
            document = parse_document(dataset, value)
            shown |= {"document": document, "is_pdf": document.form == PDF}
            if document.form == XML:
                shown["text"] = text_of(b"".join(value.read(0, min(document.length, 8 << 20) - 1)))
            elif document.form == STL and document.length <= MODEL_BYTES:
                shown["model"] = parse_stl(b"".join(value.read(0, document.length - 1)))
    except DicomError as error:
        shown["problem"] = error.reason
    return Presentation("document.html", shown, STYLE)


def text_of(data: bytes) -> Text:
    """Return an XML document as people can read it."""
    source = data[: SOURCE_SHOWN * 4].decode("utf-8", "replace").rstrip("\0 ")
    clinical, problem = None, ""
    try:
        clinical = parse_cda(data)
    except NotReadable as error:
        problem = str(error)
    return Text(clinical, problem, source[:SOURCE_SHOWN], len(source) > SOURCE_SHOWN)


def present_video(place: InstancePlace, query: QueryDict) -> Presentation:
    """Return the player of a video, or why a browser has none for it."""
    instance = place.instance
    shown: dict[str, Any] = {"codec": transfer_syntax_name(instance.transfer_syntax_uid)}
    try:
        with storage.open_blob(instance.blob) as file:
            dataset = read_object(file)
            pixels, _ = pixel_layout(instance.blob)
            segments = [segment for frame in pixels.segments for segment in frame]
            if segments:
                file.seek(segments[0][0])
                form = video_form(file.read(256))
                shown |= {"form": form, "plays": form == MP4, "reason": _why_not(form)}
            shown["length"] = sum(length for _, length in segments)
            shown["facts"] = [*_measures(dataset, place), *facts_of(dataset, _VIDEO_FACTS)]
    except DicomError as error:
        shown["problem"] = error.reason
    return Presentation("video.html", shown, STYLE)


def _measures(dataset: DataItem, place: InstancePlace) -> list[Fact]:
    instance = place.instance
    found = [Fact("Frames", f"{instance.number_of_frames:,}"), Fact("Size", f"{instance.columns} × {instance.rows}")]
    frame_time = dataset.number("FrameTime")
    if frame_time and frame_time > 0:
        found.append(Fact("Duration", f"{instance.number_of_frames * frame_time / 1000:.4g} s"))
    return found


def _why_not(form: Form) -> str:
    """Return why a browser does not play a form, '' for one that it may play."""
    if form == MP4:
        return ""
    return f"It is a {form.name}; browsers play MP4 files only. Saved, any video player shows it."
