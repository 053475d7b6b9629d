"""Objects on their way out: as they are stored, or as Explicit VR Little Endian, as a Part 10 file that is a stream."""

from collections.abc import Iterator
from dataclasses import dataclass
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
from pacsbrowser.dicom.part10 import EXPLICIT_UID, Layout, locate_data_set
from pacsbrowser.dicom.reencode import NativePixels, element_head, write_explicit
from pacsbrowser.dicom.transfer_syntaxes import NATIVE

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
    file = storage.open_blob(instance.blob)
    try:
        layout = locate_data_set(file)
    except BaseException:
        file.close()
        raise
    if layout.meta and layout.meta_start == 132:
        return Outgoing(layout.transfer_syntax_uid, file_pieces(file, 0), instance.blob.size, is_file=True)
    head = _head(instance, layout.transfer_syntax_uid)
    return Outgoing(layout.transfer_syntax_uid, _joined(head, file_pieces(file, layout.offset)))


def explicit_object(instance: Instance) -> Outgoing:
    """Return an object in Explicit VR Little Endian, decompressed where it is compressed.

    The first frame is decoded before this returns: an object that cannot be decoded is known before it is sent.

    Raises:
        OSError, DicomError: the file cannot be read.
        DecodingError: its pixels cannot be decoded.
    """
    file = storage.open_blob(instance.blob)
    try:
        layout = locate_data_set(file)
        if layout.transfer_syntax_uid == EXPLICIT_UID and layout.encoding == EXPLICIT_LITTLE:
            file.close()
            return stored_object(instance)
        head = _head(instance, EXPLICIT_UID)
        if layout.transfer_syntax_uid in NATIVE:
            return Outgoing(EXPLICIT_UID, _joined(head, _closing(file, write_explicit(layout))))
        return Outgoing(EXPLICIT_UID, _joined(head, _closing(file, _decompressed(instance.blob, file, layout))))
    except BaseException:
        file.close()
        raise


def _decompressed(blob: Blob, file: BinaryIO, layout: Layout) -> Iterator[bytes]:
    try:
        pixels, layout = read_pixel_layout(file)
    except NoPixels:
        return write_explicit(layout)
    if not pixels.is_encapsulated:
        return write_explicit(layout)
    if len(pixels.segments) < pixels.frames:
        raise BadPixels(f"The pixel data holds {len(pixels.segments):,} of {pixels.frames:,} frames.")
    first = samples(blob, 0)
    length = len(first.data) * pixels.frames
    if length > _MOST_NATIVE:
        raise BadPixels("Decompressed, the pixel data would be longer than 4 GiB, the most that an element can hold.")

    def frames() -> Iterator[bytes]:
        yield first.data
        for number in range(1, pixels.frames):
            data = samples(blob, number).data
            if len(data) != len(first.data):
                raise DecodingError(
                    "bad_pixels", f"decoding frame {number + 1}", "It is of another size than the first."
                )
            yield data

    native = NativePixels("OW" if first.bits_allocated > 8 else "OB", length, frames)
    return write_explicit(layout, native, _changed_elements(first, pixels))


def _changed_elements(first: Samples, pixels: PixelLayout) -> dict[int, bytes]:
    """Return the attributes of the Image Pixel module (PS3.3 C.7.6.3) that decoding has changed."""
    changed = {}
    if first.photometric != pixels.photometric:
        text = first.photometric.encode("ascii", "replace")
        text += b" " * (len(text) & 1)
        changed[0x00280004] = element_head(0x00280004, "CS", len(text)) + text
    if first.samples != pixels.samples:
        changed[0x00280002] = element_head(0x00280002, "US", 2) + pack("<H", first.samples)
    if first.bits_allocated != pixels.bits_allocated:
        changed[0x00280100] = element_head(0x00280100, "US", 2) + pack("<H", first.bits_allocated)
    return changed


def file_pieces(file: BinaryIO, first: int, last: int | None = None) -> Iterator[bytes]:
    """Yield an open file from `first` to `last` (to its end), and close it."""
    with file:
        file.seek(first)
        left = None if last is None else last - first + 1
        while left != 0 and (piece := file.read(CHUNK if left is None else min(CHUNK, left))):
            if left is not None:
                left -= len(piece)
            yield piece


def _head(instance: Instance, transfer_syntax_uid: str) -> bytes:
    return make_file_meta(instance.sop_class_uid, instance.sop_instance_uid, transfer_syntax_uid)


def _joined(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _closing(file: BinaryIO, pieces: Iterator[bytes]) -> Iterator[bytes]:
    with file:
        yield from pieces


__all__ = ["DecodingError", "DicomError", "Outgoing", "explicit_object", "file_pieces", "stored_object"]
