"""Pages of PDFs and layered pictures: made by the decoder processes, kept as other pictures are."""

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

from pacsbrowser.archive import storage
from pacsbrowser.archive.derived import pictures
from pacsbrowser.archive.models import Blob
from pacsbrowser.dicom.decoder import Source
from pacsbrowser.dicom.render import Viewport

_FORMAT = 2  # raise it when pictures come out otherwise than before


def page_key(blob: Blob, page: int, width: int) -> str:
    """Return the name of the picture of a page."""
    return _name("page", bytes(blob.sha256).hex(), page, width)


def page_picture(blob: Blob, page: int, width: int) -> bytes:
    """Return page `page` (from 0) of the PDF in a file as PNG of that width.

    Raises:
        DecodingError: it cannot be drawn.
    """
    key = page_key(blob, page, width)
    kept = pictures.read_kept(key)
    if kept is not None:
        return kept
    made = pictures.decoders().document_page(storage.blob_path(blob), page, width).data
    pictures.keep(key, made)
    return made


def layered_key(below: Source | None, layers: list[Source], viewport: Viewport) -> str:
    """Return the name of a layered picture. The sources have paths of the store, which are named by digests."""
    return _name("layers", below and asdict(below), [asdict(layer) for layer in layers], repr(viewport))


def layered_picture(below: Source | None, layers: list[Source], viewport: Viewport) -> bytes:
    """Return a picture with coloured layers over it, or the layers alone over black, as WebP.

    Args:
        below, layers: with paths relative to the store, as `Blob.path` has them.

    Raises:
        DecodingError: it cannot be drawn.
    """
    key = layered_key(below, layers, viewport)
    kept = pictures.read_kept(key)
    if kept is not None:
        return kept
    sources = [_in_store(layer) for layer in layers]
    made = pictures.decoders().layers(below and _in_store(below), sources, "image/webp", viewport).data
    pictures.keep(key, made)
    return made


def _in_store(source: Source) -> Source:
    return replace(source, path=str(storage.store_folder() / Path(source.path)))


def _name(*parts: object) -> str:
    return hashlib.sha256(json.dumps([_FORMAT, *parts]).encode()).hexdigest()[:48]
