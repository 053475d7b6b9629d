"""Pages of an encapsulated PDF as pictures, drawn by PDFium.

Run only inside a decoder process (`decoder`), with its limits on memory and time: PDFium is written in C++ and is fed
by strangers here. Its wheels have no JavaScript engine and no XFA.
"""

import io
from typing import BinaryIO

import pypdfium2

from pacsbrowser.dicom.encapsulated import NoDocument, find_document

MOST_BYTES = 128 << 20
MOST_SIDE = 4_000
MOST_PAGES = 10_000


def render_page(file: BinaryIO, page: int, width: int) -> tuple[bytes, int, int, int]:
    """Return page `page` (from 0) as PNG so many pixels wide, its width and height, and the number of pages.

    Raises:
        NoDocument: there is no PDF, or none that can be read, or it has no such page.
    """
    value = find_document(file)
    if value.length > MOST_BYTES:
        raise NoDocument("The document is too long to be drawn.")
    data = b"".join(value.read())
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise NoDocument(f"The PDF cannot be opened: {' '.join(str(error).split())[:200]}") from error
    count = min(len(document), MOST_PAGES)
    if not 0 <= page < count:
        raise NoDocument(f"The PDF has {count:,} pages; there is no page {page + 1:,}.")
    sheet = document[page]
    across, down = sheet.get_size()
    if across <= 0 or down <= 0:
        raise NoDocument(f"Page {page + 1:,} of the PDF has no size.")
    scale = min(width / across, MOST_SIDE / down)
    image = sheet.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue(), image.width, image.height, count
