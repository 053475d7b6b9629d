"""Staging: what is in incoming/, and that a sweep takes only what dead processes left."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pacsbrowser.archive import storage
from pacsbrowser.archive.models import Instance
from pacsbrowser.archive.receive import CHUNK, stage
from tests.datasets import ingest_datasets, make_dataset

pytestmark = pytest.mark.django_db


class Dribble(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a socket does."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__()
        self.rest = io.BytesIO(data)
        self.step = step

    def read(self, size: int = -1) -> bytes:
        return self.rest.read(min(self.step, size) if size >= 0 else self.step)


@pytest.mark.parametrize("size", [0, 5, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_digests_do_not_depend_on_how_the_bytes_come(size: int) -> None:
    file = make_dataset(PixelData=bytes(size + size % 2))
    whole, dribbled = stage(io.BytesIO(file), "a"), stage(Dribble(file, 70_001), "a")
    assert (whole.sha256, whole.size) == (dribbled.sha256, len(file))
    assert Path(whole.path).read_bytes() == Path(dribbled.path).read_bytes() == file


def test_a_refused_file_leaves_nothing() -> None:
    staged = stage(io.BytesIO(b"no DICOM" * 100), "a")
    assert staged.error is not None
    assert not Path(staged.path).exists()


def test_a_stream_that_breaks_leaves_nothing() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        stage(Broken(), "a")
    assert {path.name for path in storage.incoming().folder.iterdir()} == {"lock"}


def leave_behind(linked: bool) -> Path:
    """Return the incoming folder of a process that died with one file staged, and linked into the store or not."""
    script = (
        "import django, os, pathlib; django.setup()\n"
        "from pacsbrowser.archive import storage\n"
        "path = storage.incoming().new_path()\n"
        "pathlib.Path(path).write_bytes(b'x')\n"
        f"storage.link_into_store(path, 'aa/bb/cc/dd.dcm') if {linked} else None\n"
        "print(storage.incoming().folder, flush=True)\n"
        "os._exit(9)\n"
    )
    from django.conf import settings

    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "pacsbrowser.settings",
        "PACSBROWSER_DATA": str(settings.PACSBROWSER_DATA),
    }
    died = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    return Path(died.stdout.strip())


@pytest.mark.parametrize("linked", [False, True])
def test_a_sweep_takes_what_a_dead_process_left_and_nothing_of_a_living_one(linked: bool) -> None:
    alive = stage(io.BytesIO(make_dataset()), "a")
    folder = leave_behind(linked)
    assert folder.is_dir()
    assert storage.sweep_incoming() == 1
    assert not folder.exists()
    assert not (storage.store_folder() / "aa/bb/cc/dd.dcm").exists()
    assert Path(alive.path).exists()


def test_a_sweep_leaves_a_file_that_a_row_wants() -> None:
    ingest_datasets(make_dataset())
    blob = Instance.objects.get().blob
    folder = leave_behind(linked=False)
    name = f"0{'~'}{blob.path.replace('/', '~')}"
    (folder / name).write_bytes(b"x")
    assert storage.sweep_incoming() == 2
    assert storage.blob_path(blob).exists()
