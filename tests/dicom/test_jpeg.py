"""JPEG of 12 bits and in several scans against DCMTK, and what it holds that is not as it should be."""

import contextlib
import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate

from pacsbrowser.dicom.decode import NotDecodable, TooManyPixels, decode_frame, read_frame
from pacsbrowser.dicom.frames import read_pixel_layout
from pacsbrowser.dicom.transfer_syntaxes import PROGRESSIVE
from tests.datasets import make_dataset
from tests.dicom.samples import CORPUS, wheel_file
from tests.dicom.test_pixels import decoded, picture_of
from tests.dimse.peers import run

EXTENDED = "1.2.840.10008.1.2.4.51"
FRAME_HEADER = b"\xff\xc1\x00\x0b\x0c"
NAMES = ("MR1", "RG3", "MG1", "XA1", "SC1")
FILES = [
    wheel_file("JPEG-lossy.dcm"),
    *([CORPUS / "dicom/pydicom/JPGExtended.dcm"] if CORPUS else []),
    *([CORPUS / f"dicom/wg04/{name}_JPLY" for name in NAMES] if CORPUS else []),
]


def make_deep(samples: Any, **attributes: Any) -> bytes:
    """Return an object whose one frame is JPEG of 12 bits."""
    stream = imagecodecs.jpeg8_encode(samples, level=100, bitspersample=12, **attributes.pop("how", {}))
    attributes = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0, **attributes}
    return make_dataset(
        transfer_syntax=EXTENDED, Rows=samples.shape[0], Columns=samples.shape[1],
        PixelData=encapsulate([bytes(stream)]), **attributes,
    )  # fmt: skip


def ramp(most: int = 4095) -> Any:
    return np.linspace(0, most, 64 * 64).reshape(64, 64).round().astype(np.uint16)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_drawn_as_what_dcmtk_makes_of_it(path: Path, tmp_path: Path) -> None:
    run("dcmdjpeg", path, tmp_path / "native.dcm")
    with path.open("rb") as file:
        frame, pixels = decoded(file, 0)
    native = pydicom.dcmread(tmp_path / "native.dcm")
    expected = np.frombuffer(native.PixelData, "<u2").reshape(pixels.rows, pixels.columns)
    most = (1 << pixels.bits_stored) - 1
    assert np.array_equal(frame.samples, np.minimum(expected, most))
    difference = picture_of(path.read_bytes()).astype(int) - picture_of((tmp_path / "native.dcm").read_bytes())
    assert np.count_nonzero(difference) <= np.count_nonzero(expected > most)


@pytest.mark.parametrize("way", ["+es", "+ep"])
@pytest.mark.parametrize("name", ["MR_small.dcm", "SC_rgb_rle.dcm"])
def test_scans_that_refine_each_other_are_read_as_dcmtk_does(name: str, way: str, tmp_path: Path) -> None:
    plain, lossy, native = (tmp_path / one for one in ("plain.dcm", "lossy.dcm", "native.dcm"))
    run("dcmdrle", wheel_file(name), plain)
    run("dcmcjpeg", way, plain, lossy)
    run("dcmdjpeg", lossy, native)
    with lossy.open("rb") as file:
        frame, pixels = decoded(file, 0)
    assert pixels.transfer_syntax_uid in PROGRESSIVE
    expected = pydicom.dcmread(native)
    width = f"<{'i' if pixels.sign else 'u'}{pixels.bits_allocated // 8}"
    samples = np.frombuffer(expected.PixelData, width)[: frame.samples.size]
    if pixels.samples > 1 and expected.PlanarConfiguration == 1:
        samples = samples.reshape(3, pixels.rows, pixels.columns).transpose(1, 2, 0)
    assert frame.photometric == expected.PhotometricInterpretation
    assert np.abs(frame.samples.astype(int) - samples.reshape(frame.samples.shape)).max() <= 2


def test_the_sign_is_extended() -> None:
    wanted = ramp().astype(np.int16) - 2048
    data = make_deep((wanted & 0xFFF).astype(np.uint16), PixelRepresentation=1)
    frame, _ = decoded(io.BytesIO(data), 0)
    # Beside the step from the largest number to the smallest the loss is larger.
    assert np.median(np.abs(frame.samples.astype(int) - wanted)) <= 1
    assert frame.samples.dtype == np.int16


@pytest.mark.parametrize(("photometric", "space"), [("RGB", "RGB"), ("YBR_FULL_422", "YCBCR")])
def test_colours_become_rgb(photometric: str, space: str) -> None:
    colours = np.dstack((ramp(), ramp()[::-1], np.full((64, 64), 1000, np.uint16)))
    how = {"colorspace": "RGB", "outcolorspace": space, "subsampling": "444"}
    data = make_deep(colours, how=how, SamplesPerPixel=3, PlanarConfiguration=0, PhotometricInterpretation=photometric)
    frame, _ = decoded(io.BytesIO(data), 0)
    assert frame.photometric == "RGB"
    assert np.abs(frame.samples.astype(int) - colours).max() <= 16
    assert np.abs(picture_of(data).astype(int) - (colours >> 4)).max() <= 2


def test_a_stream_of_another_size_is_told_before_it_is_decoded() -> None:
    data = make_deep(ramp())
    with pytest.raises(NotDecodable, match="64 × 65 × 1 samples, the header says 64 × 64 × 1"):
        decoded(io.BytesIO(data.replace(FRAME_HEADER + b"\0\x40", FRAME_HEADER + b"\0\x41")), 0)
    with pytest.raises(TooManyPixels, match="65,535 × 65,535"):
        decoded(io.BytesIO(data.replace(FRAME_HEADER + b"\0\x40\0\x40", FRAME_HEADER + b"\xff\xff\xff\xff")), 0)


def test_more_bits_than_are_allocated_are_told() -> None:
    file = make_deep(ramp(), BitsAllocated=8, BitsStored=8, HighBit=7)
    with pytest.raises(NotDecodable, match="12 bits, the header allocates 8"):
        decoded(io.BytesIO(file), 0)


def test_damage_is_an_error_or_a_picture() -> None:
    file = io.BytesIO(make_deep(ramp()))
    pixels, layout = read_pixel_layout(file)
    whole = read_frame(layout.window, pixels, 0)
    for place in range(2, len(whole), 7):
        for broken in (whole[:place], whole[:place] + bytes((whole[place] ^ 0x55,)) + whole[place + 1 :]):
            with contextlib.suppress(NotDecodable, TooManyPixels):
                assert decode_frame(broken, pixels).samples.shape == (64, 64)
