"""Real files with bytes changed, cut out or repeated: an answer in time, and no other exception than DicomError."""

import io
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pacsbrowser.dicom.compare import diff_elements, same_elements
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.header import hash_dataset, read_header
from pacsbrowser.dicom.tag_export import iter_csv, iter_json
from pacsbrowser.dicom.tags import NoSuchTag, read_tags, search
from tests.dicom.samples import wheel_file

NAMES = [
    "CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "rtplan.dcm", "test-SR.dcm", "image_dfl.dcm",
    "JPEG2000.dcm", "SC_rgb_rle_2frame.dcm", "nested_priv_SQ.dcm", "UN_sequence.dcm", "chrH31.dcm",
    "ExplVR_LitEndNoMeta.dcm",
]  # fmt: skip
_SECONDS = 5


@cache
def original(name: str) -> bytes:
    return wheel_file(name).read_bytes()[:40_000]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(original(draw(st.sampled_from(NAMES))))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(data) - 1, 0)) | st.integers(0, min(len(data), 1500)))
        what = draw(st.sampled_from(["set", "length", "cut", "end", "repeat", "insert"]))
        if what == "set":
            data[at : at + 2] = draw(st.binary(min_size=1, max_size=4))
        elif what == "length":
            data[at : at + 4] = draw(
                st.sampled_from([b"\xff" * 4, b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0", bytes(4), b"\xff\xff\xff\x7f"])
            )
        elif what == "cut":
            del data[at : at + draw(st.integers(1, 300))]
        elif what == "end":
            del data[at:]
        elif what == "repeat":
            data[at:at] = data[at : at + draw(st.integers(1, 400))] * draw(st.integers(1, 30))
        else:
            data[at:at] = draw(st.binary(max_size=40))
    return bytes(data)


def _in_time(function: Callable[[], Any]) -> Any:
    began = time.monotonic()
    try:
        return function()
    except (DicomError, NoSuchTag):
        return None
    finally:
        assert time.monotonic() - began < _SECONDS


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_headers_of_mutated_files(data: bytes) -> None:
    file = io.BytesIO(data)
    header = _in_time(lambda: read_header(file))
    if header is not None:
        for value in header.values.values():
            assert "\0" not in value
            value.encode("utf_8")
        assert len(header.references) <= 10_000
        hash_dataset(file, header)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
def test_tags_of_mutated_files(data: bytes) -> None:
    file = io.BytesIO(data)
    document = _in_time(lambda: read_tags(file))
    if document is None:
        return
    for row in [row for row in document.rows if row.kind == "sequence"][:3]:
        _in_time(lambda path=row.path: read_tags(file, path))
    _in_time(lambda: search(file, "name"))
    _in_time(lambda: "".join(iter_json(file)) + "".join(iter_csv(file)))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated(), mutated())
def test_comparing_mutated_files(first: bytes, second: bytes) -> None:
    def compare() -> None:
        a, b = io.BytesIO(first), io.BytesIO(second)
        diff_elements(a, b, 50)
        same_elements(a, read_header(a), b, read_header(b))

    _in_time(compare)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600), st.booleans())
def test_any_bytes(data: bytes, with_prefix: bool) -> None:
    file = io.BytesIO(bytes(128) + b"DICM" + data if with_prefix else data)
    _in_time(lambda: read_header(file))
