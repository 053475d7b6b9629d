"""The decoder processes: pictures and samples, limits, and what becomes of one that dies."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom.pixels import pixel_array

from pacsbrowser.dicom.decoder import DecoderPool, DecodingError
from pacsbrowser.dicom.frames import read_pixel_layout
from pacsbrowser.dicom.render import Look, Viewport
from tests.datasets import make_dataset
from tests.dicom.samples import unreadable_jpeg, wheel_file
from tests.dicom.test_encapsulated import make_document
from tests.live import wait_until


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    """One process."""
    made = DecoderPool(size=1, seconds=10)
    yield made
    made.close()


def processes(pool: DecoderPool) -> list[int]:
    return [process._process.pid for process in pool._all]


def test_a_process_answers_again_and_again(pool: DecoderPool) -> None:
    path = wheel_file("CT_small.dcm")
    first = pool.picture(path, 0, "image/png")
    assert (first.width, first.height) == (128, 128)
    assert pool.picture(path, 0, "image/png") == first
    assert len(processes(pool)) == 1


def test_samples_are_those_of_pydicom(pool: DecoderPool) -> None:
    for name in (
        "MR_small_bigendian.dcm",
        "MR_small_RLE.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
    ):
        path = wheel_file(name)
        expected = pixel_array(path, raw=True)
        found = pool.samples(path, 0)
        with path.open("rb") as file:
            planar = read_pixel_layout(file)[0].planar
        if planar and expected.ndim == 3:
            expected = expected.transpose(2, 0, 1)
        assert found.data == np.ascontiguousarray(expected.astype(expected.dtype.newbyteorder("<"))).tobytes()


def test_a_process_that_dies_is_replaced(pool: DecoderPool) -> None:
    path = wheel_file("CT_small.dcm")
    pool.picture(path, 0, "image/jpeg")
    (old,) = processes(pool)
    os.kill(old, signal.SIGKILL)
    with pytest.raises(DecodingError) as caught:
        pool.picture(path, 0, "image/jpeg")
    assert caught.value.code == "crashed"
    assert pool.picture(path, 0, "image/jpeg").width == 128
    assert processes(pool) != [old]


def test_one_that_takes_too_long_is_ended_and_the_step_named(tmp_path: Path) -> None:
    path = tmp_path / "large.dcm"
    path.write_bytes(make_dataset(Rows=4000, Columns=4000, PixelData=bytes(32_000_000)))
    pool = DecoderPool(size=1, seconds=5)
    pool.picture(wheel_file("CT_small.dcm"), 0, "image/jpeg")
    pool._seconds = 0.01
    with pytest.raises(DecodingError) as caught:
        pool.picture(path, 0, "image/png")
    assert (caught.value.code, caught.value.step != "") == ("too_slow", True)
    pool._seconds = 10
    assert pool.picture(wheel_file("CT_small.dcm"), 0, "image/jpeg").width == 128
    pool.close()


def test_memory_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "large.dcm"
    path.write_bytes(make_dataset(Rows=6000, Columns=6000, PixelData=bytes(72_000_000)))
    pool = DecoderPool(size=1, memory=230 << 20, seconds=20)
    with pytest.raises(DecodingError) as caught:
        pool.picture(path, 0, "image/png")
    assert caught.value.code in ("too_large", "crashed")
    assert pool.picture(wheel_file("CT_small.dcm"), 0, "image/jpeg").width == 128
    pool.close()


def test_failures_name_their_step(pool: DecoderPool, tmp_path: Path) -> None:
    with pytest.raises(DecodingError) as caught:
        pool.picture(tmp_path / "absent", 0, "image/jpeg")
    assert (caught.value.code, caught.value.step) == ("missing", "reading the header")
    (tmp_path / "jpeg").write_bytes(unreadable_jpeg())
    with pytest.raises(DecodingError) as caught:
        pool.picture(tmp_path / "jpeg", 0, "image/jpeg")
    assert (caught.value.code, caught.value.step) == ("not_decodable", "decoding frame 1")
    with pytest.raises(DecodingError) as caught:
        pool.picture(wheel_file("CT_small.dcm"), 5, "image/jpeg")
    assert caught.value.code == "no_such_frame"


def test_a_process_ends_with_the_archive() -> None:
    pool = DecoderPool(size=1)
    pool.picture(wheel_file("CT_small.dcm"), 0, "image/jpeg")
    process = next(iter(pool._all))
    process._pipes[0].close()
    assert process._process.wait(10) == 0
    for pipe in process._pipes[1:]:
        pipe.close()


def test_a_warmed_pool_has_a_process_that_waits(pool: DecoderPool) -> None:
    pool.warm()
    (waiting,) = processes(pool)
    assert pool.picture(wheel_file("CT_small.dcm"), 0, "image/jpeg").width == 128
    assert processes(pool) == [waiting]
    pool.warm()
    assert processes(pool) == [waiting]


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({"PixelSpacing": [2, 1]}, (32, 64)),
        ({"PixelSpacing": [1, 2]}, (64, 32)),
        ({"PixelAspectRatio": ["4", "2"], "PixelSpacing": [1, 1]}, (32, 64)),
        ({"ImagerPixelSpacing": [0.5, 1]}, (64, 32)),
        ({"PixelSpacing": [0, 1]}, (64, 64)),
        ({"PixelSpacing": [1000, 1]}, (64, 64)),
        ({}, (64, 64)),
    ],
)
def test_pixels_that_are_not_square_are_shown_in_their_shape(
    pool: DecoderPool, tmp_path: Path, attributes: dict[str, list[float]], size: tuple[int, int]
) -> None:
    """PS3.3 C.7.6.3.1.7: row spacing, the vertical one, comes first."""
    path = tmp_path / "oblong.dcm"
    path.write_bytes(make_dataset(**attributes))
    made = pool.picture(path, 0, "image/webp", Look(viewport=Viewport(64, 64), is_square=True))
    assert (made.width, made.height) == size
    made = pool.picture(path, 0, "image/webp", Look(viewport=Viewport(64, 64)))
    assert (made.width, made.height) == (64, 64)


def test_many_callers_share_few_processes(pool: DecoderPool) -> None:
    path = wheel_file("CT_small.dcm")
    widths: list[int] = []
    callers = [
        threading.Thread(target=lambda: widths.append(pool.picture(path, 0, "image/jpeg").width)) for _ in range(8)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert widths == [128] * 8
    assert len(processes(pool)) == 1


def slow_pdf() -> bytes:
    """Return a PDF of one page that draws a form that draws a form ten times that draws a form ten times."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"]
    use = b"/Resources<</XObject<</F %d 0 R>>>>"
    objects.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R" + use % 5 + b">>")
    objects.append(b"<</Length 5>>stream\n/F Do\nendstream")
    for number in range(6, 15):
        head = b"<</Type/XObject/Subtype/Form/BBox[0 0 600 800]/Group<</S/Transparency>>/Length 60"
        objects.append(head + use % number + b">>stream\n" + b"/F Do " * 10 + b"\nendstream")
    objects.append(b"<</Type/XObject/Subtype/Form/BBox[0 0 600 800]/Length 15>>stream\n0 0 500 500 re f\nendstream")
    body = b"".join(b"%d 0 obj%s endobj\n" % (number, one) for number, one in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Size %d/Root 1 0 R>>" % len(objects)


def test_slow_documents_leave_room_for_pictures(tmp_path: Path) -> None:
    path = tmp_path / "slow.dcm"
    path.write_bytes(make_document(slow_pdf()))
    pool = DecoderPool(size=2, seconds=6)
    ended: list[str] = []

    def draw() -> None:
        with pytest.raises(DecodingError) as caught:
            pool.document_page(path, 0, 600)
        ended.append(caught.value.code)

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: pool._all)
    assert pool.picture(wheel_file("CT_small.dcm"), 0, "image/jpeg").width == 128
    assert len(ended) < 2
    for thread in threads:
        thread.join()
    # which limit it meets first, that of time or that of memory, is the machine's affair
    assert set(ended) <= {"too_slow", "crashed", "busy"}
    pool.close()


def test_a_file_that_took_too_long_never_has_all_processes_again(tmp_path: Path) -> None:
    path = tmp_path / "large.dcm"
    path.write_bytes(make_dataset(Rows=4000, Columns=4000, PixelData=bytes(32_000_000)))
    pool = DecoderPool(size=2, seconds=10)
    pool.warm()
    pool._seconds = 0.01
    with pytest.raises(DecodingError, match="longer"):
        pool.picture(path, 0, "image/png")
    with pool._half, pytest.raises(DecodingError, match="busy"):
        pool.picture(path, 0, "image/png")
    pool._seconds = 10
    assert pool.picture(path, 0, "image/jpeg").width == 4000
    pool.close()
