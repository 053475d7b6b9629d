"""What the page of an instance opens with: a presentation for its kind of object, where there is one.

A presentation is a template of `templates/presentations/` and what it shows. It stands before the attributes, the file
and the tags, which every object has.
"""

from collections.abc import Callable

from django.http import QueryDict

from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.pages.lookup import InstancePlace
from pacsbrowser.pages.presentation import Presentation
from pacsbrowser.pages.report_page import present_key_objects, present_report

# Makes the presentation of an instance from its place and the query of the page; None where it holds nothing to show.
Present = Callable[[InstancePlace, QueryDict], Presentation | None]

# By the kind of object (`dicom.modality.object_kind`).
PRESENTATIONS: dict[str, Present] = {
    "SR": present_report,
    "key objects": present_key_objects,
}


def presentation_of(place: InstancePlace, query: QueryDict) -> Presentation | None:
    """Return what the page of an instance opens with; None for one that has its picture or its card."""
    present = PRESENTATIONS.get(object_kind(place.instance.sop_class_uid))
    return present(place, query) if present else None
