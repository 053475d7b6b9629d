"""ICC profiles of colour images (PS3.3 C.11.15): what a camera or scanner saw, in sRGB, the colours of screens."""

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from pacsbrowser.dicom.grey import Bytes
from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.model_values import items, read_binary

_PROFILE, _OPTICAL_PATHS = "00282000", "00480105"
_MOST_BYTES = 4 << 20
_PERCEPTUAL = 0


def on_screen(picture: Bytes, model: JsonModel, read_bulk: Callable[[str], bytes]) -> Bytes:
    """Return an RGB picture in sRGB by the profile of its object, or as it is where there is no good profile."""
    for holder in (model, *items(model, _OPTICAL_PATHS)[:1]):
        profile = read_binary(holder.get(_PROFILE, {}), read_bulk)
        if profile:
            break
    transform = _transform(profile) if len(profile) <= _MOST_BYTES else None
    if transform is None:
        return picture
    image = Image.fromarray(np.ascontiguousarray(picture))
    ImageCms.applyTransform(image, transform, inPlace=True)
    return np.asarray(image)


@lru_cache(maxsize=8)
def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """Return the way to sRGB; None without a profile, and for one that is none of RGB pictures."""
    if not profile:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        screen = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(source, screen, "RGB", "RGB", ImageCms.Intent(_PERCEPTUAL))
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
