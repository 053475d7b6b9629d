"""A picture in the form that was asked for: cut out and scaled, annotated, as JPEG, PNG or WebP (PS3.18 8.3.5.1)."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pacsbrowser.dicom.grey import Bytes, GreyWindow

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
MOST_SIDE = 16_384
MOST_PIXELS = 50_000_000
_FONT_SIZE = 14


@dataclass(frozen=True, slots=True)
class Viewport:
    """The size of the picture, and the part of the image that it shows; a negative width or height turns it over.

    A part of None is the whole image; its width or height of None reaches to the edge.
    """

    width: int
    height: int
    left: float = 0.0
    top: float = 0.0
    part_width: float | None = None
    part_height: float | None = None

    @property
    def is_possible(self) -> bool:
        """Whether the size is one that will be made."""
        return 0 < self.width <= MOST_SIDE and 0 < self.height <= MOST_SIDE and self.width * self.height <= MOST_PIXELS


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is to look: its window where not that of the object, its viewport, quality, and lines of text.

    `is_square`: the pixels of the viewport are square, whatever the shape of those of the image.
    """

    window: GreyWindow | None = None
    viewport: Viewport | None = None
    quality: int = 90
    lines: tuple[str, ...] = ()
    is_square: bool = False


USUAL = Look()


def render(
    picture: Bytes,
    media_type: str,
    viewport: Viewport | None = None,
    quality: int = 90,
    lines: tuple[str, ...] = (),
    aspect: float = 1.0,
) -> tuple[bytes, int, int]:
    """Return the encoded picture with its width and height.

    Args:
        aspect: height of a pixel divided by its width, for a picture in a viewport whose pixels are square.
    """
    image = Image.fromarray(np.ascontiguousarray(picture))
    if viewport is not None:
        image = _scaled(image, viewport, aspect)
    if lines:
        image = _annotated(image, lines)
    out = io.BytesIO()
    if media_type == "image/jpeg":
        image.save(out, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2)
    elif media_type == "image/webp":
        image.save(out, "WEBP", quality=quality, method=2)
    else:
        image.save(out, "PNG", compress_level=1)
    return out.getvalue(), image.width, image.height


def _scaled(image: Image.Image, viewport: Viewport, aspect: float) -> Image.Image:
    """Cut out the part and fit it into the viewport without distortion."""
    width = viewport.part_width if viewport.part_width is not None else image.width - viewport.left
    height = viewport.part_height if viewport.part_height is not None else image.height - viewport.top
    left, top = viewport.left, viewport.top
    box = (left, top, min(left + abs(width), image.width), min(top + abs(height), image.height))
    if box[2] - box[0] < 1 or box[3] - box[1] < 1:
        box = (0, 0, image.width, image.height)
    wide, high = box[2] - box[0], (box[3] - box[1]) * aspect
    scale = min(viewport.width / wide, viewport.height / high)
    size = max(round(wide * scale), 1), max(round(high * scale), 1)
    # Enlarged as the viewer does it; smoother curves would make edges of greys and colours that are not there.
    method = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BILINEAR
    image = image.resize(size, method, box=box, reducing_gap=2.0)
    if width < 0:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return image.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if height < 0 else image


def _annotated(image: Image.Image, lines: tuple[str, ...]) -> Image.Image:
    """Write lines into the upper left corner, white with a dark edge."""
    white = 255 if image.mode == "L" else (255, 255, 255)
    black = 0 if image.mode == "L" else (0, 0, 0)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(min(_FONT_SIZE, image.width // 16), 8))
    text = "\n".join(line[:200] for line in lines[:20])
    draw.multiline_text((4, 4), text, fill=white, font=font, stroke_width=1, stroke_fill=black)
    return image
