"""What HTTP says of every retrieved resource: HEAD, ETag with If-None-Match, Range with If-Range (RFC 9110 13, 14)."""

from typing import Any

import pytest

from pacsbrowser.access.models import Role
from pacsbrowser.archive.models import Instance
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.dicomweb.parts import body_of
from tests.dicomweb.test_fidelity import address
from tests.dicomweb.test_retrieve import store
from tests.dicomweb.tools import BASE, Api, person

pytestmark = pytest.mark.django_db

STUDY = f"{BASE}/studies/{ROOT}.1"
SERIES = f"{STUDY}/series/{ROOT}.1.1"
INSTANCE = f"{SERIES}/instances/{ROOT}.1.1.1"
STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
SINGLE = "application/dicom; transfer-syntax=*"
WADO = f"/wado?requestType=WADO&studyUID={ROOT}.1&seriesUID={ROOT}.1.1&objectUID={ROOT}.1.1.1"
JSON, XML = "application/dicom+json", 'multipart/related; type="application/dicom+xml"'
OCTETS = "application/octet-stream"
RESOURCES = [
    *((path, accept) for path in (STUDY, SERIES, INSTANCE) for accept in (STORED, "application/zip")),
    *((f"{path}/metadata", accept) for path in (STUDY, SERIES, INSTANCE) for accept in (JSON, XML)),
    *((f"{path}/rendered", "image/png") for path in (STUDY, SERIES, INSTANCE, f"{INSTANCE}/frames/1")),
    *((f"{path}/thumbnail", "image/jpeg") for path in (STUDY, SERIES, INSTANCE, f"{INSTANCE}/frames/1")),
    (f"{STUDY}/rendered", 'multipart/related; type="image/jpeg"'),
    (f"{INSTANCE}/frames/1,1/rendered", 'multipart/related; type="image/png"'),
    (f"{INSTANCE}/frames/1,1", f'multipart/related; type="{OCTETS}"'),
    (f"{INSTANCE}/bulkdata/7FE00010", f'multipart/related; type="{OCTETS}"'),
]
RANGED = [
    (INSTANCE, SINGLE),
    (f"{INSTANCE}/frames/1", OCTETS),
    (f"{INSTANCE}/bulkdata/7FE00010", OCTETS),
    (f"{INSTANCE}/rendered", "image/png"),
    (f"{INSTANCE}/thumbnail", "image/jpeg"),
    (WADO, "*/*"),
    (f"{WADO}&contentType=application/dicom", "*/*"),
]


@pytest.fixture
def api() -> Api:
    """A program that may read, and two instances."""
    ingest_datasets(*make_series(2))
    return Api(person(Role.VIEWER))


def get(api: Api, path: str, accept: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return api.get(path, headers={"Accept": accept, **named})


def kept(answer: Any) -> dict[str, str]:
    """The headers that are the same each time; a boundary is random."""
    ignored = ("X-Request-Number", "Content-Type")
    return {name: text for name, text in answer.headers.items() if name not in ignored}


@pytest.mark.parametrize(("path", "accept"), [*RESOURCES, *RANGED])
def test_an_unchanged_resource_is_not_sent_again(api: Api, path: str, accept: str) -> None:
    answer = get(api, path, accept)
    assert answer.status_code == 200, body_of(answer)
    body_of(answer)
    etag = answer["ETag"]
    for sent in (etag, f'"x", {etag}', "*"):
        same = get(api, path, accept, If_None_Match=sent)
        assert (same.status_code, same["ETag"], body_of(same)) == (304, etag, b"")
    other = get(api, path, accept, If_None_Match='"other"')
    assert (other.status_code, other["ETag"]) == (200, etag)


@pytest.mark.parametrize(("path", "accept"), [*RESOURCES, *RANGED])
def test_head_says_what_get_says(api: Api, path: str, accept: str) -> None:
    answer = get(api, path, accept)
    body_of(answer)
    head = api.head(path, headers={"Accept": accept})
    assert (head.status_code, body_of(head)) == (200, b"")
    assert kept(head) == kept(answer)
    assert head["Content-Type"].partition("; boundary")[0] == answer["Content-Type"].partition("; boundary")[0]


@pytest.mark.parametrize("accept", [f'multipart/related; type="{OCTETS}"', 'multipart/related; type="image/dicom-rle"'])
def test_compressed_bulk_data_is_not_sent_again(api: Api, accept: str) -> None:
    path = f"{address(store('MR_small_RLE.dcm'))}/bulkdata/7FE00010"
    answer = get(api, path, accept)
    assert answer.status_code == 200 and len(body_of(answer)) > 1000
    etag = answer["ETag"]
    assert etag.startswith('W/"') and answer["Cache-Control"] == "private, no-cache"
    same = get(api, path, accept, If_None_Match=etag)
    assert (same.status_code, body_of(same)) == (304, b"")
    head = api.head(path, headers={"Accept": accept})
    assert (head.status_code, head["ETag"], body_of(head)) == (200, etag, b"")
    native = get(api, path, f'multipart/related; type="{OCTETS}"; transfer-syntax=1.2.840.10008.1.2.1')
    assert native.status_code == 200 and native["ETag"] != etag


@pytest.mark.parametrize("path", [STUDY, SERIES, f"{STUDY}/metadata", f"{STUDY}/rendered"])
def test_what_has_grown_is_another(api: Api, path: str) -> None:
    accept = {"m": JSON, "r": 'multipart/related; type="image/jpeg"'}.get(path.rpartition("/")[2][0], STORED)
    before = get(api, path, accept)["ETag"]
    ingest_datasets(make_dataset(SOPInstanceUID=f"{ROOT}.1.1.9"))
    after = get(api, path, accept, If_None_Match=before)
    assert after.status_code == 200 and after["ETag"] != before
    Instance.objects.filter(sop_instance_uid=f"{ROOT}.1.1.9").delete()
    assert get(api, path, accept, If_None_Match=before).status_code == 304


@pytest.mark.parametrize(("path", "accept"), RANGED)
def test_a_range_is_a_part_of_the_body(api: Api, path: str, accept: str) -> None:
    answer = get(api, path, accept)
    whole, etag = body_of(answer), answer["ETag"]
    size = len(whole)
    assert (answer["Accept-Ranges"], answer["Content-Length"]) == ("bytes", str(size))
    for text, part in (("0-9", whole[:10]), ("10-", whole[10:]), ("-7", whole[-7:]), (f"5-{size * 2}", whole[5:])):
        found = get(api, path, accept, Range=f"bytes={text}")
        assert (found.status_code, body_of(found)) == (206, part)
        assert found["Content-Range"].startswith("bytes ") and found["Content-Range"].endswith(f"/{size}")
    assert get(api, path, accept, Range="bytes=0-9", If_Range=etag).status_code == 206
    for headers in ({"If_Range": '"other"'}, {"If_Range": "Sat, 22 Nov 2026 00:00:00 GMT"}):
        assert get(api, path, accept, Range="bytes=0-9", **headers).status_code == 200
    whole_head = api.head(path, headers={"Accept": accept, "Range": "bytes=0-9"})
    assert (whole_head.status_code, whole_head["Content-Length"]) == (200, str(size))
    for text in ("bytes=9-0", "bytes=0-1,4-5", "lines=0-1", "bytes=", "bytes=-", "bytes=x-"):
        assert get(api, path, accept, Range=text).status_code == 200
    beyond = get(api, path, accept, Range=f"bytes={size}-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{size}")
    assert get(api, path, accept, Range="bytes=-0").status_code == 416
    assert get(api, path, accept, Range="bytes=0-9", If_None_Match=etag).status_code == 304
