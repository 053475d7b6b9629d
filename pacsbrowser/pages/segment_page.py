"""What the page of a segmentation shows: a slice with its segments in colour over its image, and their table."""

from typing import Any

from django.http import QueryDict

from pacsbrowser.archive import storage
from pacsbrowser.archive.derived.layered import segment_layers
from pacsbrowser.dicom.data_item import read_object
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.segments import parse_segmentation
from pacsbrowser.pages.attribute_tables import facts_of
from pacsbrowser.pages.lookup import InstancePlace
from pacsbrowser.pages.presentation import Presentation
from pacsbrowser.pages.slices import leaf_of
from pacsbrowser.pages.summaries import SEGMENTATION
from pacsbrowser.pages.summary_page import present_summary

STYLE = "css/presentations.css"
LISTED = 300


def present_segmentation(place: InstancePlace, query: QueryDict) -> Presentation:
    """Return the slice that the address asks for, and the segments; a surface segmentation has its summary."""
    instance = place.instance
    if not instance.has_pixel_data:
        return present_summary(place, query)
    shown: dict[str, Any] = {}
    left_out = ""
    try:
        with storage.open_blob(instance.blob) as file:
            dataset = read_object(file)
        left_out = dataset.problem
        segmentation = parse_segmentation(dataset)
        leaf = leaf_of(query, len(segmentation.slices), segmentation.fullest)
        part = segmentation.slices[leaf.number - 1]
        visible = {mask.segment for mask in part.frames}
        shown = {
            "segmentation": segmentation, "segments": segmentation.segments[:LISTED], "leaf": leaf,
            "below": segment_layers(instance, segmentation, part, place.scope).image,
            "names_source": bool(part.source_uid), "facts": facts_of(dataset, SEGMENTATION),
            "in_slice": [one for one in segmentation.segments[:LISTED] if one.number in visible],
        }  # fmt: skip
    except DicomError as error:
        shown["problem"] = error.reason
    return Presentation("segmentation.html", shown, STYLE, left_out=left_out)
