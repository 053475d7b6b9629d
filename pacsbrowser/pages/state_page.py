"""The presentation of presentation states: what they change, and the images as they show them."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import QueryDict

from pacsbrowser.archive import storage
from pacsbrowser.archive.referenced import find_referenced
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.presentation_state import (
    Annotation,
    Grey,
    Images,
    PresentationState,
    read_presentation_state,
)
from pacsbrowser.pages.lookup import InstancePlace
from pacsbrowser.pages.object_links import ObjectLink, link_to
from pacsbrowser.pages.presentation import Presentation
from pacsbrowser.pages.state_figure import Figure, figure_of
from pacsbrowser.pages.templatetags.dicom_format import counted

FIGURES = 24
GREYS = 12


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the state sets, in words."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Layer:
    """What is drawn and written in one layer, in words."""

    name: str
    description: str
    drawn: str
    texts: tuple[str, ...]


def present_state(place: InstancePlace, query: QueryDict) -> Presentation | None:
    """Return a presentation state: its images under it, its changes, its annotations."""
    try:
        with storage.open_blob(place.instance.blob) as file:
            state = read_presentation_state(file)
    except (DicomError, OSError):
        return None
    figures, links = _images(state, place)
    shown = {
        "state": state,
        "figures": figures,
        "links": links,
        "left": len(state.images) - len(figures) - len(links),
        "changes": list(_changes(state)),
        "layers": list(_layers(state)),
    }
    return Presentation("state.html", shown, "css/reports.css")


def _images(state: PresentationState, place: InstancePlace) -> tuple[list[Figure], list[ObjectLink]]:
    """Return the first images as they are shown, and links to those of them without a picture."""
    first = state.images[:FIGURES]
    found = find_referenced((image.sop_instance_uid for image in first), place.instance, place.scope)
    figures, links = [], []
    for image in first:
        instance = found.get(image.sop_instance_uid)
        frame = image.frames[0] if image.frames else 1
        note = f"frame {frame}" if image.frames else ""
        link = link_to(image.sop_instance_uid, image.sop_class_uid, instance, frame, note)
        if instance and link.has_picture:
            figures.append(figure_of(state, link, instance))
        else:
            links.append(link)
    return figures, links


def _changes(state: PresentationState) -> Iterator[Change]:
    if state.rescale:
        yield Change("Values", state.rescale)
    for grey in state.greys[:GREYS]:
        yield Change("Window", f"{_grey(grey)}, {_images_text(grey.images)}")
    if len(state.greys) > GREYS:
        yield Change("Windows", f"{len(state.greys):,} in all")
    if state.presentation:
        yield Change("Presentation LUT", state.presentation)
    if state.colour:
        yield Change("Colour", state.colour)
    for blend in state.blending:
        yield Change("Blending", blend)
    yield from _geometry(state)
    if state.subtraction:
        yield Change("Mask", "subtracted from the image")


def _geometry(state: PresentationState) -> Iterator[Change]:
    turned = [f"turned by {state.rotation}° clockwise"] if state.rotation else []
    turned += ["flipped from left to right"] if state.is_flipped else []
    if turned:
        yield Change("Spatial transformation", ", then ".join(turned))
    if state.shutter:
        shapes = ", ".join(state.shutter.shapes)
        yield Change("Shutter", f"{shapes}{', by an overlay that is not drawn here' if state.shutter.overlay else ''}")
    for area in state.areas[:GREYS]:
        corners = ""
        if area.corners:
            (left, upper), (right, lower) = area.corners
            corners = f"columns {left:g} to {right:g}, rows {upper:g} to {lower:g}"
        parts = (corners, area.mode, area.detail, _images_text(area.images))
        yield Change("Displayed area", ", ".join(part for part in parts if part))


def _grey(grey: Grey) -> str:
    said = f" “{grey.explanation}”" if grey.explanation else ""
    if grey.table:
        return f"lookup table of {grey.table:,} entries{said}, not applied to the pictures here"
    if grey.center is None or grey.width is None:
        return "not to be read"
    function = f", {grey.function.lower().replace('_', ' ')}" if grey.function else ""
    return f"center {grey.center:g}, width {grey.width:g}{function}{said}".replace("-", "−")


def _images_text(images: Images) -> str:
    return counted(len(images), "image") if images else "all images"


def _layers(state: PresentationState) -> Iterator[Layer]:
    descriptions = dict(state.layers)
    by_layer: dict[str, list[Annotation]] = {name: [] for name in descriptions}
    for annotation in state.annotations:
        by_layer.setdefault(annotation.layer, []).append(annotation)
    for name, found in by_layer.items():
        shapes = [drawn.kind.lower() for annotation in found for drawn in annotation.drawn]
        counts = ", ".join(f"{shapes.count(kind):,} × {kind}" for kind in dict.fromkeys(shapes))
        compound = sum(annotation.compound for annotation in found)
        more = f"{compound:,} × compound graphic, not drawn here" if compound else ""
        texts = tuple(words.text for annotation in found for words in annotation.words)
        yield Layer(name, descriptions.get(name, ""), ", ".join(part for part in (counts, more) if part), texts[:100])
