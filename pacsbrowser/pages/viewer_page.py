"""What the viewer's page shows: the strip of series, windows to choose from, and the frame the server draws itself."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import ordering
from pacsbrowser.archive.derived.segments import declared_segments
from pacsbrowser.archive.models import Instance, Series, Study
from pacsbrowser.archive.viewing import (
    SEGMENTATIONS,
    Kind,
    Slide,
    ViewableSeries,
    slides_of,
    studies_to_view,
    viewable_series,
)
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.segments import PALETTE, hex_colour
from pacsbrowser.pages.lookup import Place


@dataclass(frozen=True, slots=True)
class WindowPreset:
    """A usual window: centre and width in the units of the stored values after rescaling (HU for CT)."""

    name: str
    center: float
    width: float

    @property
    def value(self) -> str:
        """The window as a parameter of rendering (PS3.18 8.3.5.1.4): centre,width."""
        return f"{self.center:g},{self.width:g}"


@dataclass(frozen=True, slots=True)
class RangePreset:
    """A window as a part of the range of values of the picture itself, from `low` to `high` (0 to 1)."""

    name: str
    low: float
    high: float

    @property
    def value(self) -> str:
        """The part as the viewer's scripts read it."""
        return f"part:{self.low:g},{self.high:g}"


PRESETS = {
    "CT": (
        WindowPreset("Soft tissue", 40, 400),
        WindowPreset("Lung", -600, 1500),
        WindowPreset("Bone", 300, 1500),
        WindowPreset("Brain", 40, 80),
        WindowPreset("Subdural", 75, 215),
        WindowPreset("Liver", 60, 160),
        WindowPreset("Mediastinum", 50, 350),
        WindowPreset("Angiography", 300, 600),
    ),
}
# Values of other modalities have no common scale: their presets are parts of the range that a picture has.
WHOLE = RangePreset("Whole range", 0, 1)
PARTS = {
    "MR": (RangePreset("Darker half", 0, 0.5), RangePreset("Darkest quarter", 0, 0.25)),
    "PT": (RangePreset("Lower half", 0, 0.5), RangePreset("Lowest fifth", 0, 0.2)),
    "NM": (RangePreset("Lower half", 0, 0.5), RangePreset("Lowest fifth", 0, 0.2)),
    "XR": (RangePreset("Dense half", 0.5, 1), RangePreset("Thin half", 0, 0.5)),
}
SAME_AS = {"MG": "XR", "DX": "XR", "CR": "XR", "RF": "XR", "XA": "XR", "IO": "XR", "PX": "XR"}
_MODULE = re.compile(r"import\('\./([\w.-]+)'\)")
# Of more segmentations in one series, those after these have no names and no colours of their own.
_SEGMENTATIONS = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A series in the strip: where a click leads without JavaScript, and its picture."""

    one: ViewableSeries
    address: str
    thumbnail: str
    is_current: bool
    holder: str

    @property
    def series(self) -> Series:
        """The series."""
        return self.one.series

    @property
    def label(self) -> str:
        """What kind of object is in it, for what is no picture."""
        return object_kind(self.one.sop_class_uid)

    @property
    def count(self) -> int:
        """How many pictures there are to scroll through."""
        return max(self.series.frame_count, self.series.instance_count)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The series of one study in the strip."""

    study: Study
    entries: list[Entry]
    is_current: bool


@dataclass(frozen=True, slots=True)
class Still:
    """A frame drawn by the server, with where its neighbours are; all addresses keep the window.

    `is_early` says that it is what the viewer will show first, so that it may be seen until the viewer is there.
    """

    picture: str
    is_early: bool
    name: str
    place: int
    count: int
    previous: str
    following: str
    whys_no_picture: str
    instance_page: str


def context(place: Place, query: QueryDict) -> dict[str, Any]:
    """Return the context of the viewer's page."""
    studies = studies_to_view(place.study, place.scope)
    shared = Study.objects.visible_to(place.scope).shared_uids(study.study_instance_uid for study in studies)
    shown = viewable_series(studies, place.scope)
    current = _current(shown, place.study, query.get("series", ""))
    shelves = list(_shelves(studies, shown, current, shared))
    return {
        "place": place,
        "patient": place.patient,
        "study": place.study,
        "shelves": shelves,
        "has_priors": len([shelf for shelf in shelves if shelf.entries]) > 1,
        "current": current,
        "presets": presets(),
        "whole": WHOLE,
        "still": _still(current, place, query) if current else None,
        "still_presets": _presets_of(current),
        "window": query.get("window", ""),
        "modules": viewer_modules(),
        "dicomweb": reverse("dicomweb_capabilities").rstrip("/"),
    }


@cache
def viewer_modules() -> tuple[str, ...]:
    """Return the scripts that the viewer's first one loads, so that a page can ask for them at once."""
    source = (settings.BASE_DIR / "static" / "viewer" / "viewer.js").read_text()
    return tuple(f"viewer/{name}" for name in _MODULE.findall(source))


def presets() -> list[tuple[str, Sequence[WindowPreset | RangePreset]]]:
    """Return the presets of each modality that has some."""
    parts = {modality: PARTS[SAME_AS.get(modality, modality)] for modality in [*PARTS, *SAME_AS]}
    return [*PRESETS.items(), *parts.items()]


def slides_json(series: Series, scope: Scope) -> list[dict[str, Any]]:
    """Return the instances of a series, which must be ordered, as the viewer's scripts read them."""
    slides = slides_of(series, scope)
    segmented = [slide.sop_instance_uid for slide in slides if slide.sop_class_uid in SEGMENTATIONS]
    segments = segments_of(series, segmented[:_SEGMENTATIONS]) if segmented else {}
    return [_slide_json(slide) | segments.get(slide.sop_instance_uid, {}) for slide in slides]


def segments_of(series: Series, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the segments of segmentations by their UIDs, in the colours that every page gives them."""
    found = {}
    for instance in Instance.objects.live().filter(series=series, sop_instance_uid__in=uids).select_related("blob"):
        try:
            segments = declared_segments(instance.blob)
        except (DicomError, OSError):
            continue  # its frames are shown all the same, in the colour of what is not declared
        found[instance.sop_instance_uid] = {
            "undeclared": hex_colour(PALETTE[0]),
            "segments": [
                {"number": one.number, "label": one.label or f"Segment {one.number}", "colour": one.hexadecimal}
                for one in segments
            ],
        }
    return found


def _slide_json(slide: Slide) -> dict[str, Any]:
    return {
        "uid": slide.sop_instance_uid,
        "number": slide.instance_number,
        "kind": object_kind(slide.sop_class_uid),
        "syntax": slide.transfer_syntax_uid,
        "frames": max(slide.frames, 1),
        "pixels": slide.has_pixels,
        "key": slide.is_key,
    }


def viewer_address(study: Study, is_shared: bool = False, **parameters: object) -> str:
    """Return the address of the viewer; `is_shared` says that other studies have the UID too."""
    query: dict[str, object] = {"holder": study.pk} if is_shared else {}
    query |= {name: value for name, value in parameters.items() if value not in ("", None)}
    address = reverse("viewer", args=[study.study_instance_uid])
    return f"{address}?{urlencode(query)}" if query else address


def _current(shown: Sequence[ViewableSeries], study: Study, uid: str) -> ViewableSeries | None:
    """Return the series asked for, else the first one with pictures."""
    own = [one for one in shown if one.study.pk == study.pk]
    named = next((one for one in own if one.series.series_instance_uid == uid), None)
    pictured = (one for one in own if one.kind == Kind.IMAGES)
    return named or next(pictured, None) or next(iter(own), None)


def _shelves(
    studies: Sequence[Study], shown: Sequence[ViewableSeries], current: ViewableSeries | None, shared: set[str]
) -> Iterator[Shelf]:
    for study in studies:
        is_shared = study.study_instance_uid in shared
        entries = [_entry(one, one is current, is_shared) for one in shown if one.study.pk == study.pk]
        yield Shelf(study, entries, study is studies[0])


def _entry(one: ViewableSeries, is_current: bool, is_shared: bool) -> Entry:
    study, series = one.study, one.series
    uids = [study.study_instance_uid, series.series_instance_uid]
    holder = str(study.pk) if is_shared else ""
    if one.kind != Kind.DOCUMENT:
        address = viewer_address(study, is_shared, series=series.series_instance_uid)
        thumbnail = reverse("series_preview", args=uids) + (f"?holder={holder}" if holder else "")
        return Entry(one, address, thumbnail, is_current, holder)
    if series.instance_count == 1:
        address = reverse("instance_detail", args=[*uids, one.first])
    else:
        address = reverse("series_detail", args=uids)
    return Entry(one, f"{address}?holder={holder}" if holder else address, "", is_current, holder)


def _presets_of(current: ViewableSeries | None) -> tuple[WindowPreset, ...]:
    return PRESETS.get(current.series.modality, ()) if current else ()


def _still(current: ViewableSeries, place: Place, query: QueryDict) -> Still | None:
    """Return the frame that the query names, else the first one of the series."""
    series = current.series
    ordering.ensure_ordered(series)
    slides = slides_of(series, place.scope)
    if not slides:
        return None
    named = (at for at, slide in enumerate(slides) if slide.sop_instance_uid == query.get("instance", ""))
    pictured = (at for at, slide in enumerate(slides) if slide.has_pixels)
    at = next(named, next(pictured, 0))
    slide = slides[at]
    frame = min(_number(query.get("frame", "")), max(slide.frames, 1))
    uids = [series.study.study_instance_uid, series.series_instance_uid, slide.sop_instance_uid]
    window = query.get("window", "")
    picture = reverse("frame_picture", args=[*uids, frame])
    looks: dict[str, object] = {"holder": series.study_id} if place.holder_query else {}
    looks |= {"window": window} if window else {}
    shown_as = sum(max(one.frames, 1) for one in slides[:at]) + frame
    count = sum(max(one.frames, 1) for one in slides)
    return Still(
        picture=(f"{picture}?{urlencode(looks)}" if looks else picture) if slide.has_pixels else "",
        is_early=current.kind == Kind.IMAGES and query.get("layout", "1") == "1",
        name=f"{series.modality} series {series.series_number}, picture {shown_as:,} of {count:,}, drawn by the server",
        place=shown_as,
        count=count,
        previous=_step(slides, at, frame, -1, place, series, window),
        following=_step(slides, at, frame, 1, place, series, window),
        whys_no_picture="" if slide.has_pixels else f"It has no pictures: {object_kind(slide.sop_class_uid)}.",
        instance_page=reverse("instance_detail", args=uids) + place.holder_query,
    )


def _step(slides: Sequence[Slide], at: int, frame: int, step: int, place: Place, series: Series, window: str) -> str:
    """Return the address of the frame before or after this one, '' at the ends."""
    frame += step
    if not 1 <= frame <= max(slides[at].frames, 1):
        at += step
        if not 0 <= at < len(slides):
            return ""
        frame = 1 if step > 0 else max(slides[at].frames, 1)
    return viewer_address(
        place.study,
        bool(place.holder_query),
        series=series.series_instance_uid,
        instance=slides[at].sop_instance_uid,
        frame=frame,
        window=window,
    )


def _number(text: str) -> int:
    return max(int(text), 1) if text.isascii() and text.isdecimal() and len(text) < 10 else 1
