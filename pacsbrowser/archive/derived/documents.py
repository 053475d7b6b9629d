"""Pages of PDFs as pictures: made by the decoder processes, kept as other pictures are."""

from pacsbrowser.archive import storage
from pacsbrowser.archive.derived import pictures
from pacsbrowser.archive.models import Blob

_FORMAT = 2  # raise it when pictures come out otherwise than before


def page_key(blob: Blob, page: int, width: int) -> str:
    """Return the name of the picture of a page."""
    return pictures.name_of("page", _FORMAT, bytes(blob.sha256).hex(), page, width)


def page_picture(blob: Blob, page: int, width: int) -> bytes:
    """Return page `page` (from 0) of the PDF in a file as PNG of that width.

    Raises:
        DecodingError: it cannot be drawn.
    """
    return pictures.kept_or_made(
        page_key(blob, page, width),
        lambda: pictures.decoders().document_page(storage.blob_path(blob), page, width).data,
    )
