"""What is offered (PS3.18 8.9 and 14): the answer to OPTIONS, as WADL or as JSON, from one table."""

import json
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

from django.http import HttpResponse

from pacsbrowser.dicomweb.accept import DICOM, DICOM_JSON, DICOM_XML, JSON, RELATED, Offer
from pacsbrowser.dicomweb.resource import Call

WADL = "application/vnd.sun.wadl+xml"
_PARTS_XML = f'{RELATED}; type="{DICOM_XML}"'
_FOUND = (DICOM_JSON, JSON, _PARTS_XML)
_SEARCH = ("{attribute}", "includefield", "fuzzymatching", "emptyvalue", "multiplevalue", "limit", "offset", "accept")


@dataclass(frozen=True, slots=True)
class Service:
    """One transaction: its method and paths, the query parameters it takes, and what it sends and receives."""

    name: str
    method: str
    paths: tuple[str, ...]
    sends: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    receives: tuple[str, ...] = ()


SERVICES: tuple[Service, ...] = (
    Service("SearchForStudies", "GET", ("studies",), _FOUND, _SEARCH),
    Service("SearchForSeries", "GET", ("studies/{study}/series", "series"), _FOUND, _SEARCH),
    Service(
        "SearchForInstances",
        "GET",
        ("studies/{study}/series/{series}/instances", "studies/{study}/instances", "instances"),
        _FOUND,
        _SEARCH,
    ),
    Service(
        "StoreInstances",
        "POST",
        ("studies", "studies/{study}"),
        (DICOM_JSON, JSON, DICOM_XML),
        ("accept",),
        (f'{RELATED}; type="{DICOM}"', DICOM),
    ),
    Service("RetrieveCapabilities", "OPTIONS", ("",), (WADL, JSON), ("accept",)),
)


def retrieve_capabilities(call: Call) -> HttpResponse:
    """Say what is offered."""
    offer = call.choose(Offer(WADL), Offer(JSON), Offer(DICOM_JSON))
    if offer.media_type == WADL:
        return HttpResponse(_wadl(call.base), content_type=WADL)
    return HttpResponse(json.dumps(_json(call.base)), content_type=JSON)


def show_capabilities(call: Call) -> HttpResponse:
    """Say the same to GET, as JSON unless asked otherwise: a browser shows it."""
    offer = call.choose(Offer(JSON), Offer(DICOM_JSON), Offer(WADL))
    if offer.media_type == WADL:
        return HttpResponse(_wadl(call.base), content_type=WADL)
    return HttpResponse(json.dumps(_json(call.base)), content_type=JSON)


def _json(base: str) -> dict[str, Any]:
    services = [
        {
            "name": one.name,
            "method": one.method,
            "paths": [f"/{path}" for path in one.paths],
            "parameters": list(one.parameters),
            "requestMediaTypes": list(one.receives),
            "responseMediaTypes": list(one.sends),
        }
        for one in SERVICES
    ]
    return {"base": base, "standard": "DICOM PS3.18", "services": services}


def _wadl(base: str) -> str:
    """Return the description in the Web Application Description Language, a resource a path."""
    by_path: dict[str, list[Service]] = {}
    for one in SERVICES:
        for path in one.paths:
            by_path.setdefault(path, []).append(one)
    resources = "".join(
        f"<resource path={quoteattr(path)}>{''.join(map(_wadl_method, services))}</resource>"
        for path, services in by_path.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<application xmlns="http://wadl.dev.java.net/2009/02">'
        f"<resources base={quoteattr(base + '/')}>{resources}</resources></application>"
    )


def _wadl_method(service: Service) -> str:
    parameters = "".join(f'<param name={quoteattr(name)} style="query"/>' for name in service.parameters)
    received = "".join(f"<representation mediaType={quoteattr(one)}/>" for one in service.receives)
    sent = "".join(f"<representation mediaType={quoteattr(one)}/>" for one in service.sends)
    return (
        f'<method name="{service.method}"><doc title="{service.name}"/><request>{parameters}{received}</request>'
        f"<response>{sent}</response></method>"
    )
