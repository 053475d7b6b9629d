"""The resources of DICOMweb (PS3.18 10.1), below /dicom-web/. A slash at the end is allowed and means nothing."""

import re
from collections.abc import Callable

from django.http import HttpResponseBase
from django.urls import URLPattern, re_path

from pacsbrowser.dicomweb.resource import nothing_here, resource


def route(text: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """Return the pattern of an address such as studies/<study>/series."""
    pattern = re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", text)
    return re_path(f"^{pattern}/?$", view, name=f"dicomweb_{name}")


urlpatterns = [
    # last: what is none of the above
    re_path("^.*$", resource(GET=nothing_here, POST=nothing_here, DELETE=nothing_here)),
]
