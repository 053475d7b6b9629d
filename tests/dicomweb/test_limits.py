"""Objects and requests that are acceptable and made to cost much: what is left out is said, and nothing takes long."""

import io
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from pacsbrowser.access.models import Role
from pacsbrowser.archive.derived import metadata
from pacsbrowser.archive.models import Instance
from pacsbrowser.dicom import json_reader
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series, save
from tests.dicomweb.parts import body_of, parts_of
from tests.dicomweb.test_fidelity import address
from tests.dicomweb.test_retrieve import get, store
from tests.dicomweb.tools import BASE, Api, person

pytestmark = pytest.mark.django_db

INSTANCE = f"{BASE}/studies/{ROOT}.1/series/{ROOT}.1.1/instances/{ROOT}.1.1.1"
OCTETS = 'multipart/related; type="application/octet-stream"'
JSON = "application/dicom+json"
SECONDS = 6.0  # of processor time; about a third of it on a quiet machine


@pytest.fixture
def api() -> Api:
    """A program that may read."""
    return Api(person(Role.VIEWER))


def in_time(ask: Callable[[], Any]) -> Any:
    begun = time.process_time()
    answer = ask()
    body_of(answer)
    assert time.process_time() - begun < SECONDS
    return answer


def with_empty_items(count: int, **attributes: Any) -> bytes:
    """An object with a sequence of empty items, as UN (PS3.5 6.2.2): pydicom takes long to write many."""
    dataset = pydicom.dcmread(io.BytesIO(make_dataset(PixelData=None, **attributes)))
    dataset.add_new(0x0040A730, "UN", b"\xfe\xff\x00\xe0\0\0\0\0" * count)
    return save(dataset, DeflatedExplicitVRLittleEndian)


def test_metadata_of_very_many_elements_leave_out_items_and_say_so(api: Api) -> None:
    count = json_reader.MOST_ELEMENTS + 5
    ingest_datasets(with_empty_items(count, DocumentTitle="behind it"))
    answer = in_time(lambda: get(api, f"{INSTANCE}/metadata", JSON))
    assert "400,000 data elements" in answer["Warning"]
    (model,) = json.loads(body_of(get(api, f"{INSTANCE}/metadata", JSON)))
    assert model["00100020"]["Value"] == ["P1"] and model["00420010"]["Value"] == ["behind it"]
    assert 0 < len(model["0040A730"]["Value"]) < count
    for path in (f"{BASE}/studies/{ROOT}.1/metadata", f"{BASE}/studies/{ROOT}.1/series/{ROOT}.1.1/metadata"):
        answer = get(api, path, JSON)
        (whole,) = json.loads(body_of(answer))
        assert whole["0040A730"] == model["0040A730"]
        assert "400,000 data elements" in answer["Warning"]


def test_bulk_data_behind_very_many_elements_are_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixel Data of an enhanced object stand behind its per-frame groups."""
    monkeypatch.setattr(json_reader, "read_json", partial(json_reader.read_json, most_elements=100))
    monkeypatch.setattr(metadata, "read_json", json_reader.read_json)
    ingest_datasets(make_dataset(PerFrameFunctionalGroupsSequence=[functional_group() for _ in range(60)]))
    (model,) = json.loads(body_of(get(api, f"{INSTANCE}/metadata", JSON)))
    assert model["7FE00010"]["BulkDataURI"].endswith("/bulkdata/7FE00010")
    assert 0 < len(model["52009230"]["Value"]) < 60


def functional_group() -> pydicom.Dataset:
    group, content = pydicom.Dataset(), pydicom.Dataset()
    content.FrameLabel = "A"
    group.FrameContentSequence = [content]
    return group


def test_metadata_that_are_whole_warn_of_nothing(api: Api) -> None:
    ingest_datasets(make_dataset(ContentSequence=[pydicom.Dataset()] * 1000))
    assert "Warning" not in get(api, f"{INSTANCE}/metadata", JSON).headers


def test_very_many_long_values_are_bulk_data_that_can_be_fetched(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_reader, "INLINE_TOTAL", 3000)
    items = []
    for number in range(4):
        item = pydicom.Dataset()
        item.ContourData = [float(number)] * 250
        items.append(item)
    ingest_datasets(make_dataset(ContourSequence=items))
    (model,) = json.loads(body_of(get(api, f"{INSTANCE}/metadata", JSON)))
    found = [item["30060050"] for item in model["30060040"]["Value"]]
    assert [("Value" in one, "BulkDataURI" in one) for one in found] == [(True, False)] * 3 + [(False, True)]
    (part,) = parts_of(api.get(found[3]["BulkDataURI"].removeprefix("http://testserver")))
    assert part.body.split(b"\\")[0] == b"3.0"


@pytest.mark.parametrize("form", ["frames/{0}", "frames/{0}/rendered"])
def test_a_list_that_names_frames_again_and_again_is_refused(api: Api, form: str) -> None:
    row = store("CT_small.dcm")
    accept = 'multipart/related; type="image/jpeg"' if "rendered" in form else OCTETS
    few = ",".join(["1"] * 101)
    assert in_time(lambda: get(api, f"{address(row)}/{form.format(few)}", accept)).status_code == 200
    many = ",".join(["1"] * 102)
    answer = get(api, f"{address(row)}/{form.format(many)}", accept)
    assert answer.status_code == 400 and "names 102 frames of an object that has 1" in answer.json()["detail"]


def test_a_list_of_which_too_much_would_be_decoded_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    row = store("SC_rgb_rle_2frame.dcm")
    monkeypatch.setattr("pacsbrowser.dicomweb.frames.MOST_DECODED_PIXELS", 2 * 100 * 100)
    answer = get(api, f"{address(row)}/frames/1,2,1", OCTETS)
    assert answer.status_code == 400 and "At most 2 frames" in answer.json()["detail"]
    assert len(parts_of(get(api, f"{address(row)}/frames/1,2,1", f"{OCTETS}; transfer-syntax=*"))) == 3
    assert len(parts_of(get(api, f"{address(row)}/frames/2,1", OCTETS))) == 2


def test_a_search_reads_each_file_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest_datasets(*make_series(3, ContentLabel="X"))
    read: list[int] = []

    def counted(instance: Instance) -> json_reader.Reading:
        read.append(instance.pk)
        return metadata.instance_metadata(instance)

    monkeypatch.setattr("pacsbrowser.archive.in_files.instance_metadata", counted)
    found = api.get(f"{BASE}/studies/{ROOT}.1/instances?ContentLabel=X&includefield=ContentLabel").json()
    assert [one["00700080"]["Value"] for one in found] == [["X"]] * 3
    assert len(read) == 3


@pytest.mark.parametrize("query", ["includefield=ContentLabel", "ContentLabel=X"])
def test_a_search_does_not_read_large_files_without_end(api: Api, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    ingest_datasets(*make_series(3, ContentLabel="X"))
    path = f"{BASE}/studies/{ROOT}.1/instances?{query}"
    assert len(api.get(path).json()) == 3
    monkeypatch.setattr("pacsbrowser.archive.in_files.MOST_SECONDS", 0.0)
    answer = api.get(path)
    assert answer.status_code == 400 and "too large for one answer" in answer.json()["detail"]
