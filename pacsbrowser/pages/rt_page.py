"""What the pages of structure sets and doses show: outlines on the CT, bands of dose, histograms, and their tables."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.http import QueryDict

from pacsbrowser.access.scope import Scope
from pacsbrowser.archive import storage
from pacsbrowser.archive.derived.layered import dose_layers, full_dose
from pacsbrowser.archive.models import Instance
from pacsbrowser.archive.underneath import image_at, images_by_uid
from pacsbrowser.dicom.data_item import read_object
from pacsbrowser.dicom.decoder import DecodingError
from pacsbrowser.dicom.dose import Histogram, bands_of, parse_dose, parse_histograms
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.geometry import Plane, plane_of
from pacsbrowser.dicom.part10 import open_data_set
from pacsbrowser.dicom.segments import PALETTE, hex_colour
from pacsbrowser.dicom.structures import (
    CLOSED,
    CONTOUR_DATA,
    Contour,
    Contours,
    Point,
    Region,
    fullest,
    parse_regions,
    read_contours,
    read_points,
)
from pacsbrowser.pages.attribute_tables import Fact, facts_of
from pacsbrowser.pages.curves import Chart, draw_curves
from pacsbrowser.pages.lookup import InstancePlace
from pacsbrowser.pages.presentation import Presentation
from pacsbrowser.pages.slices import leaf_of
from pacsbrowser.pages.summaries import RT_DOSE, RT_STRUCTURES

STYLE = "css/presentations.css"
OUTLINES = 500  # drawn on one slice
# The axes of the paper for contours that stand on x, y or z: which coordinate goes across, which down, and its sign.
_ACROSS_DOWN = {0: (1, 2, -1.0), 1: (0, 2, -1.0), 2: (0, 1, 1.0)}


@dataclass(frozen=True, slots=True)
class Outline:
    """A contour as it is drawn: its region's name and colour, and its path; a point is a small circle."""

    name: str
    colour: str
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Outlines in a box of SVG, over an image where one is here."""

    left: float
    top: float
    width: float
    height: float
    outlines: list[Outline]
    image: Instance | None = None


def present_structures(place: InstancePlace, query: QueryDict) -> Presentation:
    """Return the outlines of the slice that the address asks for, and all regions."""
    shown: dict[str, Any] = {}
    left_out = ""
    try:
        with storage.open_blob(place.instance.blob) as file:
            contours = read_contours(file)
            dataset = read_object(file, frozenset((CONTOUR_DATA,)))
            left_out = dataset.problem
            regions = parse_regions(dataset, contours)
            slices = contours.slices()
            shown = {"regions": regions, "is_cut": contours.is_cut, "facts": facts_of(dataset, RT_STRUCTURES)}
            if slices:
                leaf = leaf_of(query, len(slices), fullest(slices))
                height, found = slices[leaf.number - 1]
                window = open_data_set(file).window
                points = [(contour, read_points(window, contour)) for contour in found[:OUTLINES]]
                image = _image_below(place.instance, contours, regions, found, height, place.scope)
                drawing = draw_outlines(points, regions, contours.axis, image)
                shown |= {"leaf": leaf, "height": height, "axis": "xyz"[contours.axis], "drawing": drawing}
    except DicomError as error:
        shown["problem"] = error.reason
    return Presentation("structures.html", shown, STYLE, left_out=left_out)


def _image_below(
    instance: Instance, contours: Contours, regions: list[Region], found: list[Contour], height: float, scope: Scope
) -> Instance | None:
    """Return the image that the contours of a slice name, else the one at their height."""
    if contours.axis != 2:
        return None
    uids = [contour.image_uid for contour in found if contour.image_uid]
    named = images_by_uid(uids[:20], scope, instance)
    frames = {region.frame_of_reference_uid for region in regions}
    return next(iter(named.values()), None) or (image_at(instance, next(iter(frames)), height, scope)
                                                if len(frames) == 1 else None)  # fmt: skip


def draw_outlines(
    points: list[tuple[Contour, list[Point]]], regions: list[Region], axis: int, image: Instance | None = None
) -> Drawing:
    """Return the drawing of contours: in pixels of an image on which they can be placed, else in mm."""
    plane = _plane(image) if image else None
    known = {region.number: region for region in regions}
    flat = [(contour, _flat(found, axis, plane)) for contour, found in points if found]
    if image and plane:
        left, top, width, height = -0.5, -0.5, float(image.columns or 1), float(image.rows or 1)
    else:
        xs, ys = [x for _, found in flat for x, _ in found], [y for _, found in flat for _, y in found]
        margin = max(max(xs) - min(xs), max(ys) - min(ys), 20.0) * 0.08
        left, top = min(xs) - margin, min(ys) - margin
        width, height = max(xs) - left + margin, max(ys) - top + margin
    outlines = [_outline(contour, found, known.get(contour.region), max(width, height)) for contour, found in flat]
    return Drawing(left, top, width, height, outlines, image if plane else None)


def _plane(image: Instance) -> Plane | None:
    with storage.open_blob(image.blob) as file:
        return plane_of(read_object(file).model)


def _flat(points: list[Point], axis: int, plane: Plane | None) -> list[tuple[float, float]]:
    if plane:
        return [(float(x), float(y)) for x, y in plane.pixel_of(np.array(points))]
    across, down, sign = _ACROSS_DOWN[axis]
    return [(point[across], sign * point[down]) for point in points]


def _outline(contour: Contour, points: list[tuple[float, float]], region: Region | None, size: float) -> Outline:
    name = region.name if region else f"Region {contour.region}"
    colour = region.hexadecimal if region else hex_colour(PALETTE[0])
    if len(points) == 1:
        x, y, arm = points[0][0], points[0][1], size / 60
        return Outline(name, colour, f"M{x - arm:.2f} {y:.2f}h{2 * arm:.2f}M{x:.2f} {y - arm:.2f}v{2 * arm:.2f}")
    path = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points)
    return Outline(name, colour, path + "Z" if contour.geometry in CLOSED else path)


def present_dose(place: InstancePlace, query: QueryDict) -> Presentation:
    """Return a frame of a dose in bands, its facts, and the histograms."""
    instance = place.instance
    shown: dict[str, Any] = {}
    left_out = ""
    try:
        with storage.open_blob(instance.blob) as file:
            dataset = read_object(file)
        left_out = dataset.problem
        histograms = parse_histograms(dataset)
        names = _region_names(instance, place.scope) if histograms else {}
        shown = {"histograms": [(one, _names(one, names)) for one in histograms],
                 "chart": _histogram_chart(histograms, names)}  # fmt: skip
        grid: list[Fact] = []
        if instance.has_pixel_data:
            dose = parse_dose(dataset, full_dose(instance.blob))
            leaf = leaf_of(query, dose.frames, dose.frames // 2)
            layered = dose_layers(instance, dose, leaf.number - 1, place.scope)
            grid = [Fact("Grid", f"{instance.columns} × {instance.rows} × {dose.frames}"),
                    Fact("Highest dose", f"{dose.shown(dose.full or 0):.5g} {dose.units.title()}")]  # fmt: skip
            shown |= {"dose": dose, "bands": bands_of(dose), "leaf": leaf, "below": layered.image,
                      "height": dose.height_of(leaf.number - 1)}  # fmt: skip
        shown["facts"] = [*grid, *facts_of(dataset, RT_DOSE)]
    except (DicomError, DecodingError) as error:
        shown["problem"] = error.reason
    return Presentation("dose.html", shown, STYLE, left_out=left_out)


def _region_names(instance: Instance, scope: Scope) -> dict[int, tuple[str, str]]:
    """Return names and colours of regions from the structure set that the dose refers to, if it is here."""
    targets = instance.references.filter(kind="rt_structure_set").values("target_uid")
    row = Instance.objects.visible_to(scope).filter(
        sop_instance_uid__in=targets, series__study__patient=instance.series.study.patient_id
    ).select_related("blob").first()  # fmt: skip
    if row is None:
        return {}
    with storage.open_blob(row.blob) as file:
        contours = read_contours(file)
        regions = parse_regions(read_object(file, frozenset((CONTOUR_DATA,))), contours)
    return {region.number: (region.name, region.hexadecimal) for region in regions}


def _names(histogram: Histogram, names: dict[int, tuple[str, str]]) -> str:
    return ", ".join(names.get(number, (f"Region {number}", ""))[0] for number in histogram.regions) or "no region"


def _histogram_chart(histograms: list[Histogram], names: dict[int, tuple[str, str]]) -> Chart | None:
    if not histograms:
        return None
    curves = []
    for place, one in enumerate(histograms):
        given = names.get(one.regions[0], ("", ""))[1] if one.regions else ""
        curves.append((_names(one, names), given or hex_colour(PALETTE[place % len(PALETTE)]), one.points))
    first = histograms[0]
    return draw_curves(curves, f"Dose, {first.dose_units.title()}", f"Volume, {_volume(first.volume_units)}")


def _volume(units: str) -> str:
    return {"CM3": "cm³", "PERCENT": "%", "PER_U": "per unit"}.get(units, units)
