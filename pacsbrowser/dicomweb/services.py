"""What this API offers, as a table: each transaction with its paths, parameters and media types (PS3.18 10.1)."""

from dataclasses import dataclass

from pacsbrowser.dicomweb.accept import DICOM, DICOM_JSON, DICOM_XML, JSON, RELATED

WADL = "application/vnd.sun.wadl+xml"
_STUDY = "studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"
_FRAMES = f"{_INSTANCE}/frames/{{frames}}"
_LEVELS = (_STUDY, _SERIES, _INSTANCE)
_PARTS = f'{RELATED}; type="{DICOM}"; transfer-syntax=*'
_PARTS_XML = f'{RELATED}; type="{DICOM_XML}"'
_OCTETS = "application/octet-stream"
_PARTS_OCTETS = f'{RELATED}; type="{_OCTETS}"; transfer-syntax=*'
_IMAGES = ("image/jpeg", "image/png", "image/webp")
_FOUND = (DICOM_JSON, JSON, _PARTS_XML)
_SEARCH = ("{attribute}", "includefield", "fuzzymatching", "emptyvalue", "multiplevalue", "limit", "offset", "accept")
_RENDERING = ("window", "viewport", "quality", "annotation", "iccprofile", "accept")


@dataclass(frozen=True, slots=True)
class Service:
    """One transaction: its method and paths, the query parameters it takes, and what it sends and receives."""

    name: str
    method: str
    paths: tuple[str, ...]
    sends: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ("accept",)
    receives: tuple[str, ...] = ()


def _below(paths: tuple[str, ...], last: str) -> tuple[str, ...]:
    return tuple(f"{path}/{last}" for path in paths)


SERVICES: tuple[Service, ...] = (
    Service("SearchForStudies", "GET", ("studies",), _FOUND, _SEARCH),
    Service("SearchForSeries", "GET", (f"{_STUDY}/series", "series"), _FOUND, _SEARCH),
    Service("SearchForInstances", "GET", (f"{_SERIES}/instances", f"{_STUDY}/instances", "instances"), _FOUND, _SEARCH),
    Service("RetrieveStudyOrSeries", "GET", (_STUDY, _SERIES), (_PARTS, "application/zip")),
    Service("RetrieveInstance", "GET", (_INSTANCE,), (_PARTS, f"{DICOM}; transfer-syntax=*", "application/zip")),
    Service("RetrieveMetadata", "GET", _below(_LEVELS, "metadata"), (DICOM_JSON, JSON, _PARTS_XML)),
    Service("RetrieveBulkdata", "GET", (f"{_INSTANCE}/bulkdata/{{path}}",), (_PARTS_OCTETS, _OCTETS)),
    Service("RetrieveFrames", "GET", (_FRAMES,), (_PARTS_OCTETS, _OCTETS)),
    Service(
        "RetrieveRendered",
        "GET",
        _below((*_LEVELS, _FRAMES), "rendered"),
        (*_IMAGES, "text/html", "application/pdf", "video/mp4"),
        _RENDERING,
    ),
    Service("RetrieveThumbnail", "GET", _below((*_LEVELS, _FRAMES), "thumbnail"), _IMAGES, ("viewport", "accept")),
    Service(
        "StoreInstances",
        "POST",
        ("studies", _STUDY),
        (DICOM_JSON, JSON, DICOM_XML),
        receives=(f'{RELATED}; type="{DICOM}"', DICOM),
    ),
    Service("Delete", "DELETE", _LEVELS, parameters=()),
    Service("RetrieveCapabilities", "OPTIONS", ("",), (WADL, JSON)),
)
