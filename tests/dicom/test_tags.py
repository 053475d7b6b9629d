"""The tag browser's rows: lazily by path, with private names, binary digests, breaks, search and export."""

import csv
import hashlib
import io
import json

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacsbrowser.dicom.tag_export import iter_csv, iter_json
from pacsbrowser.dicom.tags import NoSuchTag, TagRow, iter_rows, read_tags, read_value, search
from tests.datasets import make_dataset
from tests.dicom.samples import wheel_file


def by_path(data: bytes, path: str = "") -> dict[str, TagRow]:
    return {row.path: row for row in read_tags(io.BytesIO(data), path).rows}


def test_top_level_with_file_meta_and_uid_names() -> None:
    rows = by_path(make_dataset())
    assert rows["00020010"].note == "Explicit VR Little Endian"
    assert rows["00080016"].note == "CT Image Storage"
    name = rows["00100010"]
    assert (name.tag, name.keyword, name.name, name.vr, name.vm, name.value) == (
        "(0010,0010)", "PatientName", "Patient's Name", "PN", 1, "Doe^Jane",
    )  # fmt: skip
    assert rows["00200037"].vm == 6
    assert rows["00280010"].value == "8"
    pixels = rows["7FE00010"]
    assert (pixels.kind, pixels.length, pixels.digest) == ("binary", 128, hashlib.sha256(bytes(128)).hexdigest())
    assert pixels.hex == bytes(128).hex(" ")


def test_sequences_are_entered_by_path() -> None:
    plan = wheel_file("rtplan.dcm").read_bytes()
    beams = by_path(plan)["300A00B0"]
    assert (beams.kind, beams.n_items) == ("sequence", 1)
    items = by_path(plan, "300A00B0")
    assert items["300A00B0/0"].kind == "item"
    assert items["300A00B0/0/300A00C2"].value == "Field 1"
    assert items["300A00B0/0/300A0111"].n_items == 2
    deep = by_path(plan, "300A00B0/0/300A0111/1")
    assert deep["300A00B0/0/300A0111/1/300A0112"].keyword == "ControlPointIndex"
    assert read_value(io.BytesIO(plan), "300A00B0/0/300A00C2").value == "Field 1"


@pytest.mark.parametrize(
    "path", ["x", "0040A730", "300A00B0/9", "300A00C2/0", "300A00B0/0/00100010", "../x", "300A00B0/"]
)
def test_paths_that_name_nothing(path: str) -> None:
    with pytest.raises(NoSuchTag):
        read_tags(io.BytesIO(wheel_file("rtplan.dcm").read_bytes()), path)
    with pytest.raises(NoSuchTag):
        read_value(io.BytesIO(wheel_file("rtplan.dcm").read_bytes()), path)


def test_every_row_of_the_lazy_view_is_in_the_whole() -> None:
    for name in ("rtplan.dcm", "test-SR.dcm", "CT_small.dcm", "nested_priv_SQ.dcm"):
        data = wheel_file(name).read_bytes()
        whole = [row.path for row in iter_rows(io.BytesIO(data))]
        lazy: list[str] = []

        def descend(path: str, data: bytes = data, lazy: list[str] = lazy) -> None:
            for row in read_tags(io.BytesIO(data), path).rows:
                lazy.append(row.path)
                if row.kind == "sequence":
                    descend(row.path)

        descend("")
        assert lazy == whole


def test_long_sequences_page() -> None:
    items = []
    for number in range(450):
        item = Dataset()
        item.ReferencedSOPInstanceUID = f"1.2.{number}"
        items.append(item)
    file = io.BytesIO(make_dataset(SourceImageSequence=Sequence(items)))
    numbers: list[str] = []
    first: int | None = 0
    pages = 0
    while first is not None:
        document = read_tags(file, "00082112", first)
        numbers += [row.value for row in document.rows if row.kind == "element"]
        first, pages = document.next_child, pages + 1
    assert numbers == [f"1.2.{number}" for number in range(450)]
    assert pages == 3


def test_private_elements_have_names_and_creators() -> None:
    block_owner = "SIEMENS CSA HEADER"
    dataset = Dataset()
    dataset.private_block(0x0029, block_owner, create=True).add_new(0x08, "CS", "IMAGE NUM 4")
    dataset.private_block(0x0031, "Nobody knows", create=True).add_new(0x01, "LO", "x")
    file = io.BytesIO(make_dataset(**{"SourceImageSequence": Sequence([dataset])}))
    rows = {row.path: row for row in read_tags(file, "00082112").rows}
    known = rows["00082112/0/00291008"]
    assert (known.creator, known.name, known.is_private) == (block_owner, "CSA Image Header Type", True)
    assert rows["00082112/0/00311001"].creator == "Nobody knows"


def test_long_values_are_cut_and_whole_on_demand() -> None:
    data = make_dataset(ImageComments="ä" * 5000)
    row = by_path(data)["00204000"]
    assert (len(row.value), row.value_length, row.is_cut) == (1000, 5000, True)
    assert read_value(io.BytesIO(data), "00204000").value == "ä" * 5000


def test_items_may_declare_their_own_character_set() -> None:
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 144"
    item.PatientName = "Иванов"
    data = make_dataset(SourceImageSequence=Sequence([item]))
    assert by_path(data, "00082112")["00082112/0/00100010"].value == "Иванов"


def test_a_broken_header_shows_what_can_be_read() -> None:
    data = make_dataset()
    document = read_tags(io.BytesIO(data[:-5]))
    assert document.is_broken
    last = document.rows[-1]
    assert last.kind == "break"
    assert "declares 128 bytes where the file has 123" in last.value
    assert last.offset == len(data) - 140
    assert document.rows[-2].keyword == "PixelRepresentation"


def test_search_keeps_the_parents_of_a_hit() -> None:
    plan = io.BytesIO(wheel_file("rtplan.dcm").read_bytes())
    rows = search(plan, "FIELD 1").rows
    assert [(row.path, row.is_hit) for row in rows] == [
        ("300A00B0", False), ("300A00B0/0", False), ("300A00B0/0/300A00C2", True),
    ]  # fmt: skip
    assert [row.keyword for row in search(plan, "0010,0020").rows] == ["PatientID"]
    assert [row.keyword for row in search(plan, "00100020").rows] == ["PatientID"]
    assert "PatientID" in [row.keyword for row in search(plan, "patient id00001").rows]
    assert search(plan, "nothing-like-this").rows == ()
    assert not search(plan, "device", limit=1).is_complete


def test_csv_and_json() -> None:
    file = io.BytesIO(make_dataset(PatientName='=cmd|"x"', PatientComments="-1.5"))
    table = {line["path"]: line for line in csv.DictReader(io.StringIO("".join(iter_csv(file))))}
    assert table["00100010"]["value"] == '\'=cmd|"x"'
    assert table["00104000"]["value"] == "-1.5"
    members = {entry["path"]: entry for entry in json.loads("".join(iter_json(file)))}
    assert members["00100010"]["value"] == '=cmd|"x"'
    assert set(members) == set(table)


@pytest.mark.parametrize("name", ["rtdose_rle.dcm", "rtdose_rle_1frame.dcm", "rtplan.dcm", "test-SR.dcm"])
def test_every_sequence_that_is_listed_can_be_opened(name: str) -> None:
    file = io.BytesIO(wheel_file(name).read_bytes())
    listed = [row.path for row in read_tags(file).rows if row.kind == "sequence"]
    assert listed
    for path in listed:
        assert read_tags(file, path).path == path
