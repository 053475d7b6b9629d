"""WADO-RS frames (PS3.18 10.4.1.1.6): in the order asked for, each part naming its media type and transfer syntax.

Two kinds of frames are sent decoded under "*", as no browser shows them right otherwise: JPEG 2000 whose stream
contradicts Pixel Representation, and frames of one bit, which then have a byte for each pixel.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.http import HttpResponseBase

from pacsbrowser.archive.frames import (
    MOST_AGAIN,
    MOST_DECODED,
    MOST_DECODED_PIXELS,
    native_frame,
    pixel_layout,
    stored_frame,
    unpacked_bits,
)
from pacsbrowser.archive.models import Blob, Instance
from pacsbrowser.dicom.decoder import DecodingError
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.frames import PixelLayout
from pacsbrowser.dicom.part10 import EXPLICIT_UID
from pacsbrowser.dicom.transfer_syntaxes import DECODABLE, FRAME_MEDIA_TYPES, VIDEO
from pacsbrowser.dicomweb.accept import RELATED, MediaRange, not_acceptable
from pacsbrowser.dicomweb.delivery import entity_tag, send_bytes, send_parts, unchanged
from pacsbrowser.dicomweb.failures import pixel_problem
from pacsbrowser.dicomweb.holders import note_view, one_instance
from pacsbrowser.dicomweb.multipart import Part
from pacsbrowser.dicomweb.problems import Problem
from pacsbrowser.dicomweb.resource import Call

OCTETS = "application/octet-stream"
MOST_FRAMES = 10_000
_VIDEO = "The frames of a video are one stream, which is not taken apart."
_LIST = re.compile(r"[1-9]\d{0,8}(,[1-9]\d{0,8})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Form:
    """How frames are sent: as stored or native, of which media type, one without parts or in parts."""

    media_type: str
    is_stored: bool
    is_single: bool = False
    is_unpacked: bool = False


def parse_frames(text: str) -> list[int]:
    """Return frame numbers, from 1, in their order.

    Raises:
        Problem: 400, it is no list of frames.
    """
    if not _LIST.fullmatch(text):
        raise Problem(400, "Frames are numbers from 1, with commas between them.")
    numbers = [int(number) for number in text.split(",")]
    if len(numbers) > MOST_FRAMES:
        raise Problem(400, f"At most {MOST_FRAMES:,} frames can be asked for at once.")
    return numbers


def check_numbers(row: Instance, numbers: Sequence[int]) -> None:
    """Raise 404 for a frame beyond those that an instance has, 400 for a list that is much longer than they are."""
    count = max(row.number_of_frames, 1)
    for number in numbers:
        if number > count:
            raise Problem(404, f"The object has {row.number_of_frames:,} frames; there is no frame {number:,}.")
    if len(numbers) > count + MOST_AGAIN:
        raise Problem(400, f"The list names {len(numbers):,} frames of an object that has {count:,}.")


def check_work(row: Instance, numbers: Sequence[int]) -> None:
    """Raise 400 for a list of which more would have to be decoded than one request may."""
    pixels = max((row.rows or 0) * (row.columns or 0), 1)
    most = max(min(MOST_DECODED, MOST_DECODED_PIXELS // pixels), 1)
    if len(numbers) > most:
        raise Problem(400, f"At most {most:,} frames of this object are decoded at once; ask for them in portions.")


def retrieve_frames(call: Call, study: str, series: str, instance: str, frames: str) -> HttpResponseBase:
    """Send frames."""
    numbers = parse_frames(frames)
    row = one_instance(call, study, series, instance)
    check_numbers(row, numbers)
    if row.transfer_syntax_uid in VIDEO:
        raise not_acceptable([_offer("application/dicom", "*"), "the address …/rendered as video/mp4"], _VIDEO)
    try:
        pixels, is_wrong = pixel_layout(row.blob)
        form = choose_form(call.accepted(), pixels, is_wrong, len(numbers) == 1)
        note_view(call, "instance", row)
        return send_frames(call, row, pixels, form, numbers)
    except (DicomError, DecodingError, OSError) as error:
        raise pixel_problem(error, *_stored_offers(row.transfer_syntax_uid)) from error


def choose_form(ranges: Sequence[MediaRange], pixels: PixelLayout, is_wrong: bool, is_one: bool) -> Form:
    """Return the form of the most wanted media range that can be met.

    Raises:
        Problem: 406 with what is on offer.
    """
    stored = pixels.transfer_syntax_uid if pixels.is_encapsulated else ""
    image = FRAME_MEDIA_TYPES.get(stored, "")
    can_be_native = not stored or stored in DECODABLE
    for one in ranges:
        for is_single in (False, True) if is_one else (False,):
            takes = one.takes if is_single else one.takes_parts
            syntax = one.transfer_syntax
            if takes(OCTETS):
                if syntax == "*":
                    if stored and not is_wrong:
                        return Form(OCTETS, True, is_single)
                    return Form(OCTETS, False, is_single, is_unpacked=pixels.bits_allocated == 1)
                if syntax in ("", EXPLICIT_UID) and can_be_native:
                    return Form(OCTETS, False, is_single)
                if stored and syntax == stored:
                    return Form(OCTETS, True, is_single)
            elif image and takes(image) and syntax in ("", "*", stored):
                return Form(image, True, is_single)
    raise not_acceptable([*_stored_offers(stored), *([_offer(OCTETS, EXPLICIT_UID)] if can_be_native else [])])


def _stored_offers(stored: str) -> list[str]:
    image = FRAME_MEDIA_TYPES.get(stored, "")
    return [_offer(image, stored), _offer(OCTETS, stored)] if image else []


def _offer(media_type: str, syntax: str) -> str:
    return f'{RELATED}; type="{media_type}"; transfer-syntax={syntax}'


def send_frames(call: Call, row: Instance, pixels: PixelLayout, form: Form, numbers: Sequence[int]) -> HttpResponseBase:
    """Send frames in a form.

    Raises:
        DicomError, DecodingError, OSError: the first of them cannot be had.
    """
    syntax = pixels.transfer_syntax_uid if form.is_stored else EXPLICIT_UID
    content_type = f"{form.media_type}; transfer-syntax={syntax}"
    # The boundary of parts is another each time, so only their content is said to be the same.
    etag = entity_tag(bytes(row.blob.sha256), form, syntax, numbers, is_weak=not form.is_single)
    same = unchanged(call, etag)
    if same is not None:
        return same
    if pixels.is_encapsulated and not form.is_stored:
        check_work(row, numbers)
    bodies = _bodies(row.blob, pixels, form, numbers)
    first = next(bodies)  # before anything is sent, or a failure could not be told
    if form.is_single:
        return send_bytes(call, b"".join(first), content_type, etag)
    series = row.series
    instance = call.retrieve_url(series.study.study_instance_uid, series.series_instance_uid, row.sop_instance_uid)
    parts = (
        Part(content_type, body, f"{instance}/frames/{number}")
        for number, body in zip(numbers, _chained(first, bodies), strict=False)
    )
    return send_parts(call, parts, form.media_type, etag, f"transfer-syntax={syntax}")


def _bodies(blob: Blob, pixels: PixelLayout, form: Form, numbers: Iterable[int]) -> Iterator[Iterable[bytes]]:
    for number in numbers:
        if form.is_stored:
            yield stored_frame(blob, pixels, number - 1)
            continue
        data = native_frame(blob, pixels, number - 1)
        if form.is_unpacked:
            data = unpacked_bits(data, pixels.rows * pixels.columns * pixels.samples)
        yield (data,)


def _chained(first: Iterable[bytes], rest: Iterator[Iterable[bytes]]) -> Iterator[Iterable[bytes]]:
    yield first
    yield from rest
