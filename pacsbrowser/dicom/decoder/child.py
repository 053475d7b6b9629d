"""The decoder process: takes one request after the other from its input, and notes each step before it begins.

It can write no file and has a limit on its memory. It ends when its input does, so none outlives the archive; an
alarm ends it in the midst of a codec.
"""

import logging
import os
import resource
import signal
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pacsbrowser.dicom.aspect import pixel_aspect
from pacsbrowser.dicom.bulkdata import NoSuchValue, find_value
from pacsbrowser.dicom.decode import Frame, check_size, decode_frame, native_bytes, read_frame
from pacsbrowser.dicom.decoder.protocol import FAILURE, READY, RESULT, pack_message, read_message
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.frames import PixelLayout, read_pixel_layout
from pacsbrowser.dicom.geometry import plane_of
from pacsbrowser.dicom.grey import Bytes, GreyWindow
from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.json_reader import read_wanted
from pacsbrowser.dicom.layers import MOST_LAYERS, OPACITY, OPACITY_ALONE, Layer, paint, parse_colours
from pacsbrowser.dicom.part10 import Layout
from pacsbrowser.dicom.pixels import make_picture
from pacsbrowser.dicom.render import Viewport, render

OPEN_FILES = 4
MOST_OVERLAY = 64 << 20
_GROUPS = frozenset((0x0020, 0x0028, 0x0048, 0x2050, 0x3004, 0x5200, *range(0x6000, 0x6020, 2)))
_SPACINGS = frozenset((0x00181164, 0x00182010))
Step = Callable[[str], None]


def _is_of_pictures(tag: int) -> bool:
    """Say whether an attribute tells how pixels are shown: places, pixels, looks, doses, overlays, spacings."""
    return tag >> 16 in _GROUPS or tag in _SPACINGS


@dataclass(slots=True)
class _Opened:
    """A file that was read lately; the next frame asked for is often of the same."""

    file: BinaryIO
    pixels: PixelLayout
    layout: Layout
    model: JsonModel | None = None

    def read_model(self) -> JsonModel:
        """Return the attributes that say how the pixels are shown; large values stay in the file."""
        if self.model is None:
            self.model = read_wanted(self.layout, _is_of_pictures)
        return self.model

    def read_bulk(self, path: str) -> bytes:
        """Return a large value, b"" where it is missing or too large."""
        try:
            value = find_value(self.layout, path)
        except NoSuchValue:
            return b""
        return b"".join(value.read()) if value.length <= MOST_OVERLAY else b""


class _Child:
    def __init__(self, say: Callable[[bytes], None], tell_step: Step) -> None:
        self._say, self._tell_step = say, tell_step
        self._opened: OrderedDict[str, _Opened] = OrderedDict()

    def answer(self, request: dict[str, Any]) -> None:
        """Do what is asked, and say what came of it."""
        step = ""

        def begin(name: str) -> None:
            nonlocal step
            step = name
            self._tell_step(name)

        try:
            head, body = self._do(request, begin)
            self._say(pack_message({"kind": RESULT, **head}, body))
        except DicomError as error:
            self._fail(error.code, step, error.reason)
        except FileNotFoundError:
            self._fail("missing", step, "The file is not in the store.")
        except MemoryError:
            self._opened.clear()
            self._fail("too_large", step, "More memory is needed than is given.")
        except Exception as error:  # whatever a library does not expect is an answer as well
            self._fail("bad_pixels", step, f"{type(error).__name__}: {error}"[:300])

    def _fail(self, code: str, step: str, reason: str) -> None:
        self._say(pack_message({"kind": FAILURE, "code": code, "step": step, "reason": reason}))

    def _do(self, request: dict[str, Any], begin: Step) -> tuple[dict[str, Any], bytes]:
        if request["do"] == "document page":
            return _draw_page(request, begin)
        if request["do"] == "layers":
            return self._draw_layers(request, begin)
        opened, frame = self._decode(request, begin)
        pixels = opened.pixels
        if request["do"] == "samples":
            count = 1 if frame.samples.ndim == 2 else frame.samples.shape[2]
            bits = 1 if pixels.bits_allocated == 1 else 8 * frame.samples.dtype.itemsize
            body = native_bytes(frame, pixels)
            return {"photometric": frame.photometric, "samples": count, "bits_allocated": bits}, body
        begin("applying the lookup tables")
        window = GreyWindow(*request["window"]) if request.get("window") else None
        picture = make_picture(frame, pixels, opened.read_model(), int(request["frame"]), window, opened.read_bulk)
        aspect = pixel_aspect(opened.read_model(), int(request["frame"])) if request.get("is_square") else 1.0
        return _encode(picture, request, begin, aspect)

    def _decode(self, source: dict[str, Any], begin: Step) -> tuple[_Opened, Frame]:
        """Return a file with one of its frames."""
        begin("reading the header")
        opened, number = self._open(source["path"]), int(source["frame"])
        check_size(opened.pixels)
        begin(f"reading frame {number + 1}")
        data = read_frame(opened.layout.window, opened.pixels, number)
        begin(f"decoding frame {number + 1}")
        return opened, decode_frame(data, opened.pixels)

    def _draw_layers(self, request: dict[str, Any], begin: Step) -> tuple[dict[str, Any], bytes]:
        """Draw layers over a picture, or over black where no picture lies below them."""
        layers = [self._layer(source, begin) for source in request["layers"][:MOST_LAYERS]]
        below = request.get("below")
        if below:
            opened, frame = self._decode(below, begin)
            number = int(below["frame"])
            picture = make_picture(frame, opened.pixels, opened.read_model(), number, None, opened.read_bulk)
            plane, aspect = plane_of(opened.read_model(), number), pixel_aspect(opened.read_model(), number)
        else:
            picture, plane, aspect = np.zeros(layers[0].stored.shape, np.uint8), layers[0].plane, 1.0
        begin("painting the layers")
        painted = paint(picture, plane, layers, OPACITY if below else OPACITY_ALONE)
        width, height = request["viewport"]
        # A coarse mask is not made smooth: its pixels are what there is.
        fits = painted.shape[1] <= width and painted.shape[0] <= height
        return _encode(painted, {**request, "viewport": None} if fits else request, begin, aspect)

    def _layer(self, source: dict[str, Any], begin: Step) -> Layer:
        opened, frame = self._decode(source, begin)
        plane = plane_of(opened.read_model(), int(source["frame"]))
        stored = frame.samples if frame.samples.ndim == 2 else frame.samples[:, :, 0]
        return Layer(stored, parse_colours(source["colours"]), plane, bool(source.get("is_label")))

    def _open(self, path: str) -> _Opened:
        if path in self._opened:
            self._opened.move_to_end(path)
            return self._opened[path]
        file = Path(path).open("rb")  # noqa: SIM115 stays open for the next frame
        try:
            pixels, layout = read_pixel_layout(file)
        except BaseException:
            file.close()
            raise
        while len(self._opened) >= OPEN_FILES:
            self._opened.popitem(last=False)[1].file.close()
        self._opened[path] = _Opened(file, pixels, layout)
        return self._opened[path]


def _encode(picture: Bytes, request: dict[str, Any], begin: Step, aspect: float = 1.0) -> tuple[dict[str, Any], bytes]:
    begin("making the picture")
    viewport = Viewport(*request["viewport"]) if request.get("viewport") else None
    lines = tuple(str(line) for line in request.get("lines", ()))
    made, width, height = render(picture, request["media_type"], viewport, int(request["quality"]), lines, aspect)
    return {"width": width, "height": height}, made


def _draw_page(request: dict[str, Any], begin: Step) -> tuple[dict[str, Any], bytes]:
    begin(f"drawing page {int(request['page']) + 1}")
    # Loaded by the processes that draw pages only: the library costs memory that pictures could need.
    from pacsbrowser.dicom.document_pictures import render_page

    with Path(request["path"]).open("rb") as file:
        made, width, height, pages = render_page(file, int(request["page"]), int(request["width"]))
    return {"width": width, "height": height, "pages": pages}, made


def _limit(memory: int) -> None:
    """Set the limits of this process; where a system has one of them not, the others still hold."""
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def main(memory: int) -> None:
    """Answer requests until the input ends."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    steps = os.dup(2)
    os.set_blocking(steps, False)
    # Codecs print what they think of a stream; that must not get between the answers.
    silent = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silent, descriptor)
    _limit(memory)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def say(message: bytes) -> None:
        view = memoryview(message)
        while view:
            view = view[answers.write(view) :]

    def tell_step(name: str) -> None:
        with suppress(OSError):
            os.write(steps, f"{name}\n".encode())

    child = _Child(say, tell_step)
    say(pack_message({"kind": READY}))
    while (message := read_message(requests)) is not None:
        request = message[0]
        signal.alarm(int(request["seconds"]) + 2)
        child.answer(request)
        signal.alarm(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
