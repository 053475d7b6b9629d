"""The shape of a pixel: how much higher than wide it is (PS3.3 C.7.6.3.1.7, 10.7.1.1, C.7.6.16.2.1)."""

import math

from pacsbrowser.dicom.grey import macro
from pacsbrowser.dicom.json_model import JsonModel
from pacsbrowser.dicom.model_values import values

_RATIO = "00280034"
_PIXEL_MEASURES = "00289110"
# In the patient, at the detector, of a digitised film: each is rows first, then columns.
_SPACINGS = ("00280030", "00181164", "00182010")
MOST = 20.0


def pixel_aspect(model: JsonModel, frame: int) -> float:
    """Return the height of a pixel of frame `frame` (from 0) divided by its width; 1 where nothing good is said."""
    source = macro(model, frame, _PIXEL_MEASURES)
    for found in (values(model, _RATIO), values(source, _SPACINGS[0]), *(values(model, key) for key in _SPACINGS)):
        ratio = _ratio(found)
        if ratio:
            return ratio
    return 1.0


def _ratio(pair: list[object]) -> float:
    if len(pair) != 2:
        return 0.0
    high, wide = pair
    if not isinstance(high, int | float) or not isinstance(wide, int | float) or high <= 0 or wide <= 0:
        return 0.0
    ratio = high / wide
    return ratio if math.isfinite(ratio) and 1 / MOST <= ratio <= MOST else 0.0
