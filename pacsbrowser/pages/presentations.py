"""What the page of an instance opens with: a presentation for its kind of object, where there is one.

A presentation is a template of `templates/presentations/` and what it shows. It stands before the attributes, the file
and the tags, which every object has.
"""

from collections.abc import Callable

from django.http import QueryDict

from pacsbrowser.dicom.modality import object_kind
from pacsbrowser.dicom.transfer_syntaxes import VIDEO
from pacsbrowser.pages.document_page import present_document, present_video
from pacsbrowser.pages.lookup import InstancePlace
from pacsbrowser.pages.presentation import Presentation
from pacsbrowser.pages.report_page import present_key_objects, present_report
from pacsbrowser.pages.rt_page import present_dose, present_structures
from pacsbrowser.pages.segment_page import present_segmentation
from pacsbrowser.pages.state_page import present_state
from pacsbrowser.pages.summary_page import present_summary
from pacsbrowser.pages.waveform_page import present_waveform

# Makes the presentation of an instance from its place and the query of the page; None where it holds nothing to show.
Present = Callable[[InstancePlace, QueryDict], Presentation | None]

# By the kind of object (`dicom.modality.object_kind`).
PRESENTATIONS: dict[str, Present] = {
    "SR": present_report,
    "key objects": present_key_objects,
    "presentation": present_state,
    "PDF": present_document,
    "CDA document": present_document,
    "3D model": present_document,
    "3D material": present_document,
    "document": present_document,
    "waveform": present_waveform,
    "RT structures": present_structures,
    "RT dose": present_dose,
    "segmentation": present_segmentation,
}


def presentation_of(place: InstancePlace, query: QueryDict) -> Presentation | None:
    """Return what the page of an instance opens with; None for an image, which has its picture.

    An object of a kind that has no presentation of its own has a summary: none is without a page.
    """
    instance = place.instance
    kind = object_kind(instance.sop_class_uid)
    present = present_video if instance.transfer_syntax_uid in VIDEO else PRESENTATIONS.get(kind, present_summary)
    if kind == "image" and present is present_summary and instance.has_pixel_data:
        return None
    try:
        return present(place, query)
    except FileNotFoundError:
        return None  # the page says that the file is not in the store
