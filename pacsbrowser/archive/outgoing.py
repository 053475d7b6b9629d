"""Objects on their way out: as they are stored, or as Explicit VR Little Endian, as a Part 10 file that is a stream."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BytesIO
from struct import pack
from typing import BinaryIO

from pacsbrowser.archive import storage
from pacsbrowser.archive.derived.pictures import samples
from pacsbrowser.archive.models import Blob, Instance
from pacsbrowser.dicom.decoder import DecodingError, Samples
from pacsbrowser.dicom.elements import EXPLICIT_LITTLE
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.file_meta import make_file_meta
from pacsbrowser.dicom.frames import BadPixels, NoPixels, PixelLayout, read_pixel_layout
from pacsbrowser.dicom.part10 import DEFLATED_UIDS, EXPLICIT_UID, Layout, find_dataset_start, locate_data_set
from pacsbrowser.dicom.reencode import (
    Head,
    NativePixels,
    element_head,
    implicit_head,
    write_explicit,
    write_implicit,
)
from pacsbrowser.dicom.transfer_syntaxes import NATIVE
from pacsbrowser.dicom.window import inflated_pieces

CHUNK = 1 << 20
_MOST_NATIVE = 0xFFFFFFFE  # the longest value of an element


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An object to send. `is_file`: the pieces are the stored file, of which parts can be asked for."""

    transfer_syntax_uid: str
    pieces: Iterator[bytes]
    length: int | None = None
    is_file: bool = False


def stored_object(instance: Instance) -> Outgoing:
    """Return an object as it was received; one without the head of a file gets one.

    Raises:
        OSError: the file cannot be read.
        DicomError: it is not DICOM any more.
    """
    with _opened(instance.blob) as file:
        return _as_it_is(instance, locate_data_set(file), file)


def _opened(blob: Blob) -> AbstractContextManager[BinaryIO]:
    """Open a stored file; a small one is read at once, so that it need not be opened again to be sent."""
    return BytesIO(storage.read_blob(blob, 0, blob.size)) if blob.size <= CHUNK else storage.open_blob(blob)


def _as_it_is(instance: Instance, layout: Layout, file: BinaryIO) -> Outgoing:
    syntax, blob = layout.transfer_syntax_uid, instance.blob
    small = file.getvalue() if isinstance(file, BytesIO) else None
    if layout.meta and layout.meta_start == 132:
        pieces = blob_pieces(blob) if small is None else iter((small,))
        return Outgoing(syntax, pieces, blob.size, is_file=True)
    pieces = blob_pieces(blob, layout.offset) if small is None else iter((small[layout.offset :],))
    return Outgoing(syntax, _joined(_head(instance, syntax), pieces))


def explicit_object(instance: Instance) -> Outgoing:
    """Return an object in Explicit VR Little Endian, decompressed where it is compressed.

    The first frame is decoded before this returns: an object that cannot be decoded is known before it is sent.

    Raises:
        OSError, DicomError: the file cannot be read.
        DecodingError: its pixels cannot be decoded.
    """
    blob = instance.blob
    with _opened(blob) as file:
        layout = locate_data_set(file)
        syntax = layout.transfer_syntax_uid
        if syntax == EXPLICIT_UID and layout.encoding == EXPLICIT_LITTLE:
            return _as_it_is(instance, layout, file)
        pixels = None if syntax in NATIVE else _compressed_pixels(file)
    head = _head(instance, EXPLICIT_UID)
    if pixels is None:
        return Outgoing(EXPLICIT_UID, _joined(head, _rewritten(blob)))
    first = samples(blob, 0)
    native = _native_pixels(blob, pixels, first)
    return Outgoing(EXPLICIT_UID, _joined(head, _rewritten(blob, native, _changed_elements(first, pixels))))


def stored_data_set(instance: Instance) -> tuple[str, Iterator[bytes]]:
    """Return the transfer syntax and the bytes of the data set as it was received, without the head of a file.

    Raises:
        OSError: the file cannot be read.
        DicomError: it is not DICOM any more.
    """
    with storage.open_blob(instance.blob) as file:
        layout = locate_data_set(file)
    return layout.transfer_syntax_uid, blob_pieces(instance.blob, layout.offset)


def explicit_data_set(instance: Instance) -> Iterator[bytes]:
    """Yield the data set of an object in Explicit VR Little Endian, decompressed where it is compressed.

    Raises:
        OSError, DicomError: the file cannot be read.
        DecodingError: its pixels cannot be decoded. For the first frame this is known before anything is yielded.
    """
    pieces = explicit_object(instance).pieces
    head = next(pieces)
    start = find_dataset_start(head)
    return _joined(head[start[0] :] if start else b"", pieces)


def implicit_data_set(instance: Instance) -> Iterator[bytes]:
    """Yield the data set of an object in Implicit VR Little Endian, decompressed where it is compressed.

    Raises:
        OSError, DicomError, DecodingError: as of `explicit_data_set`.
    """
    blob = instance.blob
    with storage.open_blob(blob) as file:
        layout = locate_data_set(file)
        pixels = None if layout.transfer_syntax_uid in NATIVE else _compressed_pixels(file)
    if pixels is None:
        return _implicit(blob)
    first = samples(blob, 0)
    return _implicit(blob, _native_pixels(blob, pixels, first), _changed_elements(first, pixels, implicit_head))


def _implicit(
    blob: Blob, native: NativePixels | None = None, changed: dict[int, bytes] | None = None
) -> Iterator[bytes]:
    with storage.open_blob(blob) as file:
        yield from write_implicit(locate_data_set(file), native, changed)


def _rewritten(
    blob: Blob, native: NativePixels | None = None, changed: dict[int, bytes] | None = None
) -> Iterator[bytes]:
    with storage.open_blob(blob) as file:
        layout = locate_data_set(file)
        if native is None and layout.transfer_syntax_uid in DEFLATED_UIDS:
            yield from inflated_pieces(file, layout.offset)
        else:
            yield from write_explicit(layout, native, changed)


def _compressed_pixels(file: BinaryIO) -> PixelLayout | None:
    """Return what has to be decoded, None where the pixels, if any, are not compressed."""
    try:
        pixels, _ = read_pixel_layout(file)
    except NoPixels:
        return None
    if not pixels.is_encapsulated:
        return None
    if len(pixels.segments) < pixels.frames:
        raise BadPixels(f"The pixel data holds {len(pixels.segments):,} of {pixels.frames:,} frames.")
    return pixels


def _native_pixels(blob: Blob, pixels: PixelLayout, first: Samples) -> NativePixels:
    length = len(first.data) * pixels.frames
    if length > _MOST_NATIVE:
        raise BadPixels("Decompressed, the pixel data would be longer than 4 GiB, the most that an element can hold.")

    def frames() -> Iterator[bytes]:
        yield first.data
        for number in range(1, pixels.frames):
            data = samples(blob, number).data
            if len(data) != len(first.data):
                raise DecodingError("bad_pixels", f"decoding frame {number + 1}", "Its size is another.")
            yield data

    return NativePixels("OW" if first.bits_allocated > 8 else "OB", length, frames)


def _changed_elements(first: Samples, pixels: PixelLayout, head: Head = element_head) -> dict[int, bytes]:
    """Return the attributes of the Image Pixel module (PS3.3 C.7.6.3) that decoding has changed."""
    changed = {}
    if first.photometric != pixels.photometric:
        text = first.photometric.encode("ascii", "replace")
        text += b" " * (len(text) & 1)
        changed[0x00280004] = head(0x00280004, "CS", len(text)) + text
    if first.samples != pixels.samples:
        changed[0x00280002] = head(0x00280002, "US", 2) + pack("<H", first.samples)
    if pixels.sign != pixels.header_sign:
        changed[0x00280103] = head(0x00280103, "US", 2) + pack("<H", pixels.sign)
    if first.bits_allocated != pixels.bits_allocated:
        changed[0x00280100] = head(0x00280100, "US", 2) + pack("<H", first.bits_allocated)
    return changed


def blob_pieces(blob: Blob, first: int = 0, last: int | None = None) -> Iterator[bytes]:
    """Yield a stored file from `first` to `last` (to its end)."""
    with storage.open_blob(blob) as file:
        file.seek(first)
        left = blob.size - first if last is None else last - first + 1
        while left > 0 and (piece := file.read(min(CHUNK, left))):
            left -= len(piece)
            yield piece


def _head(instance: Instance, transfer_syntax_uid: str) -> bytes:
    return make_file_meta(instance.sop_class_uid, instance.sop_instance_uid, transfer_syntax_uid)


def _joined(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


__all__ = [
    "DecodingError",
    "DicomError",
    "Outgoing",
    "blob_pieces",
    "explicit_data_set",
    "explicit_object",
    "implicit_data_set",
    "stored_data_set",
    "stored_object",
]
