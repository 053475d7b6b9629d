"""Windows on deflated data sets: any place can be read, little is in memory, and what is broken is told."""

import io
import random
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacsbrowser.dicom import window as window_module
from pacsbrowser.dicom.errors import Damaged, TooLarge
from pacsbrowser.dicom.window import Window, inflated_pieces

BEFORE = b"before the stream"


def deflated(data: bytes) -> io.BytesIO:
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return io.BytesIO(BEFORE + packer.compress(data) + packer.flush())


def numbers(count: int) -> bytes:
    """Four bytes a number: they differ from place to place and deflate a little."""
    return np.arange(count, dtype="<u4").tobytes()


@given(st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(0, 300_000)), max_size=20))
@settings(max_examples=30, deadline=None)
def test_every_place_can_be_read(places: list[tuple[int, int]]) -> None:
    data = numbers(450_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window_module, "_STEP", 256 * 1024)
        window = Window.inflated(deflated(data), len(BEFORE))
        assert window.size == len(data)
        for offset, length in places:
            assert window.read(offset, length) == data[offset : offset + length]


def test_a_frame_far_inside_is_reached_with_little_memory() -> None:
    data = numbers(18_000_000)
    file = deflated(data)
    tracemalloc.start()
    window = Window.inflated(file, len(BEFORE))
    for offset in (70_000_000, 5, 40_000_000, 40_100_000, 71_999_991):
        assert window.read(offset, 50_000) == data[offset : offset + 50_000]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 << 20


def test_reading_on_inflates_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    data = numbers(7_000_000)
    window = Window.inflated(deflated(data), len(BEFORE))
    window.read(12_000_000, 10)
    states: list[int] = []
    copy = window_module._Stream.copy
    monkeypatch.setattr(window_module._Stream, "copy", lambda stream: states.append(1) or copy(stream))
    for offset in range(12_100_000, 26_000_000, 500_000):
        assert window.read(offset, 100) == data[offset : offset + 100]
    assert len(states) <= 2  # where a remembered state is nearer than what was read last


def test_what_is_broken_or_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    data = random.Random(1).randbytes(300_000)
    whole = deflated(data).getvalue()
    with pytest.raises(Damaged):
        Window.inflated(io.BytesIO(whole[:-1000]), len(BEFORE))
    with pytest.raises(Damaged):
        Window.inflated(io.BytesIO(whole[: len(BEFORE)] + b"\xff" * 1000), len(BEFORE))
    monkeypatch.setattr(window_module, "INFLATED_MOST", 200_000)
    with pytest.raises(TooLarge):
        list(inflated_pieces(io.BytesIO(whole), len(BEFORE)))
