"""Streamed zips: real unpackers read them, names are safe, large members and many members fit, memory stays flat."""

import io
import shutil
import subprocess
import tracemalloc
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.archive import zipping
from pacsbrowser.archive.zipping import NOT_INCLUDED, Member, safe_name, stream_zip

NOW = datetime(2026, 11, 22, 9, 42, 18)


def unzip(data: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def test_members_come_back_as_they_were(tmp_path: Path) -> None:
    contents = {"a/1.dcm": b"one", "ä ö/2.dcm": b"", "b/3.dcm": bytes(range(256)) * 5000}
    members = []
    for place, (name, content) in enumerate(contents.items()):
        path = tmp_path / str(place)
        path.write_bytes(content)
        members.append(Member(name, path, NOW))
    archive = unzip(b"".join(stream_zip(members)))
    assert {info.filename: archive.read(info) for info in archive.infolist()} == contents
    assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    assert archive.infolist()[0].date_time == (2026, 11, 22, 9, 42, 18)


def test_other_unpackers_read_it(tmp_path: Path) -> None:
    program = shutil.which("unzip") or shutil.which("bsdtar")
    if program is None:
        pytest.skip("neither unzip nor bsdtar is installed")
    path = tmp_path / "one"
    path.write_bytes(b"content")
    packed = tmp_path / "packed.zip"
    packed.write_bytes(b"".join(stream_zip([Member("folder/näme.dcm", path, NOW)])))
    command = [program, "-t", str(packed)] if "unzip" in program else [program, "-tf", str(packed)]
    subprocess.run(command, check=True, capture_output=True)


def test_large_members_and_offsets_use_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipping, "_FULL_32", 1000)
    monkeypatch.setattr(zipping, "IN_MEMORY", 600)
    members = []
    for number, size in enumerate((100, 599, 5000, 10)):
        path = tmp_path / str(number)
        path.write_bytes(bytes([number]) * size)
        members.append(Member(f"{number}.dcm", path, NOW))
    data = b"".join(stream_zip(members))
    assert b"PK\6\6" in data and b"PK\6\7" in data
    # a reader takes the fields that we fill with 1000 for plain numbers, so only the end is read as zip64 here
    assert data.count(b"PK\1\2") == 4


def test_more_than_65535_members(tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.write_bytes(b"x")
    data = b"".join(stream_zip(Member(f"{number}.dcm", path, NOW) for number in range(66_000)))
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert len(archive.infolist()) == 66_000
    assert archive.read("65999.dcm") == b"x"


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "here"
    path.write_bytes(b"here")
    members = [Member("here.dcm", path, NOW), Member("gone.dcm", tmp_path / "gone", NOW)]
    archive = unzip(b"".join(stream_zip(members)))
    assert archive.namelist() == ["here.dcm", NOT_INCLUDED]
    assert "gone.dcm" in archive.read(NOT_INCLUDED).decode()


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(300 << 20)
    tracemalloc.start()
    size = sum(len(block) for block in stream_zip([Member("large.dcm", path, NOW)]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 300 << 20
    assert peak < 40 << 20


@given(st.text())
def test_names_are_safe_everywhere(text: str) -> None:
    name = safe_name(text, "otherwise")
    assert name and len(name) <= zipping.NAME_LENGTH
    assert not set(name) & set('/\\:*?"<>|\0\n\r') and not name.startswith((".", "-")) and not name.endswith(".")
