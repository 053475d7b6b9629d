"""The resources of retrieval (PS3.18 Table 10.4.1-1) below a study."""

from collections.abc import Callable

from django.http import HttpResponseBase
from django.urls import URLPattern

from pacsbrowser.dicomweb.bulkdata import retrieve_bulkdata
from pacsbrowser.dicomweb.frames import retrieve_frames
from pacsbrowser.dicomweb.metadata import retrieve_instance_metadata, retrieve_metadata
from pacsbrowser.dicomweb.rendered import rendered, rendered_frames, thumbnail
from pacsbrowser.dicomweb.resource import resource
from pacsbrowser.dicomweb.retrieve import remove, retrieve

STUDY = "studies/<study>"
SERIES = f"{STUDY}/series/<series>"
INSTANCE = f"{SERIES}/instances/<instance>"
FRAMES = f"{INSTANCE}/frames/<frames>"

Route = Callable[[str, Callable[..., HttpResponseBase], str], URLPattern]


def retrieval_urls(route: Route) -> list[URLPattern]:
    """Return the patterns; `route` makes one of an address, a view and a name."""
    urls = [
        route(f"{STUDY}/metadata", resource(GET=retrieve_metadata), "study_metadata"),
        route(SERIES, resource(GET=retrieve, DELETE=remove), "series"),
        route(f"{SERIES}/metadata", resource(GET=retrieve_metadata), "series_metadata"),
        route(INSTANCE, resource(GET=retrieve, DELETE=remove), "instance"),
        route(f"{INSTANCE}/metadata", resource(GET=retrieve_instance_metadata), "instance_metadata"),
        route(f"{INSTANCE}/bulkdata/<path:path>", resource(GET=retrieve_bulkdata), "bulkdata"),
        route(FRAMES, resource(GET=retrieve_frames), "frames"),
        route(f"{FRAMES}/rendered", resource(GET=rendered_frames), "frames_rendered"),
        route(f"{FRAMES}/thumbnail", resource(GET=thumbnail), "frames_thumbnail"),
    ]
    for level, name in ((STUDY, "study"), (SERIES, "series"), (INSTANCE, "instance")):
        urls.append(route(f"{level}/rendered", resource(GET=rendered), f"{name}_rendered"))
        urls.append(route(f"{level}/thumbnail", resource(GET=thumbnail), f"{name}_thumbnail"))
    return urls
