"""Content negotiation (PS3.18 8.7): the Accept header or query parameter, read into media ranges, best first."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from django.http import HttpRequest

from pacsbrowser.dicomweb.parameters import parameters_of
from pacsbrowser.dicomweb.problems import Problem

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
JSON = "application/json"
RELATED = "multipart/related"

MOST_RANGES = 100
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_RANGE = re.compile(rf"\s*({_WORD})/({_WORD})\s*", re.ASCII)
# A value without quotes may hold "/", which RFC 9110 does not allow there but clients write: type=application/dicom
_PARAMETER = re.compile(rf'\s*;\s*(?:({_WORD})\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?\s*', re.ASCII)
_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One media range (RFC 9110 12.5.1) with its parameters, names in lower case and values without quotes."""

    type: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    quality: float = 1.0

    @property
    def inner(self) -> str:
        """What the parts of multipart/related are, by its parameter `type`; '' where it says nothing."""
        return self.parameters.get("type", "").lower()

    @property
    def transfer_syntax(self) -> str:
        """The transfer syntax asked for (PS3.18 8.7.3.5): a UID, "*", or '' for the default of the media type."""
        return self.parameters.get("transfer-syntax", "")

    @property
    def charset(self) -> str:
        """The character set asked for, '' for UTF-8."""
        return self.parameters.get("charset", "").lower()

    def takes(self, media_type: str) -> bool:
        """Say whether a media type without parameters lies in this range."""
        return covers(self.type, media_type)

    def takes_parts(self, media_type: str) -> bool:
        """Say whether multipart/related of such parts lies in this range."""
        return covers(self.type, RELATED) and (not self.inner or covers(self.inner, media_type))


def covers(pattern: str, media_type: str) -> bool:
    """Say whether `*/*`, `image/*` or a plain type covers a media type."""
    if pattern in ("*/*", "*", media_type):
        return True
    return pattern.endswith("/*") and media_type.startswith(pattern[:-1])


def parse_accept(text: str) -> list[MediaRange]:
    """Return the media ranges of an Accept value, the most wanted first; of equal ones in their order.

    What cannot be read is passed over: one odd range of a client does not spoil the others.
    """
    found: list[MediaRange] = []
    for piece in _pieces(text):
        one = _parse_range(piece)
        if one is not None and one.quality > 0:
            found.append(one)
    return sorted(found, key=lambda one: -one.quality)


def _pieces(text: str) -> Iterable[str]:
    """Cut at commas outside of quotes."""
    start, quoted, count = 0, False, 0
    for place, letter in enumerate(text):
        if letter == '"' and not (quoted and text[place - 1] == "\\"):
            quoted = not quoted
        elif letter == "," and not quoted:
            yield text[start:place]
            start, count = place + 1, count + 1
            if count >= MOST_RANGES:
                return
    yield text[start:]


def _parse_range(text: str) -> MediaRange | None:
    found = _RANGE.match(text)
    if not found:
        return None
    parameters: dict[str, str] = {}
    place = found.end()
    while place < len(text):
        parameter = _PARAMETER.match(text, place)
        if not parameter:
            return None
        if parameter[1]:
            parameters.setdefault(parameter[1].lower(), _unquoted(parameter[2]))
        place = parameter.end()
    quality = parameters.pop("q", "1")
    if not _QUALITY.fullmatch(quality):
        quality = "1"
    return MediaRange(f"{found[1]}/{found[2]}".lower(), parameters, float(quality))


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def accepted(request: HttpRequest) -> list[MediaRange]:
    """Return what a request accepts, the most wanted first; anything where it says nothing.

    The query parameter `accept` (PS3.18 8.3.3.1) exists for links, where a browser's own header says nothing useful,
    and goes before the header. An unescaped + in it has become a space.
    """
    wanted = [value for name, value in parameters_of(request) if name == "accept"]
    text = ",".join(wanted).replace("dicom json", "dicom+json").replace("dicom xml", "dicom+xml")
    ranges = _parsed(text or request.META.get("HTTP_ACCEPT", "") or "*/*")
    if not ranges:
        raise Problem(406, "The Accept header names no media type that can be read.")
    return list(ranges)


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[MediaRange, ...]:
    """Remembered: a program sends the same header with every request."""
    return tuple(parse_accept(text))


@dataclass(frozen=True, slots=True)
class Offer:
    """A representation that can be had: of one part, or multipart/related of parts of this type."""

    media_type: str
    is_multipart: bool = False

    def __str__(self) -> str:
        return f'{RELATED}; type="{self.media_type}"' if self.is_multipart else self.media_type


def choose(ranges: Sequence[MediaRange], offers: Sequence[Offer]) -> Offer:
    """Return the first offer, in the offers' order, of the most wanted range that takes one.

    Raises:
        Problem: 406 with what is on offer.
    """
    for one in ranges:
        for offer in offers:
            if one.takes_parts(offer.media_type) if offer.is_multipart else one.takes(offer.media_type):
                return offer
    raise not_acceptable(map(str, offers))


def not_acceptable(offers: Iterable[str], reason: str = "Nothing that is accepted can be sent.") -> Problem:
    """Return the problem 406, which lists what can be had."""
    listed = list(offers)
    return Problem(406, f"{reason} On offer: {', '.join(listed)}.", offers=listed)
