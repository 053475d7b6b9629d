"""The fast way over a well-formed data set: the same TopLevel as `walk_top_level`, or None where it is not certain.

It follows Explicit and Implicit VR Little Endian in ascending order and gives up at anything odd: an unknown VR, an
odd or overrunning length, a tag out of place, deep nesting. What it gives up on, the walker reads and judges. A test
compares the two over all test data and mutations of it.
"""

from functools import lru_cache
from struct import Struct, pack
from struct import error as StructError

from pacsbrowser.dicom.attributes import KEYWORDS
from pacsbrowser.dicom.elements import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LONG_VRS,
    PIXEL_TAGS,
    SEQUENCE_END,
    UNDEFINED,
    VRS,
    Broken,
    Element,
    Encoding,
    dictionary_vr,
    end_of_fragments,
)
from pacsbrowser.dicom.part10 import DEFLATED_UIDS, Layout
from pacsbrowser.dicom.references import (
    MOST_REFERENCES,
    MOST_UID_BYTES,
    SOP_CLASS,
    UID_TAGS,
    HeaderReference,
    make_reference,
)
from pacsbrowser.dicom.top_level import MOST_VALUE_BYTES, TopLevel
from pacsbrowser.dicom.uids import is_storable_uid, trim_uid

_MOST_LOADS = 24  # with the next two: far fewer elements than the walker's limit
_LOAD = 64 * 1024
_MOST_SEQUENCE_BYTES = 256 * 1024
_MOST_DEPTH = 16
_MOST_FORMS = 8192  # remembered at a time
_REMEMBERED_SEQUENCE = 1024  # bytes

_ITEM_END = pack("<HH", ITEM_END >> 16, ITEM_END & 0xFFFF)
_explicit = Struct("<HH2sH").unpack_from
_implicit = Struct("<HHI").unpack_from
_length_at = Struct("<I").unpack_from

_SKIP, _TAKE, _LOOK = range(3)
_Found = dict[HeaderReference, None]


class _Unsure(Exception):
    """Not plain: the walker has to read it."""


def scan_top_level(layout: Layout) -> TopLevel | None:
    """Return what the walker would, or None where only the walker can tell; bounded in time as it is."""
    forms = _FORMS.get(layout.encoding)
    if forms is None or layout.transfer_syntax_uid in DEFLATED_UIDS:
        return None
    try:
        return _Scanner(layout, forms).scan()
    except (_Unsure, Broken, StructError):
        return None


class _Forms(dict[bytes, tuple[int, str, int, int]]):
    """What the first eight bytes of a top-level element tell: tag, VR, size (for _LOOK of its header), what to do.

    The same few hundred come again in all objects, so each is understood once.
    """

    def __init__(self, implicit: bool) -> None:
        super().__init__()
        self.implicit = implicit

    def __missing__(self, header: bytes) -> tuple[int, str, int, int]:
        tag, vr, start, length = _read_header(header, 0, self.implicit)
        if not 0x00080000 <= tag < 0xFFFE0000:
            raise _Unsure
        if length < 0 or vr == "SQ" or length == UNDEFINED or tag in PIXEL_TAGS:
            form = (tag, vr, start, _LOOK)
        elif length & 1 or (tag in KEYWORDS and length > MOST_VALUE_BYTES):
            raise _Unsure
        else:
            form = (tag, vr, start + length, _TAKE if tag in KEYWORDS else _SKIP)
        if len(self) >= _MOST_FORMS:
            self.clear()
        self[header] = form
        return form


_FORMS: dict[Encoding, _Forms] = {EXPLICIT_LITTLE: _Forms(implicit=False), IMPLICIT_LITTLE: _Forms(implicit=True)}


def _read_header(data: bytes, at: int, implicit: bool) -> tuple[int, str, int, int]:
    """Return tag, VR, size of the header and length, -1 where the length stands behind the first eight bytes."""
    if implicit:
        group, number, length = _implicit(data, at)
        tag = group << 16 | number
        # Without VRs, undefined length alone makes a sequence.
        vr = "SQ" if length == UNDEFINED and tag not in PIXEL_TAGS else dictionary_vr(tag)
        return tag, vr, 8, length
    group, number, vr_bytes, length = _explicit(data, at)
    tag = group << 16 | number
    if vr_bytes not in VRS:
        raise _Unsure
    vr = VRS[vr_bytes]
    return (tag, vr, 12, -1) if vr in LONG_VRS else (tag, vr, 8, length)


class _Scanner:
    """One scan over the top level; offsets `at` count in `_data`, which begins at byte `_base` of the window."""

    def __init__(self, layout: Layout, forms: _Forms) -> None:
        self._layout = layout
        self._window = layout.window
        self._forms = forms
        self._implicit = forms.implicit
        self._data = layout.window.data
        self._base = layout.window.base
        self._loads = 0
        self._found: _Found = {}
        self._seen = TopLevel()

    def scan(self) -> TopLevel:
        """Return all that is seen up to the very end of the file."""
        size, forms, raw = self._window.size, self._forms, self._seen.raw
        at, last = self._layout.start - self._base, 0
        if at < 0:
            raise _Unsure
        while self._base + at < size:
            data = self._data
            # Indexed values are shorter than the margin, so those that begin before it are whole in `data`.
            margin = 0 if self._base + len(data) == size else MOST_VALUE_BYTES + 12
            stop = len(data) - margin
            if at >= stop:
                self._load(at)
                at = 0
                continue
            while at < stop:
                tag, vr, step, what = forms[data[at : at + 8]]
                if tag <= last:
                    raise _Unsure
                last = tag
                if what == _TAKE:
                    raw[tag] = vr, data[at + 8 : at + step]
                elif what == _LOOK:
                    step = self._look(tag, vr, at, step)
                at += step
        if self._base + at != size or len(self._found) >= MOST_REFERENCES:
            raise _Unsure
        self._seen.last_tag = last
        self._seen.references = tuple(self._found)
        return self._seen

    def _load(self, at: int) -> None:
        self._loads += 1
        if self._loads > _MOST_LOADS:
            raise _Unsure
        self._base += at
        self._data = self._window.read(self._base, _LOAD)

    def _look(self, tag: int, vr: str, at: int, header: int) -> int:
        """Take an element of long or undefined length; return how many bytes it has with its header."""
        length: int = _length_at(self._data, at + header - 4)[0]
        start = at + header
        if tag in PIXEL_TAGS:
            return self._look_at_pixels(tag, vr, at, start, length)
        if tag in KEYWORDS or (length & 1 and length != UNDEFINED):
            raise _Unsure
        if vr == "SQ" or length == UNDEFINED:
            return self._look_into(tag, vr, start, length) - at
        if vr == "UN" and dictionary_vr(tag) == "SQ":
            raise _Unsure
        return header + length

    def _look_at_pixels(self, tag: int, vr: str, at: int, start: int, length: int) -> int:
        if vr not in LONG_VRS or vr in ("SQ", "UN"):
            raise _Unsure
        self._seen.pixel_length = length
        if length != UNDEFINED:
            if length & 1:
                raise _Unsure
            return start - at + length
        offset = self._base + start
        element = Element(tag, vr, self._base + at, offset, length, 0, self._layout.encoding)
        return end_of_fragments(self._window, element) - self._base - at

    def _look_into(self, tag: int, vr: str, start: int, length: int) -> int:
        """Note the references in a sequence; return where it ends."""
        if length == UNDEFINED:
            implicit = _is_implicit_inside(vr, self._implicit)
            return _follow_items(self._data, start, len(self._data), True, (tag,), implicit, self._found)
        content = self._data[start : start + length]
        if len(content) < length:
            self._loads += 1
            if length > _MOST_SEQUENCE_BYTES or self._loads > _MOST_LOADS:
                raise _Unsure
            content = self._window.read(self._base + start, length)
        if length <= _REMEMBERED_SEQUENCE:
            found = _references_in(tag, content, self._implicit)
            if found:
                self._found.update(dict.fromkeys(found))
        else:
            _follow_items(content, 0, length, False, (tag,), self._implicit, self._found)
        return start + length


def _is_implicit_inside(vr: str, implicit: bool) -> bool:
    """Say how a sequence of undefined length is written inside (PS3.5 6.2.2); other VRs than SQ and UN hold none."""
    if vr not in ("SQ", "UN"):
        raise _Unsure
    return implicit or vr == "UN"


@lru_cache(maxsize=1024)
def _references_in(tag: int, content: bytes, implicit: bool) -> tuple[HeaderReference, ...]:
    """Return the references in a short sequence; remembered, as most are the same in all objects of a series."""
    found: _Found = {}
    _follow_items(content, 0, len(content), False, (tag,), implicit, found)
    return tuple(found)


def _follow_items(
    data: bytes, at: int, end: int, undefined: bool, around: tuple[int, ...], implicit: bool, found: _Found
) -> int:
    """Go over the items of a sequence; return where it ends, `end` at the latest."""
    if len(around) > _MOST_DEPTH:
        raise _Unsure
    while at < end:
        group, number, length = _implicit(data, at)
        tag, at = group << 16 | number, at + 8
        if tag == SEQUENCE_END and undefined and at <= end:
            return at
        if tag != ITEM:
            raise _Unsure
        if length == UNDEFINED:
            at = _follow_elements(data, at, end, True, around, implicit, found)
        elif at + length <= end:
            at = _follow_elements(data, at, at + length, False, around, implicit, found)
        else:
            raise _Unsure
    if undefined or at != end:
        raise _Unsure
    return at


def _follow_elements(
    data: bytes, at: int, end: int, undefined: bool, around: tuple[int, ...], implicit: bool, found: _Found
) -> int:
    """Go over the elements of an item, noting references; return where it ends, `end` at the latest."""
    sop_class = ""
    while at < end:
        if data[at : at + 2] == b"\xfe\xff":
            if undefined and at + 8 <= end and data[at : at + 4] == _ITEM_END:
                return at + 8
            raise _Unsure
        tag, vr, header, length = _read_header(data, at, implicit)
        if length < 0:
            length = _length_at(data, at + 8)[0]
        start = at + header
        if length == UNDEFINED:
            inside = _is_implicit_inside(vr, implicit)
            at = _follow_items(data, start, end, True, (*around, tag), inside, found)
            sop_class = "" if at > start + 8 else sop_class  # an item ends what a class stands for
            continue
        at = start + length
        if vr == "SQ" and at <= end:
            _follow_items(data, start, at, False, (*around, tag), implicit, found)
            sop_class = "" if length else sop_class
            continue
        if at > end or (vr == "UN" and dictionary_vr(tag) == "SQ"):
            raise _Unsure
        if tag in UID_TAGS and 0 < length <= MOST_UID_BYTES:
            uid = trim_uid(data[start:at].decode("ascii", "replace"))
            if tag == SOP_CLASS:
                sop_class = uid if is_storable_uid(uid) else sop_class
            elif is_storable_uid(uid):
                reference = make_reference(tag, uid, sop_class, around)
                if reference:
                    found[reference] = None
    if undefined or at != end:
        raise _Unsure
    return at
