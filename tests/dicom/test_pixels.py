"""Pixels against pydicom and numpy: every frame decodes to the same samples, greys follow the same functions."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageCms
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array

from pacsbrowser.dicom.bulkdata import find_value
from pacsbrowser.dicom.decode import NotDecodable, TooManyPixels, decode_frame, read_frame
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.frames import BadPixels, NoPixels, PixelLayout, read_pixel_layout
from pacsbrowser.dicom.grey import GreyWindow
from pacsbrowser.dicom.json_reader import read_json
from pacsbrowser.dicom.pixels import make_picture
from pacsbrowser.dicom.render import Viewport, render
from tests.datasets import make_dataset
from tests.dicom.samples import CORPUS, wheel_file, wheel_files

FILES = wheel_files() + (
    sorted(path for path in (CORPUS / "dicom").rglob("*") if path.is_file() and "pydicom/" not in str(path))
    if CORPUS
    else []
)
# Frames that pydicom and this reader take differently on purpose: unused bits, bytes in words of Big Endian, signed
# samples under an unsigned header.
UNLIKE = {"mlut_18.dcm", "SC_rgb_small_odd_big_endian.dcm", "TOSHIBA_J2K_SIZ1_PixRep0.dcm"}


def decoded(file: Any, number: int) -> tuple[Any, PixelLayout]:
    pixels, layout = read_pixel_layout(file)
    return decode_frame(read_frame(layout.window, pixels, number), pixels), pixels


def picture_of(data: bytes, number: int = 0, window: GreyWindow | None = None) -> Any:
    file = io.BytesIO(data)
    pixels, layout = read_pixel_layout(file)
    frame = decode_frame(read_frame(layout.window, pixels, number), pixels)
    model = read_json(file, lambda path: path).model
    return make_picture(frame, pixels, model, number, window, lambda path: b"".join(find_value(layout, path).read()))


def quiet_pixels(path: Path, number: int) -> Any:
    """Return what pydicom decodes, None where it cannot; its errors have no common class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return pixel_array(path, index=number, raw=True)
        except Exception:
            return None


def is_grey_of_pydicom(path: Path) -> bool:
    """Say whether pydicom can show an image: grey, compressed in no way that it cannot read, with a window or table.

    It leaves overlays out, and what stands in the groups of frames.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True)
            has_overlay = any(group in dataset for group in (0x60003000, 0x60020010, 0x60000102))
            return (
                str(dataset.get("PhotometricInterpretation")).startswith("MONO")
                and dataset.get("BitsAllocated") in (8, 16)
                and bool(dataset.get("WindowCenter") or dataset.get("VOILUTSequence"))
                and not has_overlay
                and "SharedFunctionalGroupsSequence" not in dataset
                and quiet_pixels(path, 0) is not None
                and path.name not in UNLIKE
            )
        except Exception:
            return False


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_frames_are_decoded_as_pydicom_does(path: Path) -> None:
    with path.open("rb") as file:
        try:
            pixels, layout = read_pixel_layout(file)
            number = min(pixels.frames - 1, 1)
            frame = decode_frame(read_frame(layout.window, pixels, number), pixels)
        except DicomError as error:
            if isinstance(error, NotDecodable | TooManyPixels):
                assert quiet_pixels(path, number) is None
            return
    assert frame.samples.shape[:2] == (pixels.rows, pixels.columns)
    expected = quiet_pixels(path, number)
    if expected is not None and path.name not in UNLIKE:
        assert np.array_equal(frame.samples, expected)


def reference(dataset: pydicom.Dataset, samples: Any) -> Any:
    """Return greys by pydicom's functions, spread from its output range."""
    values = apply_modality_lut(samples, dataset)
    shown = apply_voi_lut(values, dataset).astype(float)
    if dataset.get("VOILUTSequence"):
        low, high = 0.0, 2.0 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
    elif dataset.get("ModalityLUTSequence"):
        low, high = 0.0, 2.0 ** dataset.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    else:
        bits, signed = dataset.BitsStored, dataset.PixelRepresentation
        low, high = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
        if "RescaleSlope" in dataset:
            slope, intercept = float(dataset.RescaleSlope), float(dataset.RescaleIntercept)
            low, high = low * slope + intercept, high * slope + intercept
    greys = np.clip((shown - low) / (high - low) * 255, 0, 255)
    return 255 - greys if dataset.PhotometricInterpretation == "MONOCHROME1" else greys


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("signed", [0, 1])
def test_windows_follow_their_function(photometric: str, function: str, signed: int) -> None:
    pixels = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64) + (0 if signed else 2048)
    data = make_dataset(
        Rows=64, Columns=64, PixelData=pixels.astype("<i2").tobytes(), PixelRepresentation=signed, BitsStored=12,
        HighBit=11, PhotometricInterpretation=photometric, RescaleSlope="2", RescaleIntercept="-100",
        WindowCenter="300", WindowWidth="900", VOILUTFunction=function,
    )  # fmt: skip
    expected = reference(pydicom.dcmread(io.BytesIO(data)), pixels)
    assert np.abs(picture_of(data) - expected).max() <= 1


def lut(bits: int, first: int, entries: list[int]) -> pydicom.Dataset:
    item = pydicom.Dataset()
    item.add_new(0x00283002, "US", [len(entries), first, bits])
    item.add_new(0x00283006, "OW", np.array(entries, "<u2").tobytes())
    return item


def test_tables_are_looked_up() -> None:
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
    modality, voi = lut(16, 8, list(range(4000, 2400, -50))), lut(16, 2500, [65 * number for number in range(1000)])
    data = make_dataset(PixelData=pixels.tobytes(), ModalityLUTSequence=[modality], VOILUTSequence=[voi])
    expected = reference(pydicom.dcmread(io.BytesIO(data)), pixels)
    assert np.abs(picture_of(data) - expected).max() <= 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", [*filter(is_grey_of_pydicom, FILES)], ids=lambda path: path.name)
def test_greys_are_those_of_pydicom(path: Path) -> None:
    """Every grey image with a window or a table of its own."""
    expected = reference(pydicom.dcmread(path, force=True), pixel_array(path, index=0))
    assert np.abs(picture_of(path.read_bytes()) - expected).max() <= 1.01


def test_palettes_are_those_of_pydicom() -> None:
    for name in ("examples_palette.dcm",):
        path = wheel_file(name)
        dataset = pydicom.dcmread(path)
        expected = apply_color_lut(pixel_array(path, index=0), dataset)
        bits = dataset.RedPaletteColorLookupTableDescriptor[2]
        assert np.array_equal(picture_of(path.read_bytes()), (expected >> (bits - 8)).astype(np.uint8))


def test_an_overlay_is_burnt_in() -> None:
    plane = np.zeros((8, 8), np.uint8)
    plane[2, 3] = plane[7, 7] = 1
    data = pydicom.dcmread(io.BytesIO(make_dataset(BitsStored=8, HighBit=7)))
    data.add_new(0x60000010, "US", 8)
    data.add_new(0x60000011, "US", 8)
    data.add_new(0x60000040, "CS", "G")
    data.add_new(0x60000050, "SS", [1, 1])
    data.add_new(0x60000100, "US", 1)
    data.add_new(0x60000102, "US", 0)
    data.add_new(0x60003000, "OW", np.packbits(plane.reshape(-1), bitorder="little").tobytes())
    file = io.BytesIO()
    data.save_as(file)
    assert np.array_equal(picture_of(file.getvalue()) == 255, plane.astype(bool))


def test_padding_is_left_out_where_no_window_is_given() -> None:
    pixels = np.full((8, 8), 1000, np.int16)
    pixels[0, :4], pixels[1, 0] = -2000, 1100
    data = make_dataset(PixelData=pixels.tobytes(), PixelRepresentation=1, PixelPaddingValue=-2000, Modality="MR")
    picture = picture_of(data)
    assert (picture[1, 0], picture[2, 0], picture[0, 0]) == (255, 0, 0)


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"Rows": 65535, "Columns": 65535}, TooManyPixels),
        ({"Rows": 0}, BadPixels),
        ({"SamplesPerPixel": 0}, BadPixels),
        ({"BitsAllocated": 24}, BadPixels),
        ({"NumberOfFrames": 10, "PixelData": bytes(2)}, BadPixels),
        ({"PixelData": None}, NoPixels),
    ],
)
def test_what_is_no_picture_is_refused_before_it_is_decoded(attributes: dict[str, Any], kind: type[DicomError]) -> None:
    with pytest.raises(kind):
        decoded(io.BytesIO(make_dataset(**attributes)), 0)


@pytest.mark.parametrize("media_type", ["image/jpeg", "image/png", "image/webp"])
def test_viewports_fit_without_distortion(media_type: str) -> None:
    grey = np.zeros((100, 50), np.uint8)
    _, width, height = render(grey, media_type, Viewport(40, 40))
    assert (width, height) == (20, 40)
    colour = np.zeros((100, 50, 3), np.uint8)
    assert render(colour, media_type, Viewport(500, 200), 80, ("Ä 王",))[1:] == (100, 200)


def test_an_enlarged_picture_has_no_greys_beyond_those_of_its_pixels() -> None:
    step = np.repeat(np.array([[100, 100, 150, 150]], np.uint8), 4, axis=0)
    data, width, _ = render(step, "image/png", Viewport(40, 40))
    row = np.asarray(Image.open(io.BytesIO(data)))[20].astype(int)
    assert (width, row.min(), row.max()) == (40, 100, 150)
    assert np.all(np.diff(row) >= 0)


def with_profile(profile: bytes, **attributes: Any) -> bytes:
    """A colour image of one colour, red 200, green 100, blue 50."""
    pixels = np.tile(np.array([200, 100, 50], np.uint8), 64).tobytes()
    return make_dataset(
        PixelData=pixels, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, BitsAllocated=8,
        BitsStored=8, HighBit=7, ICCProfile=profile, **attributes,
    )  # fmt: skip


def test_a_colour_profile_is_applied() -> None:
    """A profile whose red and green are exchanged."""
    screen = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.abs(picture_of(with_profile(screen)).astype(int) - (200, 100, 50)).max() <= 1
    exchanged = bytearray(screen)
    places = {bytes(screen[at : at + 4]): at for at in range(132, 132 + 12 * screen[131], 12)}
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    exchanged[red : red + 4], exchanged[green : green + 4] = b"gXYZ", b"rXYZ"
    found = picture_of(with_profile(bytes(exchanged)))[0, 0].astype(int)
    assert np.abs(found - (100, 200, 50)).max() <= 3
    path = pydicom.Dataset()
    path.ICCProfile = bytes(exchanged)
    nested = picture_of(with_profile(b"", OpticalPathSequence=[path]))
    assert np.array_equal(nested[0, 0], found)


@pytest.mark.parametrize("profile", [b"no profile", b"\0" * 200, bytes(range(256)) * 8])
def test_a_broken_profile_changes_nothing(profile: bytes) -> None:
    assert tuple(picture_of(with_profile(profile))[0, 0]) == (200, 100, 50)
