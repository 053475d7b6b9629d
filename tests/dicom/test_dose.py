"""Radiotherapy doses: the highest value of a grid."""

import numpy as np

from pacsbrowser.dicom.dose import highest_sample
from pacsbrowser.dicom.frames import PixelLayout


def test_the_highest_sample_of_signed_pixels_is_not_a_negative_one() -> None:
    signed = PixelLayout("1.2.840.10008.1.2.5", little=True, bits_allocated=16, sign=1)
    assert highest_sample(np.array([-5, 7, 3], "<i2").tobytes(), signed) == 7
    plain = PixelLayout("1.2.840.10008.1.2.5", little=True, bits_allocated=32)
    assert highest_sample(np.array([5, 4_000_000_000], "<u4").tobytes(), plain) == 4_000_000_000
