"""Documents and video inside objects (PS3.3 C.24.2, PS3.5 8.2.5 ff.): what they are by their own first bytes.

What a header claims is not believed: a page that called HTML a PDF would run a stranger's script.
"""

from dataclasses import dataclass
from typing import BinaryIO

from pacsbrowser.dicom.bulkdata import NoSuchValue, Value, find_value
from pacsbrowser.dicom.data_item import DataItem
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.part10 import open_data_set

DOCUMENT = "00420011"
DOCUMENT_TAG = 0x00420011
_SNIFFED = 1024


class NoDocument(DicomError):
    """The object holds no document, or not the one it should."""

    code = "no_document"


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of content: its media type, the ending of a file that holds it, and a word for people."""

    media_type: str
    ending: str
    name: str


PDF = Form("application/pdf", "pdf", "PDF")
XML = Form("application/xml", "xml", "XML document")
STL = Form("model/stl", "stl", "STL surface model")
OBJ = Form("model/obj", "obj", "OBJ surface model")
MTL = Form("model/mtl", "mtl", "MTL materials of a model")
VCF = Form("text/plain", "vcf", "VCF genomic data")
OTHER = Form("application/octet-stream", "bin", "document")
_CLAIMED = {form.media_type: form for form in (STL, OBJ, MTL)} | {
    "application/sla": STL, "model/x.stl-binary": STL, "text/vcf": VCF, "text/x-vcf": VCF,
}  # fmt: skip

MP4 = Form("video/mp4", "mp4", "MP4 file")
TRANSPORT_STREAM = Form("video/mp2t", "ts", "MPEG-2 transport stream")
PROGRAM_STREAM = Form("video/mpeg", "mpg", "MPEG program stream")
ELEMENTARY_STREAM = Form("video/mpeg", "mpv", "bare MPEG video stream")
UNKNOWN_VIDEO = Form("application/octet-stream", "bin", "stream of unknown form")


@dataclass(frozen=True, slots=True)
class Document:
    """An encapsulated document: what it is, its length without padding (0042,0015), and what it is declared as."""

    form: Form
    length: int
    claimed: str


def find_document(file: BinaryIO) -> Value:
    """Return where the document of an object is.

    Raises:
        NoDocument: there is none.
        DicomError: the file cannot be opened.
    """
    try:
        return find_value(open_data_set(file), DOCUMENT)
    except NoSuchValue:
        raise NoDocument("The object holds no document: (0042,0011) is missing.") from None


def parse_document(dataset: DataItem, value: Value) -> Document:
    """Return what a document is.

    Raises:
        NoDocument: it is empty.
    """
    if not value.length:
        raise NoDocument("The document in the object is empty.")
    head = b"".join(value.read(0, _SNIFFED - 1))
    declared = dataset.integer("EncapsulatedDocumentLength")
    length = declared if declared and 0 <= value.length - declared <= 1 else value.length
    claimed = dataset.text("MIMETypeOfEncapsulatedDocument")
    return Document(document_form(head, claimed), length, claimed)


def document_form(head: bytes, claimed: str) -> Form:
    """Tell the form of a document by its first bytes, and by its declared media type where bytes do not tell."""
    if b"%PDF-" in head:
        return PDF
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:5] in (b"<?xml", b"<Clin"):
        return XML
    if b"<" in head[:64] and "xml" in claimed.lower():
        return XML
    return _CLAIMED.get(claimed.strip().lower(), OTHER)


def video_form(head: bytes) -> Form:
    """Tell what a video stream is packed in (ISO/IEC 14496-12, 13818-1) by its first bytes."""
    if head[4:8] == b"ftyp":
        return MP4
    if head[:1] == b"\x47" and (len(head) <= 188 or head[188:189] == b"\x47"):
        return TRANSPORT_STREAM
    if head[4:5] == b"\x47" and head[196:197] == b"\x47":
        return TRANSPORT_STREAM
    if head[:4] == b"\0\0\1\xba":
        return PROGRAM_STREAM
    if head[:3] == b"\0\0\1" or head[:4] == b"\0\0\0\1":
        return ELEMENTARY_STREAM
    return UNKNOWN_VIDEO
