"""What tests of the viewer share: a phantom, a bright ball in a dark box cut into slices, and looking at a viewport."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from tests.datasets import ROOT, make_dataset
from tests.live import LiveApp, Person

SIZE = 64
SLICES = 24
SPACING = 2.0
AIR, BALL = -1000, 300


def study_uid(study: int) -> str:
    """Return the Study Instance UID of a made study."""
    return f"{ROOT}.{study}"


def series_uid(study: int, series: int) -> str:
    """Return the Series Instance UID of a made series."""
    return f"{ROOT}.{study}.{series}"


def address(study: int, **query: object) -> str:
    """Return the address of the viewer."""
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return f"/view/{study_uid(study)}/" + (f"?{words}" if words else "")


def ball(place: int, radius: float = 20) -> bytes:
    """Return the pixels of a slice through a ball around the middle of the box, plus 1024, 16 bits each."""
    y, x = np.mgrid[:SIZE, :SIZE]
    z = (place - SLICES / 2) * SIZE / SLICES
    inside = (x - SIZE / 2) ** 2 + (y - SIZE / 2) ** 2 + z**2 < radius**2
    return np.where(inside, BALL + 1024, AIR + 1024).astype("<u2").tobytes()


def write_volume(folder: Path, study: int, series: int = 1, slices: int = SLICES, **attributes: Any) -> None:
    """Write a series of axial CT slices of the ball."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(slices):
        values: dict[str, Any] = {
            "StudyInstanceUID": study_uid(study),
            "SeriesInstanceUID": series_uid(study, series),
            "SOPInstanceUID": f"{series_uid(study, series)}.{place + 1}",
            "FrameOfReferenceUID": f"{study_uid(study)}.9",
            "SeriesNumber": series,
            "SeriesDescription": "Ball, axial",
            "InstanceNumber": place + 1,
            "Rows": SIZE,
            "Columns": SIZE,
            "PixelSpacing": [SPACING, SPACING],
            "SliceThickness": SPACING * SIZE / SLICES,
            "ImagePositionPatient": [-SIZE, -SIZE, round(place * SPACING * SIZE / SLICES, 4)],
            "RescaleSlope": 1,
            "RescaleIntercept": -1024,
            "WindowCenter": 40,
            "WindowWidth": 400,
            "PixelData": ball(place % SLICES),
            **attributes,
        }
        (folder / f"{study}-{series}-{place:04}.dcm").write_bytes(make_dataset(**values))


def in_ball(place: int) -> Any:
    """Return which pixels of a slice are in the ball."""
    return np.frombuffer(ball(place), "<u2").reshape(SIZE, SIZE) > 1024


def _segmented(place: int) -> Dataset:
    """Return the functional groups of a frame that marks segment 1 in a slice."""
    frame, plane, position = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = [-SIZE, -SIZE, round(place * SPACING * SIZE / SLICES, 4)]
    frame.PlanePositionSequence = [position]
    plane.ReferencedSegmentNumber = 1
    frame.SegmentIdentificationSequence = [plane]
    return frame


def segmentation(study: int, series: int, of: int, *places: int, **attributes: Any) -> bytes:
    """Return a binary segmentation (PS3.3 A.51) of the ball in slices of a volume, a frame each, named Lesion."""
    inside = np.concatenate([in_ball(place).ravel() for place in places])
    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [SPACING, SPACING], SPACING
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "Lesion"
    values: dict[str, Any] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66.4",
        "StudyInstanceUID": study_uid(study),
        "SeriesInstanceUID": series_uid(study, series),
        "SOPInstanceUID": f"{series_uid(study, series)}.1",
        "FrameOfReferenceUID": f"{study_uid(study)}.9",
        "Modality": "SEG",
        "SeriesNumber": series,
        "SeriesDescription": "Lesions",
        "SegmentationType": "BINARY",
        "SegmentSequence": [segment],
        "SourceImageSequence": [_reference(f"{series_uid(study, of)}.{place + 1}") for place in places],
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": [_segmented(place) for place in places],
        "NumberOfFrames": len(places),
        "Rows": SIZE,
        "Columns": SIZE,
        "BitsAllocated": 1,
        "BitsStored": 1,
        "HighBit": 0,
        "ImagePositionPatient": None,
        "ImageOrientationPatient": None,
        "PixelData": np.packbits(inside, bitorder="little").tobytes(),
        **attributes,
    }
    return make_dataset(**values)


def key_objects(study: int, series: int, uids: list[str], **attributes: Any) -> bytes:
    """Return a selection of key objects (PS3.3 A.35.4) that names some instances."""
    values: dict[str, Any] = {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.59",
        "StudyInstanceUID": study_uid(study),
        "SeriesInstanceUID": series_uid(study, series),
        "SOPInstanceUID": f"{series_uid(study, series)}.1",
        "Modality": "KO",
        "SeriesNumber": series,
        "ReferencedImageSequence": [_reference(uid) for uid in uids],
        "PixelData": None,
        **attributes,
    }
    return make_dataset(**values)


def _reference(uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = CTImageStorage
    item.ReferencedSOPInstanceUID = uid
    return item


# ---------------------------------------------------------------- in the browser

# What draws stacks here: the processor, as WebGL is computed by it too; or WebGL, when it goes by the name of a card.
RENDERERS = ["processor", "webgl"]
_AS_A_CARD = """
for (const one of [WebGLRenderingContext, WebGL2RenderingContext]) {
  const parameterOf = one.prototype.getParameter;
  one.prototype.getParameter = function (name) {
    return name === 0x9246 || name === this.RENDERER ? "A graphics card" : parameterOf.call(this, name);
  };
}
"""


def draw_by(page: Page, renderer: str) -> None:
    """Let stacks be drawn on the pages that are opened from now on by one of RENDERERS."""
    if renderer == "webgl":
        page.add_init_script(_AS_A_CARD)


@contextmanager
def watched(
    page: Page, app: LiveApp, login: Callable[[Any, Person], None], size: tuple[int, int], let: str = "nothing"
) -> Iterator[Page]:
    """Log somebody in on a page that must not complain, of its policy neither, but of what starts with `let`."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_default_timeout(20_000)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    login(page, app.user("viewer"))
    yield page
    assert [text for text in said if not text.startswith(let)] == []


def opened(page: Page, study: int, **query: object) -> None:
    """Open the viewer and wait until all that it was asked for is there."""
    page.goto(address(study, **query))
    expect(corner(page, "bl")).to_contain_text(" of ")
    expect(page.locator(".viewport[aria-busy]")).to_have_count(0)


def corner(page: Page, at: str, viewport: int = 1) -> Locator:
    """Return the text in a corner of a viewport."""
    return page.locator(".viewport").nth(viewport - 1).locator(f".ov.{at}")


def shows(page: Page, place: int, count: int = SLICES, viewport: int = 1) -> None:
    """Wait until a viewport shows a slice."""
    expect(corner(page, "bl", viewport)).to_contain_text(f"{place} of {count}")


def middle(page: Page, viewport: int = 1) -> tuple[float, float]:
    """Return where the middle of a viewport is."""
    box = page.locator(".viewport").nth(viewport - 1).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def at(page: Page, column: float, row: float, viewport: int = 1) -> tuple[float, float]:
    """Return where a pixel of a picture is on the screen, as long as it is neither zoomed nor moved."""
    box = page.locator(".viewport").nth(viewport - 1).locator(".canvas").bounding_box()
    assert box
    scale = min(box["width"], box["height"]) / SIZE
    middle = (SIZE - 1) / 2
    return (
        box["x"] + box["width"] / 2 + (column - middle) * scale,
        box["y"] + box["height"] / 2 + (row - middle) * scale,
    )


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], button: Any = "left") -> None:
    """Drag the mouse."""
    page.mouse.move(*start)
    page.mouse.down(button=button)
    page.mouse.move(*end, steps=6)
    page.mouse.up(button=button)


def marks(page: Page) -> Locator:
    """Return what is drawn over the first viewport."""
    return page.locator(".viewport").first.locator("svg.svg-layer")


def colours(page: Page, viewport: int = 1) -> Any:
    """Return what a viewport shows as red, green and blue."""
    picture = page.locator(".viewport").nth(viewport - 1).locator(".canvas").screenshot()
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
