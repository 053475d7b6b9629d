"""What is inside an object, as a body of its own: its document, the stream of its video, a sound.

A part of it can be read without the rest. What it is, its own bytes say.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pacsbrowser.archive import storage
from pacsbrowser.archive.frames import CHUNK, pixel_layout
from pacsbrowser.archive.models import Blob
from pacsbrowser.dicom.bulkdata import NoSuchValue, find_value
from pacsbrowser.dicom.data_item import read_object
from pacsbrowser.dicom.encapsulated import DOCUMENT_TAG, Form, find_document, parse_document, video_form
from pacsbrowser.dicom.frames import Segment
from pacsbrowser.dicom.part10 import open_data_set
from pacsbrowser.dicom.sound import WAV, wav_head
from pacsbrowser.dicom.waveform import WAVEFORM_DATA, NoWaveform, parse_recording

_SNIFFED = 256


@dataclass(frozen=True, slots=True)
class Body:
    """What it is, its length, and what yields its bytes from the first to the last, both included."""

    form: Form
    length: int
    read: Callable[[int, int], Iterator[bytes]]


def document_inside(blob: Blob) -> Body:
    """Return the document of an object.

    Raises:
        DicomError: it holds none.
        OSError: the file cannot be read.
    """
    with storage.open_blob(blob) as file:
        document = parse_document(read_object(file, frozenset((DOCUMENT_TAG,))), find_document(file))

    def read(first: int, last: int) -> Iterator[bytes]:
        with storage.open_blob(blob) as file:
            yield from find_document(file).read(first, last)

    return Body(document.form, document.length, read)


def video_inside(blob: Blob) -> Body:
    """Return the stream that the fragments of a video make together.

    Raises:
        DicomError: it has no pixels, or they cannot be described.
        OSError: the file cannot be read.
    """
    pixels, _ = pixel_layout(blob)
    segments = [segment for frame in pixels.segments for segment in frame]

    def read(first: int, last: int) -> Iterator[bytes]:
        return _joined(blob, segments, first, last)

    return Body(video_form(b"".join(read(0, _SNIFFED - 1))), sum(length for _, length in segments), read)


def sound_inside(blob: Blob, number: int) -> Body:
    """Return multiplex group `number` (from 1) of a waveform as a WAV file.

    Raises:
        DicomError: there is none, or its samples are of a kind that cannot be played.
        OSError: the file cannot be read.
    """
    with storage.open_blob(blob) as file:
        recording = parse_recording(read_object(file, frozenset((WAVEFORM_DATA,))))
        group = next((one for one in recording.groups if one.number == number), None)
        if group is None:
            raise NoWaveform("There is no such group of channels.")
        try:
            value = find_value(open_data_set(file), group.path)
        except NoSuchValue:
            raise NoWaveform("The waveform data (5400,1010) is missing.") from None
        head, path = wav_head(group, value.length), group.path
    if head is None:
        raise NoWaveform("The samples are of a kind that cannot be played.")

    def read(first: int, last: int) -> Iterator[bytes]:
        yield head[first : last + 1]
        if last >= len(head):
            with storage.open_blob(blob) as file:
                yield from find_value(open_data_set(file), path).read(max(first - len(head), 0), last - len(head))

    return Body(WAV, len(head) + value.length, read)


def _joined(blob: Blob, segments: list[Segment], first: int, last: int) -> Iterator[bytes]:
    begin = 0
    with storage.open_blob(blob) as file:
        for offset, length in segments:
            start, end = max(first - begin, 0), min(last - begin + 1, length)
            begin += length
            if start >= end:
                continue
            file.seek(offset + start)
            left = end - start
            while left > 0 and (piece := file.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece
