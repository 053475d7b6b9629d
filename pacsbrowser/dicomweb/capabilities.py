"""What is offered (PS3.18 8.9 and 14): the answer to OPTIONS, as WADL or as JSON, from the table of services."""

import json
from typing import Any
from xml.sax.saxutils import quoteattr

from django.http import HttpResponse

from pacsbrowser.dicomweb.accept import DICOM_JSON, JSON, Offer
from pacsbrowser.dicomweb.resource import Call
from pacsbrowser.dicomweb.services import SERVICES, WADL, Service


def retrieve_capabilities(call: Call) -> HttpResponse:
    """Say what is offered."""
    return _answer(call, call.choose(Offer(WADL), Offer(JSON), Offer(DICOM_JSON)))


def show_capabilities(call: Call) -> HttpResponse:
    """Say the same to GET, as JSON unless asked otherwise: a browser shows it."""
    return _answer(call, call.choose(Offer(JSON), Offer(DICOM_JSON), Offer(WADL)))


def _answer(call: Call, offer: Offer) -> HttpResponse:
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
