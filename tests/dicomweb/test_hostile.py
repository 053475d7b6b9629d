"""Whatever is sent, the answer is a sentence and never a failure of the server: headers, queries, bodies at random."""

import io
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacsbrowser.archive.models import Instance, Level
from pacsbrowser.archive.search import ABOVE, KEYS
from pacsbrowser.dicomweb.accept import DICOM_JSON, DICOM_XML, Offer, accepted, choose, parse_accept
from pacsbrowser.dicomweb.problems import Problem
from tests.datasets import ingest_datasets, make_dataset, make_series
from tests.dicomweb.tools import BASE, BOUNDARY, RELATED, Api, person, related

calm = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
KEYWORDS = [keyword for level in ABOVE[Level.INSTANCE] for keyword in KEYS[level]]
PARAMETERS = ["limit", "offset", "includefield", "fuzzymatching", "emptyvalue", "multiplevalue", "accept", "orderby"]
PIECES = [
    "*",
    "?",
    "\\",
    ",",
    "^",
    "=",
    "-",
    "[",
    "]",
    "%",
    "_",
    "'",
    '"',
    "\0",
    " ",
    "20240101",
    "1.2.3",
    "王",
    "ä",
    "CT",
]
WORDS = [
    "application/dicom+json",
    "multipart/related",
    "*/*",
    "type=",
    '"',
    ";",
    ",",
    "q=0.5",
    "q=x",
    "\\",
    "=",
    " ",
    "a/b",
]


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=12).map("".join))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_accept_header_is_read(text: str) -> None:
    ranges = parse_accept(text)
    assert all(0 < one.quality <= 1 for one in ranges)
    try:
        choose(ranges, [Offer(DICOM_JSON), Offer(DICOM_XML, is_multipart=True)])
    except Problem as problem:
        assert problem.status == 406


@given(
    st.sampled_from(["application/dicom", "image/jpeg"]),
    st.sampled_from(["1.2.840.10008.1.2.1", "*", ""]),
    st.booleans(),
)
@settings(deadline=None, derandomize=True)
def test_what_is_written_is_read_back(inner: str, syntax: str, quoted: bool) -> None:
    mark = '"' if quoted else ""
    text = f"text/x;q=0.1, multipart/related; type={mark}{inner}{mark}; transfer-syntax={syntax}; q=0.9"
    best = parse_accept(text)[0]
    assert (best.type, best.inner, best.transfer_syntax, best.quality) == ("multipart/related", inner, syntax, 0.9)
    assert best.takes_parts(inner)
    assert not best.takes_parts("text/plain")


def test_the_accept_parameter_goes_first_and_may_hold_a_bare_plus() -> None:
    request = RequestFactory().get("/?Accept=application/dicom+json", headers={"Accept": "image/png"})
    assert [one.type for one in accepted(request)] == [DICOM_JSON]


@pytest.mark.django_db(transaction=True)
class TestRequests:
    """Requests at random to a small archive."""

    @pytest.fixture
    def api(self) -> Api:
        """A program that may do everything."""
        ingest_datasets(*make_series(3))
        return Api(person())

    @calm
    @given(
        path=st.sampled_from(["studies", "series", "instances", "studies/1.2/series", "studies/x%00y/instances"]),
        parameters=st.lists(
            st.tuples(
                st.sampled_from(KEYWORDS + PARAMETERS) | st.text(max_size=10),
                st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=5).map("".join),
            ),
            max_size=4,
        ),
        accept=st.sampled_from(["*/*", 'multipart/related; type="application/dicom+xml"', "x"]),
    )
    def test_any_query(self, api: Api, path: str, parameters: list[tuple[str, str]], accept: str) -> None:
        clean = [(name.encode("utf-8", "replace"), text.encode("utf-8", "replace")) for name, text in parameters]
        merged: dict[bytes, list[bytes]] = {}
        for name, text in clean:
            merged.setdefault(name, []).append(text)
        answer = api.get(f"{BASE}/{path}", merged, headers={"Accept": accept})
        assert answer.status_code in (200, 204, 400, 406), answer.content
        assert "html" not in answer.headers.get("Content-Type", "")

    @calm
    @given(query=st.binary(max_size=60))
    def test_any_query_string(self, api: Api, query: bytes) -> None:
        answer = api.get(f"{BASE}/studies", QUERY_STRING=query.decode("latin-1"))
        assert answer.status_code in (200, 400, 406)

    @calm
    @given(
        cuts=st.lists(st.integers(0, 1400), max_size=3),
        noise=st.binary(max_size=20),
        content_type=st.sampled_from(
            [RELATED, RELATED, "multipart/related", f"multipart/related; boundary={BOUNDARY}", "x/y"]
        ),
        accept=st.sampled_from(["*/*", "application/dicom+xml"]),
    )
    def test_any_body(self, api: Api, cuts: list[int], noise: bytes, content_type: str, accept: str) -> None:
        body = related([make_dataset(), b"x"])
        for cut in cuts:
            body = body[:cut] + noise + body[cut + len(noise) // 2 :]
        answer = api.post(f"{BASE}/studies", body, content_type=content_type, headers={"Accept": accept})
        assert answer.status_code in (200, 202, 400, 409, 415), answer.content
        assert "html" not in answer["Content-Type"]

    @calm
    @given(st.text(max_size=30))
    def test_any_path(self, api: Api, path: str) -> None:
        from urllib.parse import quote

        answer = api.get(f"{BASE}/studies/{quote(path.encode('utf-8', 'replace'))}/series")
        assert answer.status_code in (200, 400, 404)


@pytest.mark.django_db(transaction=True)
def test_a_body_that_comes_byte_by_byte_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Drip(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(1)

    from pacsbrowser.dicomweb import store

    original: Any = store.TimedReader
    body = related([make_dataset(), make_dataset(SOPInstanceUID="1.2.3.4")])
    monkeypatch.setattr(store, "TimedReader", lambda source, **more: original(Drip(body), **more))
    assert Api(person()).stow(body=body).status_code == 200
    assert Instance.objects.count() == 2
