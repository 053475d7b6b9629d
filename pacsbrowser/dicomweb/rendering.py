"""The parameters of rendering (PS3.18 8.3.5.1): window, viewport, quality, annotation; 400 with the reason if wrong."""

import math
from dataclasses import dataclass

from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom.grey import FUNCTIONS, GreyWindow
from pacsbrowser.dicom.render import MOST_SIDE, Viewport
from pacsbrowser.dicomweb.parameters import parameters_of
from pacsbrowser.dicomweb.problems import Problem
from pacsbrowser.dicomweb.resource import Call

QUALITY = 90
PATIENT, TECHNIQUE = "patient", "technique"


@dataclass(frozen=True, slots=True)
class Rendering:
    """What is asked of a picture."""

    window: GreyWindow | None = None
    viewport: Viewport | None = None
    quality: int = QUALITY
    annotation: tuple[str, ...] = ()


def parse_rendering(call: Call) -> Rendering:
    """Return the parameters of a request; those that are not of rendering are not looked at."""
    found = dict(parameters_of(call.request))
    if found.get("iccprofile", "no").lower() != "no":
        raise Problem(400, "Pictures are in sRGB and carry no profile: iccprofile can only be no.")
    return Rendering(
        parse_window(found["window"]) if found.get("window") else None,
        parse_viewport(found["viewport"]) if found.get("viewport") else None,
        parse_quality(found["quality"]) if found.get("quality") else QUALITY,
        parse_annotation(found.get("annotation", "")),
    )


def parse_window(text: str) -> GreyWindow:
    """Parse center,width[,function] (8.3.5.1.4)."""
    center, width, *function = [*text.split(","), ""][:3]
    name = (function[0] if function else "").strip().upper().replace("-", "_") or FUNCTIONS[0]
    if name not in FUNCTIONS:
        raise Problem(400, "The function of a window is linear, linear-exact or sigmoid.")
    window = GreyWindow(_number(center, "window"), _number(width, "window"), name)
    if not window.is_valid:
        raise Problem(400, "The width of a window is above 0, of a linear one at least 1.")
    return window


def parse_viewport(text: str) -> Viewport:
    """Parse width,height[,left,top,part width,part height] (8.3.5.1.5); what is left empty is the whole."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (2, 4, 6):
        raise Problem(400, "A viewport has a width and a height, and may have left, top, width and height of a part.")
    width, height = (_number(part, "viewport") for part in parts[:2])
    left, top = (_number(part, "viewport") if part else 0.0 for part in [*parts[2:4], "", ""][:2])
    part = [_number(value, "viewport") if value else None for value in [*parts[4:6], "", ""][:2]]
    if left < 0 or top < 0 or 0 in part:
        raise Problem(400, "The part of a viewport begins inside the image and is not empty.")
    viewport = Viewport(int(width), int(height), left, top, part[0], part[1])
    if not viewport.is_possible:
        raise Problem(400, f"A viewport has from 1 × 1 to {MOST_SIDE:,} pixels a side, and no more than 50 million.")
    return viewport


def parse_quality(text: str) -> int:
    """Parse a quality from 1 to 100 (8.3.5.1.3)."""
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= 100):
        raise Problem(400, "The quality is a whole number from 1 to 100.")
    return int(text)


def parse_annotation(text: str) -> tuple[str, ...]:
    """Parse patient,technique (8.3.5.1.2)."""
    words = tuple(dict.fromkeys(word.strip().lower() for word in text.split(",") if word.strip()))
    if any(word not in (PATIENT, TECHNIQUE) for word in words):
        raise Problem(400, "Annotations are patient and technique.")
    return words


def annotation_lines(annotation: tuple[str, ...], instance: Instance) -> tuple[str, ...]:
    """Return the lines to write into a picture."""
    series = instance.series
    study, patient = series.study, series.study.patient
    lines: list[str] = []
    if PATIENT in annotation:
        lines += [patient.name_display or "No name", f"ID {patient.patient_id or 'none'}"]
        lines.append(" ".join(part for part in (patient.patient_birth_date, patient.patient_sex) if part))
    if TECHNIQUE in annotation:
        lines.append(" ".join(part for part in (study.study_date, series.modality, series.series_description) if part))
        number, count = instance.instance_number or "?", series.instance_count
        lines.append(f"Series {series.series_number or '?'}, instance {number} of {count}")
    return tuple(line for line in lines if line)


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or abs(number) > 1e9:
        raise Problem(400, f"{text[:40]!r} in the {what} is no number.")
    return number
