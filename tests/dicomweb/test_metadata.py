"""Metadata and bulk data: what clients need of the data set, from chunks that are right after every write."""

import io
import json
import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pydicom
import pytest
from django.core.management import call_command

from pacsbrowser.access.models import Role
from pacsbrowser.archive import removal
from pacsbrowser.archive.derived import folder
from pacsbrowser.archive.derived.metadata import series_metadata
from pacsbrowser.archive.models import Instance, Series
from pacsbrowser.dicom.json_reader import read_json
from tests.datasets import ROOT, ingest_datasets, make_dataset, make_series
from tests.dicom.samples import wheel_file, wheel_files
from tests.dicomweb.parts import body_of, parts_of
from tests.dicomweb.test_fidelity import address
from tests.dicomweb.test_retrieve import STUDY, get, store
from tests.dicomweb.tools import BASE, Api, person

pytestmark = pytest.mark.django_db

JSON = "application/dicom+json"


@pytest.fixture
def api() -> Api:
    """A program that may read."""
    return Api(person(Role.VIEWER))


def metadata(api: Api, path: str) -> list[dict[str, Any]]:
    answer = get(api, f"{path}/metadata", JSON)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, JSON)
    found: list[dict[str, Any]] = json.loads(body_of(answer))
    return found


def uids(models: list[dict[str, Any]]) -> list[str]:
    return [model["00080018"]["Value"][0] for model in models]


def chunk_files() -> list[Path]:
    return sorted((folder.derived_folder() / "metadata").rglob("*.z"))


def is_read_by_pydicom(path: Path) -> bool:
    """Say whether pydicom makes a model of a file; what is cut it keeps as far as it goes, and it is left out here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pydicom.dcmread(path).to_json_dict(1024, lambda _: "bulk")
        except Exception:  # it stops at the first value that is not as it should be
            return False
    return "truncated" not in path.name


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", [*filter(is_read_by_pydicom, wheel_files())], ids=lambda path: path.name)
def test_the_model_says_what_pydicom_reads(path: Path) -> None:
    """Compared over the files of the wheel."""
    unlike = {"00080005", "FFFCFFFC", "FFFAFFFA", "7FE00010"}
    with path.open("rb") as file:
        found = read_json(file, lambda where: where).model
    expected = pydicom.dcmread(path).to_json_dict(1024, lambda _: "bulk")
    for tag, element in expected.items():
        if tag in unlike or tag.endswith("0000") or tag < "0008" or "BulkDataURI" in element:
            continue
        if element["vr"] in ("PN", "SH", "LO", "LT", "ST", "UT", "UC"):
            continue  # character sets are compared elsewhere, and pydicom knows fewer
        if element["vr"] == "SQ":
            assert len(found[tag].get("Value", [])) == len(element.get("Value", []))
        elif found[tag]["vr"] == element["vr"]:
            assert found[tag].get("Value") == _unpadded(element.get("Value")), tag
            if "big" not in path.name and "expb" not in path.name:  # pydicom leaves these bytes as they are
                assert found[tag].get("InlineBinary") == element.get("InlineBinary"), tag


def _unpadded(values: list[Any] | None) -> list[Any] | None:
    return values and [(value.strip(" ") or None) if isinstance(value, str) else value for value in values]


def test_an_instance_tells_where_its_pixels_are(api: Api) -> None:
    row = store("CT_small.dcm")
    (model,) = metadata(api, address(row))
    uri = model["7FE00010"]["BulkDataURI"]
    assert uri == f"http://testserver{address(row)}/bulkdata/7FE00010"
    (part,) = parts_of(
        get(api, uri.removeprefix("http://testserver"), 'multipart/related; type="application/octet-stream"')
    )
    expected = pydicom.dcmread(wheel_file("CT_small.dcm")).PixelData
    assert part.body == expected
    single = get(api, uri.removeprefix("http://testserver"), "application/octet-stream", Range="bytes=10-19")
    assert (single.status_code, body_of(single)) == (206, expected[10:20])
    assert model["00083002"] == {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}


def test_palettes_are_inline_and_numbers_of_big_endian_are_turned_round(api: Api) -> None:
    (model,) = metadata(api, address(store("examples_palette.dcm")))
    assert all("InlineBinary" in model[f"0028120{channel}"] for channel in "123")
    row = store("MR_small_bigendian.dcm")
    (model,) = metadata(api, address(row))
    assert model["00280010"]["Value"] == [64]
    (part,) = parts_of(api.get(f"{address(row)}/bulkdata/7FE00010"))
    assert part.body == pydicom.dcmread(wheel_file("MR_small.dcm")).PixelData


def test_groups_of_frames_are_there(api: Api) -> None:
    (model,) = metadata(api, address(store("liver_1frame.dcm")))
    frame = model["52009230"]["Value"][0]
    assert frame["00209113"]["Value"][0]["00200032"]["Value"]


def test_bulk_data_within_sequences_is_found(api: Api) -> None:
    item = pydicom.Dataset()
    item.add_new(0x54001010, "OW", bytes(range(256)) * 16)
    ingest_datasets(make_dataset(WaveformSequence=[pydicom.Dataset(), item]))
    row = Instance.objects.select_related("blob", "series__study").get()
    (model,) = metadata(api, address(row))
    uri = model["54000100"]["Value"][1]["54001010"]["BulkDataURI"]
    (part,) = parts_of(api.get(uri.removeprefix("http://testserver")))
    assert part.body == bytes(range(256)) * 16
    for wrong in ("54000100", "54000100/0/54001010", "54000100/9/54001010", "00100099", "x", "../../x"):
        assert api.get(f"{address(row)}/bulkdata/{wrong}").status_code == 404


def test_xml_says_the_same(api: Api) -> None:
    ingest_datasets(*make_series(2, PatientName="Äthel^Ü=王^小东"))
    parts = parts_of(get(api, f"{BASE}/studies/{STUDY}/metadata", 'multipart/related; type="application/dicom+xml"'))
    assert [part.media_type for part in parts] == ["application/dicom+xml"] * 2
    root = ElementTree.fromstring(parts[0].body)
    names = [element for element in root.iter() if element.get("keyword") == "PatientName"]
    assert "".join(names[0].itertext()).split() == ["ÄthelÜ王小东"] or "王" in "".join(names[0].itertext())


def test_xml_comes_in_parts_also_to_who_does_not_say_so(api: Api) -> None:
    ingest_datasets(*make_series(1))
    for path in (f"{BASE}/studies/{STUDY}", address(Instance.objects.select_related("series__study").get())):
        answer = get(api, f"{path}/metadata", "application/dicom+xml")
        assert [part.media_type for part in parts_of(answer)] == ["application/dicom+xml"]


def test_chunks_are_stored_after_the_answer_and_used_again(api: Api) -> None:
    ingest_datasets(*make_series(205))
    assert chunk_files() == []
    first = metadata(api, f"{BASE}/studies/{STUDY}")
    assert len(chunk_files()) == 3
    assert len(first) == 205
    for path in chunk_files():
        path.touch()
    assert metadata(api, f"{BASE}/studies/{STUDY}") == first
    assert uids(first) == [f"{STUDY}.1.{number}" for number in range(1, 206)]


def test_a_growing_series_keeps_its_full_chunks(api: Api) -> None:
    files = make_series(150)
    ingest_datasets(*files[:120])
    metadata(api, f"{BASE}/studies/{STUDY}")
    before = chunk_files()
    ingest_datasets(*files[120:])
    assert uids(metadata(api, f"{BASE}/studies/{STUDY}"))[-1] == f"{STUDY}.1.150"
    after = chunk_files()
    assert len(set(before) & set(after)) == 1
    assert len(after) == 2


def test_every_write_is_seen_at_once(api: Api) -> None:
    ingest_datasets(*make_series(3))
    path = f"{BASE}/studies/{STUDY}"
    etag = get(api, f"{path}/metadata", JSON).headers["ETag"]
    assert len(metadata(api, path)) == 3
    assert get(api, f"{path}/metadata", JSON, If_None_Match=etag).status_code == 304
    removed = removal.remove(Instance.objects.order_by("pk")[1], person(Role.ADMINISTRATOR), "test")
    assert uids(metadata(api, path)) == [f"{STUDY}.1.1", f"{STUDY}.1.3"]
    assert get(api, f"{path}/metadata", JSON, If_None_Match=etag).status_code == 200
    removal.restore(removed, "test")
    assert len(metadata(api, path)) == 3
    ingest_datasets(*make_series(1, series=2))
    assert len(metadata(api, path)) == 4
    assert len(metadata(api, f"{path}/series/{STUDY}.2")) == 1


def test_a_damaged_chunk_is_made_again(api: Api) -> None:
    ingest_datasets(*make_series(3))
    expected = metadata(api, f"{BASE}/studies/{STUDY}")
    (chunk,) = chunk_files()
    chunk.write_bytes(b"damaged")
    assert metadata(api, f"{BASE}/studies/{STUDY}") == expected


def test_addresses_are_those_of_the_reader(api: Api) -> None:
    """A hostile text that looks like the mark of an address stays what it is."""
    hostile = '"BulkDataURI":"@/'
    ingest_datasets(make_dataset(StudyDescription=hostile))
    for _ in range(2):
        (model,) = metadata(api, f"{BASE}/studies/{STUDY}")
        assert model["00081030"]["Value"] == [hostile]
        assert model["7FE00010"]["BulkDataURI"].startswith(f"http://testserver{BASE}/studies/")


def test_the_command_prepares_everything(capsys: pytest.CaptureFixture[str]) -> None:
    ingest_datasets(*make_series(3), *make_series(2, series=2))
    call_command("rebuild_derived")
    assert "2 series prepared." in capsys.readouterr().out
    assert len(chunk_files()) == 2
    assert len(list((folder.derived_folder() / "pictures").rglob("*"))) >= 2
    series = Series.objects.select_related("study").first()
    assert series is not None and series_metadata(series).prepare() == 0
    call_command("rebuild_derived", "--fresh")
    assert len(chunk_files()) == 2


def test_two_holders_are_both_described(api: Api) -> None:
    ingest_datasets(make_dataset(), make_dataset(PatientID="P2"))
    found = metadata(api, f"{BASE}/studies/{STUDY}/series/{ROOT}.1.1/instances/{ROOT}.1.1.1")
    assert {model["00100020"]["Value"][0] for model in found} == {"P1", "P2"}
    assert len(metadata(api, f"{BASE}/studies/{STUDY}")) == 2


def test_an_empty_dataset_of_numbers_that_are_none_is_still_json(api: Api) -> None:
    data = make_dataset(WindowCenter=["1e400"], WindowWidth=["nan"], InstanceNumber=1)
    ingest_datasets(data)
    (model,) = metadata(api, f"{BASE}/studies/{STUDY}")
    assert model["00281050"]["Value"] == ["inf"] or model["00281050"]["Value"] == ["1e400"]
    assert model["00281051"]["Value"] == ["nan"]
    assert pydicom.dcmread(io.BytesIO(data)).InstanceNumber == 1
