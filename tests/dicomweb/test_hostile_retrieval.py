"""Whatever a retrieval asks for, in paths, parameters and headers at random, there is an answer and no server error."""

from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.access.models import Role
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.dicomweb.parts import body_of
from tests.dicomweb.test_hostile import calm
from tests.dicomweb.tools import BASE, Api, person

STUDY = f"{BASE}/studies/{ROOT}.1"
SERIES = f"{STUDY}/series/{ROOT}.1.1"
INSTANCE = f"{SERIES}/instances/{ROOT}.1.1"
NUMBERS = ["0", "1", "2", "-1", "40", "512", "99999", "1e9", "1e-300", "nan", "inf", "", " ", "x", "0.5", "٣"]
NAMES = ["window", "viewport", "quality", "annotation", "iccprofile", "accept", "charset"]
WORDS = ["patient", "technique", "LINEAR", "sigmoid", "linear-exact", "image/png", "image/gif", "*/*", "no", "yes"]
OF_URI = [
    "contentType", "transferSyntax", "frameNumber", "rows", "columns", "region", "windowCenter", "windowWidth",
    "imageQuality", "annotation", "charset", "anonymize", "presentationUID",
]  # fmt: skip
SPELLINGS = [("studyUID", "seriesUID", "objectUID"), ("STUDYUID", "seriesuid", "ObjectUID"), ("x", "y", "z")]
LEAVES = [
    "", "/metadata", "/rendered", "/thumbnail", "/frames/1", "/frames/1/rendered", "/bulkdata/7FE00010", "/bulkdata/x",
]  # fmt: skip
MEDIA = [
    "application/dicom", "multipart/related", "application/octet-stream", "application/zip", "image/png", "image/*",
    "*/*", "application/dicom+json", "application/dicom+xml", "text/html", 'type="application/dicom"',
    'type="application/octet-stream"', "type=image/jp2", "transfer-syntax=*", "transfer-syntax=1.2.840.10008.1.2",
    "transfer-syntax=1.2.840.10008.1.2.1", "q=0.5", "q=0", ";", ";", ", ", ", ", '"', "charset=utf-8", "\\",
]  # fmt: skip
VALUES = st.lists(st.sampled_from(NUMBERS + WORDS) | st.text(max_size=3), max_size=7).map(",".join)
RANGES = ["bytes=0-9", "bytes=5-", "bytes=-5", "bytes=9-1", "bytes=999999-", "bytes=0-0,2-3", "bytes=", "x", "bytes=-0"]
TAGS = ["*", '"x"', 'W/"x"', "x", '"', "", 'W/"', '"a", "b"', "Sat, 22 Nov 2026 00:00:00 GMT"]


def kinds() -> list[bytes]:
    """One CT slice, three frames of a bit each that end inside a byte, and three frames of colour."""
    bits = np.packbits(np.arange(3 * 35) % 3 == 0, bitorder="little").tobytes()
    colour = np.arange(3 * 48, dtype=np.uint8).tobytes()
    few = {"NumberOfFrames": 3, "HighBit": 0, "BitsAllocated": 1, "BitsStored": 1, "Rows": 5, "Columns": 7}
    return [
        *make_series(1),
        make_dataset(SOPInstanceUID=f"{ROOT}.1.1.2", InstanceNumber=2, PixelData=bits, **few),
        make_dataset(
            SOPInstanceUID=f"{ROOT}.1.1.3", InstanceNumber=3, NumberOfFrames=3, PixelData=colour, Rows=4, Columns=4,
            SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8, BitsStored=8,
            HighBit=7, WindowCenter="1\\2", WindowWidth="0\\5",
        ),
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
class TestRetrievals:
    """Retrievals at random from a small archive."""

    @pytest.fixture
    def api(self) -> Api:
        """A program that may read."""
        ingest_datasets(*kinds())
        return Api(person(Role.VIEWER))

    @calm
    @given(
        number=st.integers(1, 4),
        leaf=st.sampled_from(["/rendered", "/thumbnail", "/frames/1/rendered", "/frames/3,1/rendered"]),
        parameters=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    )
    def test_any_rendering(self, api: Api, number: int, leaf: str, parameters: list[tuple[str, str]]) -> None:
        clean = [(name, text.encode("utf-8", "replace")) for name, text in parameters]
        check(api.get(f"{INSTANCE}.{number}{leaf}?{urlencode(clean)}"))

    @calm
    @given(
        number=st.integers(1, 3),
        place=st.sampled_from([STUDY, SERIES, INSTANCE]),
        leaf=st.sampled_from(LEAVES),
        accept=st.lists(st.sampled_from(MEDIA), min_size=1, max_size=9).map("".join),
        range_=st.sampled_from(["", *RANGES]) | st.text("abc=019-,;", max_size=8),
        tag=st.sampled_from(TAGS),
        method=st.sampled_from(["get", "get", "head"]),
    )
    def test_any_headers(
        self, api: Api, number: int, place: str, leaf: str, accept: str, range_: str, tag: str, method: str
    ) -> None:
        path = (f"{place}.{number}" if place == INSTANCE else place) + leaf
        headers = {"Accept": accept, "Range": range_, "If-None-Match": tag, "If-Range": tag}
        check(getattr(api, method)(path, headers={name: text for name, text in headers.items() if text}))

    @calm
    @given(
        number=st.integers(1, 3),
        frames=st.lists(st.sampled_from(NUMBERS) | st.text(max_size=2), max_size=5).map(",".join),
        syntax=st.sampled_from(["", "*", "1.2.840.10008.1.2.1", "1.2.3"]),
    )
    def test_any_frames(self, api: Api, number: int, frames: str, syntax: str) -> None:
        accept = f'multipart/related; type="application/octet-stream"; transfer-syntax={syntax}'
        listed = quote(frames.encode("utf-8", "replace"), safe="")
        check(api.get(f"{INSTANCE}.{number}/frames/{listed}", headers={"Accept": accept}))

    @calm
    @given(steps=st.lists(st.sampled_from(["7FE00010", "0", "00081140", "x", "..", "%00", ""]), max_size=6))
    def test_any_path_of_bulk_data(self, api: Api, steps: list[str]) -> None:
        check(api.get(f"{INSTANCE}.1/bulkdata/{'/'.join(steps)}"))

    @calm
    @given(
        number=st.integers(1, 3),
        parameters=st.lists(st.tuples(st.sampled_from(OF_URI), VALUES), max_size=4),
        names=st.sampled_from(
            [("studyUID", "seriesUID", "objectUID"), ("STUDYUID", "seriesuid", "ObjectUID"), ("x",) * 3]
        ),
    )
    def test_any_uri(
        self, api: Api, number: int, parameters: list[tuple[str, str]], names: tuple[str, str, str]
    ) -> None:
        uids = zip(names, (f"{ROOT}.1", f"{ROOT}.1.1", f"{ROOT}.1.1.{number}"), strict=True)
        clean = [(name, text.encode("utf-8", "replace")) for name, text in parameters]
        check(api.get(f"/wado?{urlencode([('requestType', 'WADO'), *uids, *clean])}"))


def check(answer: Any) -> None:
    """There is an answer, and a refusal is a sentence."""
    body = body_of(answer)
    assert answer.status_code in (200, 206, 304, 400, 404, 406, 413, 416), body
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"] if body else answer.request["REQUEST_METHOD"] == "HEAD"
