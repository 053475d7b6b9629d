"""Every failure below the addresses of programs is a JSON document with its reason (RFC 9457), never a page."""

from typing import Any

import pytest
from django.test import Client

from pacsbrowser.access.middleware import IdleTimeoutMiddleware
from tests.datasets import ingest_datasets, make_dataset
from tests.dicomweb.tools import BASE, Api, person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api() -> Api:
    """A program that may read and store."""
    return Api(person())


def assert_problem(answer: Any, status: int) -> str:
    """Check that an answer is a problem of this status, and return its reason."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["status"] == status
    return str(answer.json()["detail"])


@pytest.mark.parametrize("path", [BASE, f"{BASE}/studies", f"{BASE}/x/y", "/wado"])
@pytest.mark.parametrize("method", ["get", "post", "options", "delete"])
def test_a_wrong_host_is_told(api: Api, path: str, method: str) -> None:
    answer = getattr(api, method)(path, headers={"Host": "evil.example"})
    assert "PACSBROWSER_HOSTS" in assert_problem(answer, 400)


def test_a_port_that_is_none_is_told(api: Api) -> None:
    """Addresses in answers could not be built with it."""
    ingest_datasets(make_dataset())
    answer = api.get(f"{BASE}/studies", headers={"Host": "localhost:99999"})
    assert_problem(answer, 400)


def test_a_page_stays_a_page(api: Api) -> None:
    answer = api.get("/", headers={"Host": "evil.example"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert api.get("/dicom-webx/")["Content-Type"] == "text/html; charset=utf-8"


def test_a_failure_outside_of_the_api_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(IdleTimeoutMiddleware, "__call__", fail)
    answer = Client(raise_request_exception=False).get(f"{BASE}/studies")
    said = assert_problem(answer, 500)
    assert answer["X-Request-Number"] in said and "secret" not in said


def test_a_failure_inside_is_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("pacsbrowser.dicomweb.search.find_objects", fail)
    said = assert_problem(api.get(f"{BASE}/studies"), 500)
    assert "secret" not in said


def test_the_base_address_needs_no_slash(api: Api) -> None:
    for path in (BASE, f"{BASE}/"):
        assert api.get(path).json()["standard"] == "DICOM PS3.18"
        assert api.options(path).status_code == 200
    allowed = api.options(f"{BASE}/studies")
    assert (allowed.status_code, allowed["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert "Content-Type" not in allowed.headers


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_are_refused(api: Api, method: str) -> None:
    answer = api.generic(method, f"{BASE}/studies")
    assert_problem(answer, 405)
    assert answer["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_a_program_with_a_token_passes_none_of_what_is_for_browsers(api: Api) -> None:
    answer = api.get(f"{BASE}/studies", headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "private, no-store" and answer["X-Content-Type-Options"] == "nosniff"
    assert int(answer["Content-Length"]) == len(answer.content)
    assert not answer.cookies and "Content-Security-Policy" not in answer.headers
    assert "X-Request-Number" in answer.headers
    assert_problem(api.get(f"{BASE}/nothing/here"), 404)
