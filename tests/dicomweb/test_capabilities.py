"""What is said to be offered is offered (PS3.18 8.9)."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from pacsbrowser.dicomweb.services import SERVICES, Service
from tests.dicomweb.tools import BASE, Api, person

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = {"w": "http://wadl.dev.java.net/2009/02"}


def test_options_answers_in_wadl_and_json() -> None:
    api = Api(person())
    wadl = api.options(f"{BASE}/")
    assert wadl["Content-Type"] == "application/vnd.sun.wadl+xml"
    tree = ElementTree.fromstring(wadl.content)
    resources = tree.find("w:resources", NAMES)
    assert resources is not None
    assert resources.get("base") == f"http://testserver{BASE}/"
    studies = resources.find("w:resource[@path='studies']", NAMES)
    assert studies is not None
    assert {method.get("name") for method in studies.findall("w:method", NAMES)} == {"GET", "POST"}
    said = api.options(f"{BASE}/", headers={"Accept": "application/json"}).json()
    assert {one["name"] for one in said["services"]} == {one.name for one in SERVICES}
    assert api.get(f"{BASE}/").json() == said


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_every_path_takes_its_method(service: Service) -> None:
    api = Api(person())
    for path in service.paths:
        address = re.sub(r"\{(\w+)\}", lambda found: "1" if found[1] == "frames" else "1.2.3", f"{BASE}/{path}")
        if path:
            allowed = api.options(address)["Allow"].split(", ")
            assert service.method in allowed, (path, allowed)
        for method in ("PUT", "PATCH"):
            refused = api.generic(method, address)
            assert refused.status_code == 405
            assert refused["Allow"]
