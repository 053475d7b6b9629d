"""Documents in objects: told by their bytes, read with bounds; CDA without entities; PDF pages; models."""

import io
import struct
from pathlib import Path

import pytest

from pacsbrowser.dicom.cda import NotReadable, parse_cda
from pacsbrowser.dicom.data_item import read_object
from pacsbrowser.dicom.decoder import DecoderPool, DecodingError
from pacsbrowser.dicom.encapsulated import (
    MP4,
    OBJ,
    OTHER,
    PDF,
    TRANSPORT_STREAM,
    XML,
    NoDocument,
    document_form,
    find_document,
    parse_document,
    video_form,
)
from pacsbrowser.dicom.stl import parse_stl
from tests.datasets import make_dataset

PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
CDA = b"""<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>Discharge &lt;b&gt;</title>
<component><structuredBody><component><section><title>Findings</title><text>Before
 <paragraph>One <content>bold</content> line</paragraph><list><item>First</item><item>Second</item></list>
 <table><thead><tr><th>Test</th><th>Result</th></tr></thead><tbody><tr><td>Na</td><td>140</td></tr></tbody></table>
</text><component><section><title>Inner</title><text>Deep</text></section></component></section></component>
</structuredBody></component></ClinicalDocument>"""


def make_pdf(pages: int = 2, box: str = "0 0 300 200", content: bytes = b"1 0 0 rg 50 50 100 100 re f") -> bytes:
    """Return a PDF with the same drawing on each page."""
    kids = " ".join(f"{4 + number} 0 R" for number in range(pages))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {pages}>>".encode()]
    objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    objects += [f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents 3 0 R>>".encode()] * pages
    body, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer<</Size %d/Root 1 0 R>>startxref\n%d\n%%%%EOF" % (len(objects) + 1, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


def make_document(content: bytes, mime: str = "application/pdf", sop_class: str = PDF_CLASS, study: int = 1) -> bytes:
    """Return an object that holds a document."""
    from tests.datasets import ROOT

    return make_dataset(
        SOPClassUID=sop_class, Modality="DOC", PixelData=None, Rows=None, Columns=None, DocumentTitle="<b>Report</b>",
        MIMETypeOfEncapsulatedDocument=mime, EncapsulatedDocument=content + b"\0" * (len(content) % 2),
        EncapsulatedDocumentLength=len(content), StudyInstanceUID=f"{ROOT}.{study}",
        SeriesInstanceUID=f"{ROOT}.{study}.1", SOPInstanceUID=f"{ROOT}.{study}.1.1",
    )  # fmt: skip


def test_a_document_is_what_its_bytes_say() -> None:
    assert document_form(b"%PDF-1.7", "text/html") == PDF
    assert document_form(b"<html><script>", "application/pdf") == OTHER
    assert document_form(b"\xef\xbb\xbf<?xml version", "text/XML") == XML
    assert document_form(b"o cube\nv 0 0 0", "model/obj") == OBJ
    assert document_form(b"\0\0\0\0", "text/html") == OTHER
    assert video_form(b"\0\0\0\x20ftypisom") == MP4
    assert video_form((b"\x47" + b"\0" * 187) * 2) == TRANSPORT_STREAM


def test_padding_is_no_part_of_a_document() -> None:
    file = io.BytesIO(make_document(b"%PDF-1.4 odd length"))
    document = parse_document(read_object(file), find_document(file))
    assert (document.form, document.length) == (PDF, 19)
    with pytest.raises(NoDocument, match="missing"):
        find_document(io.BytesIO(make_dataset()))


def test_cda_becomes_titles_paragraphs_items_and_tables() -> None:
    document = parse_cda(CDA + b"\0")
    assert document.title == "Discharge <b>"
    findings, inner = document.sections
    assert [(block.kind, block.text) for block in findings.blocks[:4]] == [
        ("paragraph", "Before"), ("paragraph", "One bold line"), ("item", "First"), ("item", "Second"),
    ]  # fmt: skip
    assert findings.blocks[4].rows == [["Test", "Result"], ["Na", "140"]]
    assert (inner.title, inner.level, inner.blocks[0].text) == ("Inner", 2, "Deep")


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>" * 300 + b"</a>" * 300,
        b"<a><b></a>",
        b"not xml at all",
        b"<a/>" + b" " * (5 << 20) + b"x",
        b'<?xml version="1.0" encoding="hex"?><a/>',
        b'<?xml version="1.0" encoding="nowhere"?><a/>',
    ],
)
def test_hostile_xml_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(NotReadable):
        parse_cda(data)


@pytest.fixture(scope="module")
def pool() -> object:
    made = DecoderPool(1, seconds=3)
    yield made
    made.close()


def _page(pool: DecoderPool, folder: Path, pdf: bytes, page: int = 0, width: int = 150) -> object:
    path = folder / "one.dcm"
    path.write_bytes(make_document(pdf))
    return pool.document_page(path, page, width)


def test_pages_of_a_pdf_are_drawn(pool: DecoderPool, tmp_path: Path) -> None:
    from PIL import Image

    page = _page(pool, tmp_path, make_pdf(), 1)
    assert (page.width, page.height, page.pages) == (150, 100, 2)  # type: ignore[attr-defined]
    picture = Image.open(io.BytesIO(page.data))  # type: ignore[attr-defined]
    assert picture.getpixel((50, 50)) == (255, 0, 0) and picture.getpixel((5, 5)) == (255, 255, 255)


def test_hostile_pdfs_are_refused_and_the_next_is_drawn(pool: DecoderPool, tmp_path: Path) -> None:
    endless = make_pdf(1, content=b"q " * 2_000_000)
    for pdf in (b"%PDF-1.4 nothing", make_pdf(1, box="0 0 0 0")[:200], b"%PDF" * 100):
        with pytest.raises(DecodingError):
            _page(pool, tmp_path, pdf)
    with pytest.raises(DecodingError, match="no page 3"):
        _page(pool, tmp_path, make_pdf(), 2)
    for pdf in (make_pdf(1, box="0 0 1 1000000000"), make_pdf(1, box="0 0 1e30 1e30"), endless):
        try:
            page = _page(pool, tmp_path, pdf)
        except DecodingError:
            continue
        assert page.height <= 4000 and page.width <= 4000  # type: ignore[attr-defined]
    assert _page(pool, tmp_path, make_pdf()).pages == 2  # type: ignore[attr-defined]


def test_models_are_measured_and_drawn() -> None:
    facet = struct.pack("<12fH", 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0)
    model = parse_stl(bytes(80) + struct.pack("<I", 2) + facet * 2)
    assert model is not None and model.triangles == 2 and model.size == (1, 2, 0) and len(model.drawn) == 2
    text = b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 3 0\nendloop\nendfacet\n"
    model = parse_stl(text)
    assert model is not None and model.size == (1, 3, 0)
    for hostile in (b"", b"solid", bytes(84), bytes(80) + b"\xff" * 4, b"solid vertex 1 x 2",
                    bytes(80) + struct.pack("<I", 1) + b"\xff" * 50):  # fmt: skip
        assert parse_stl(hostile) is None
