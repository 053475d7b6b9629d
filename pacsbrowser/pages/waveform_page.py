"""What the page of a waveform shows: a sheet of paper with links to others, channels, measurements, remarks, sound."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.data_item import read_object
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.uids import sop_class_name
from pacsbrowser.dicom.waveform import WAVEFORM_DATA, Annotation, Group, Recording, parse_recording
from pacsbrowser.pages import waveform_paper as paper
from pacsbrowser.pages.lookup import InstancePlace
from pacsbrowser.pages.presentation import Presentation

STYLE = "css/presentations.css"
LISTED = 200  # channels, measurements and remarks that are listed
LAYOUT_NAMES = {"3x4": "3 × 4 + II", "6x2": "6 × 2", "12x1": "12 × 1"}
# Objects in which voltages are drawn at a gain in mm/mV; in others each channel fills its row.
_AT_GAIN = ("ECG", "Hemodynamic", "Electrophysiology")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the address asks for, with what is not possible replaced by what is usual."""

    group: Group
    layout: str
    speed: float
    gain: float
    at: float
    channel: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that shows the sheet otherwise."""

    label: str
    value: str
    is_current: bool


def present_waveform(place: InstancePlace, query: QueryDict) -> Presentation:
    """Return the sheet that the address asks for."""
    problem, drawn = "", None
    with storage.open_blob(place.instance.blob) as file:
        dataset = read_object(file, frozenset((WAVEFORM_DATA,)))
        recording = parse_recording(dataset)
        wish = wish_of(recording, query)
        in_millivolts = is_at_gain(place.instance)
        if wish and wish.group.channels:
            try:
                strips, height = paper.place_strips(
                    wish.group, wish.layout, wish.at, wish.seconds, wish.gain, wish.speed, wish.channel
                )
                drawn = paper.draw(file, wish.group, strips, height, gain=wish.gain, speed=wish.speed,
                                   in_millivolts=in_millivolts)  # fmt: skip
            except DicomError as error:
                problem = error.reason
    shown = _shown(recording, wish, drawn, in_millivolts)
    return Presentation("waveform.html", {**shown, "problem": problem}, STYLE, left_out=dataset.problem)


def is_at_gain(instance: Instance) -> bool:
    """Say whether voltages of an object are drawn at a gain in mm/mV."""
    return any(word in sop_class_name(instance.sop_class_uid) for word in _AT_GAIN)


def wish_of(recording: Recording, query: QueryDict) -> Wish | None:
    """Return what a query asks for; None where no group can be drawn."""
    if not recording.groups:
        return None
    group = next((one for one in recording.groups if str(one.number) == query.get("group")), recording.groups[0])
    layouts = paper.layouts_of(group)
    layout = query.get("layout", "")
    speed = _one_of(query.get("speed", ""), paper.SPEEDS, 25.0)
    gain = _one_of(query.get("gain", ""), tuple(paper.GAINS), 10.0)
    seconds = paper.seconds_of(group, speed)
    channel = _number(query.get("channel", "1")) - 1
    channel = int(channel) // paper.ROWS * paper.ROWS if 0 <= channel < len(group.channels) else 0
    at = min(max(_number(query.get("at", "0")), 0.0), max(group.duration - seconds, 0.0))
    return Wish(group, layout if layout in layouts else (layouts or ("",))[0], speed, gain, at, channel, seconds)


def _one_of(text: str, allowed: tuple[float, ...], otherwise: float) -> float:
    return next((number for number in allowed if f"{number:g}" == text), otherwise)


def _number(text: str) -> float:
    """Return a number of seconds, also as h:mm:ss; 0 for what is none."""
    total = 0.0
    for part in text.split(":")[:3]:
        if not part.replace(".", "", 1).isdecimal() or not part.isascii() or len(part) > 15:
            return 0.0
        total = total * 60 + float(part)
    return total


def _shown(recording: Recording, wish: Wish | None, drawn: paper.Paper | None, in_millivolts: bool) -> dict[str, Any]:
    annotations = recording.annotations
    shown: dict[str, Any] = {
        "recording": recording,
        "wish": wish,
        "measurements": [one for one in annotations if one.is_measurement and not one.times][:LISTED],
        "remarks": [one for one in annotations if one.text and not one.times][:LISTED],
        "timed": [_timed(one) for one in annotations if one.times][:LISTED],
        "annotation_count": len(annotations),
    }
    if wish is None:
        return shown
    group = wish.group
    if drawn:
        drawn.marks.extend(_marks(annotations, wish))
        shown["paper"] = drawn
        shown["alternative"] = _alternative(wish, in_millivolts)
    return {
        **shown,
        "group": group,
        "channels": group.channels[:LISTED],
        "groups": [Choice(one.label or f"Group {one.number}", str(one.number), one is group)
                   for one in recording.groups] if len(recording.groups) > 1 else [],
        "layouts": [Choice(LAYOUT_NAMES[name], name, name == wish.layout) for name in paper.layouts_of(group)],
        "speeds": _numbers(paper.SPEEDS, wish.speed),
        "gains": _numbers(tuple(paper.GAINS), wish.gain) if in_millivolts else [],
        "sheets": _sheets(wish),
        "channel_pages": _channel_pages(wish),
        "rate": f"{group.rate:.10g}",
        "duration": clock(group.duration),
    }  # fmt: skip


def _numbers(choices: tuple[float, ...], current: float) -> list[Choice]:
    return [Choice(f"{number:g}", f"{number:g}", number == current) for number in choices]


def _sheets(wish: Wish) -> dict[str, str] | None:
    """Return where the sheets before and after begin, in seconds; None where one sheet holds all."""
    group, seconds = wish.group, wish.seconds
    if group.duration <= seconds * 1.0001:
        return None
    last = max(group.duration - seconds, 0.0)
    return {
        "from": clock(wish.at), "to": clock(wish.at + seconds),
        "previous": f"{max(wish.at - seconds, 0):.10g}" if wish.at > 0 else "",
        "following": f"{min(wish.at + seconds, last):.10g}" if wish.at < last * 0.999999 else "",
        "last": f"{last:.10g}",
    }  # fmt: skip


def _channel_pages(wish: Wish) -> list[Choice]:
    count = len(wish.group.channels)
    if wish.layout or count <= paper.ROWS:
        return []
    starts = range(0, count, paper.ROWS)
    return [Choice(f"{start + 1} to {min(start + paper.ROWS, count)}", str(start + 1), start == wish.channel)
            for start in starts]  # fmt: skip


def clock(seconds: float) -> str:
    """Return a time from the start of a recording: 2.5 s, 1:15, 23:59:50."""
    if seconds < 60:
        return f"{seconds:.4g} s"
    if seconds > 1e7:
        return f"{seconds:.4g} s"
    whole = int(seconds)
    minutes = f"{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 3600}:{minutes}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"


def _marks(annotations: tuple[Annotation, ...], wish: Wish) -> list[paper.Mark]:
    """Return what is annotated within the time that the sheet shows."""
    found = []
    for one in annotations:
        if not one.times or (one.channels and one.channels[0][0] != wish.group.number):
            continue
        words = f"{_name(one)} {one.value}".strip()[:120]
        found += [paper.Mark(round(paper.MARGIN + (time - wish.at) * wish.speed, 2), words)
                  for time in one.times if wish.at <= time <= wish.at + wish.seconds]  # fmt: skip
        if len(found) >= paper.MARKS:
            break
    return found[: paper.MARKS]


def _name(one: Annotation) -> str:
    return (one.concept.text if one.concept else one.text) or "mark"


def _timed(one: Annotation) -> dict[str, str]:
    times = [f"{time:.3f}" for time in one.times[:8]]
    joined = " to ".join(times[:2]) if one.is_span else ", ".join(times)
    return {"time": joined, "words": _name(one),
            "value": " ".join(part for part in (one.value, one.unit) if part)}  # fmt: skip


def _alternative(wish: Wish, in_millivolts: bool) -> str:
    """Return what the picture shows, in words; numbers stand in the tables below it."""
    group = wish.group
    how = {"3x4": "three rows of four leads and a rhythm strip of lead II", "6x2": "two columns of six leads",
           "12x1": "twelve leads one below the other"}  # fmt: skip
    channels = "one channel" if len(group.channels) == 1 else f"{len(group.channels)} channels one below the other"
    scale = f", {wish.gain:g} mm per millivolt" if in_millivolts else ""
    words = how.get(wish.layout, channels)
    return f"Trace: {words}, {clock(wish.at)} to {clock(wish.at + wish.seconds)}. {wish.speed:g} mm per second{scale}."
