"""MR Spectroscopy (PS3.3 C.8.14): the spectrum of one voxel."""

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from pacsbrowser.dicom.bulkdata import NoSuchValue, find_value
from pacsbrowser.dicom.data_item import DataItem
from pacsbrowser.dicom.part10 import open_data_set

_DATA = "56000020"
MOST_POINTS = 1 << 16
DRAWN = 1_200


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Magnitudes of a voxel by frequency: `across` in ppm where the transmitter is known, else in Hz or points."""

    unit: str
    points: tuple[tuple[float, float], ...]
    voxel: int
    voxels: int


def read_spectrum(file: BinaryIO, dataset: DataItem) -> Spectrum | None:
    """Return the spectrum of the middle voxel of the first frame; None where there is none to be read.

    Raises:
        DicomError: the file cannot be opened.
    """
    count = dataset.integer("DataPointColumns") or 0
    rows, columns = max(dataset.integer("Rows") or 1, 1), max(dataset.integer("Columns") or 1, 1)
    is_complex = dataset.text("DataRepresentation") == "COMPLEX"
    if not 2 <= count <= MOST_POINTS:
        return None
    voxel = rows // 2 * columns + columns // 2
    size = count * (8 if is_complex else 4)
    try:
        raw = b"".join(find_value(open_data_set(file), _DATA).read(voxel * size, (voxel + 1) * size - 1))
    except NoSuchValue:
        return None
    if len(raw) < size:
        return None
    numbers = np.frombuffer(raw, "<f4").astype(np.float64)
    signal = numbers[::2] + 1j * numbers[1::2] if is_complex else numbers
    return _spectrum(signal, dataset, voxel, rows * columns)


def _spectrum(signal: np.ndarray[tuple[int], np.dtype[np.complex128 | np.float64]], dataset: DataItem, voxel: int,
              voxels: int) -> Spectrum | None:  # fmt: skip
    if not np.isfinite(signal).all():
        return None
    if dataset.text("SignalDomainColumns") != "FREQUENCY":
        signal = np.fft.fftshift(np.fft.fft(signal))
    heights = np.abs(signal)
    count = len(heights)
    width, carrier = dataset.number("SpectralWidth"), dataset.number("TransmitterFrequency")
    places = np.arange(count) - count / 2
    unit = "point"
    if width and width > 0:
        places, unit = places * (width / count), "Hz"
        if carrier and carrier > 0:
            # The reference stands at the carrier: of protons in water, 4.7 ppm.
            reference = dataset.number("ChemicalShiftReference") or (
                4.7 if dataset.text("ResonantNucleus") == "1H" else 0.0
            )
            places, unit = places / carrier + reference, "ppm"
    step = max(count // DRAWN, 1)
    whole = count // step * step
    drawn = heights[:whole].reshape(-1, step).max(axis=1)
    across = places[:whole].reshape(-1, step)[:, 0]
    return Spectrum(unit, tuple(zip(across.tolist(), drawn.tolist(), strict=True)), voxel + 1, voxels)
