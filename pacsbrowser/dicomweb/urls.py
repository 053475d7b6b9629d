"""The resources of DICOMweb (PS3.18 10.1), below /dicom-web/. A slash at the end is allowed and means nothing."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, include, re_path

from pacsbrowser.dicomweb.capabilities import retrieve_capabilities, show_capabilities
from pacsbrowser.dicomweb.resource import nothing_here, resource
from pacsbrowser.dicomweb.retrieval_urls import retrieval_urls
from pacsbrowser.dicomweb.retrieve import remove, retrieve
from pacsbrowser.dicomweb.search import search_instances, search_series, search_studies
from pacsbrowser.dicomweb.store import store_instances

_PROGRAMS = re.compile(r"/(dicom-web|wado)(/|$)")


def is_of_programs(request: HttpRequest) -> bool:
    """Say whether an address is one of this API, whose every answer is for programs."""
    return _PROGRAMS.match(request.path_info) is not None


def route(text: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """Return the pattern of an address such as studies/<study>/series; <path:path> goes over several steps."""
    steps = re.sub(r"<path:(\w+)>", r"(?P{\1}.+?)", text)
    pattern = re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", steps).replace("{", "<").replace("}", ">")
    return re_path(f"^{pattern}/?$" if pattern else "^$", view, name=f"dicomweb_{name}")


urlpatterns = [
    route("", resource(GET=show_capabilities, OPTIONS=retrieve_capabilities), "capabilities"),
    route("studies", resource(GET=search_studies, POST=store_instances), "studies"),
    route("series", resource(GET=search_series), "all_series"),
    route("instances", resource(GET=search_instances), "all_instances"),
    route("studies/<study>/series", resource(GET=search_series), "study_series"),
    route("studies/<study>/instances", resource(GET=search_instances), "study_instances"),
    route("studies/<study>/series/<series>/instances", resource(GET=search_instances), "series_instances"),
    route("studies/<study>", resource(GET=retrieve, POST=store_instances, DELETE=remove), "study"),
    *retrieval_urls(route),
    # Our own pages, where studies of several patients share a UID: only what one of them holds, by the study's key.
    re_path(r"^holders/(?P<holder>\d{1,18})/", include(retrieval_urls(route))),
    # last: what is none of the above
    re_path("^.*$", resource(GET=nothing_here, POST=nothing_here, DELETE=nothing_here)),
]
