"""Waveforms (PS3.3 C.10.9): multiplex groups, their channels in real units, and annotations (C.10.10)."""

from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from pacsbrowser.dicom.bulkdata import NoSuchValue, find_value
from pacsbrowser.dicom.data_item import DataItem
from pacsbrowser.dicom.errors import DicomError
from pacsbrowser.dicom.model_values import read_binary
from pacsbrowser.dicom.part10 import open_data_set
from pacsbrowser.dicom.sr.content import Code
from pacsbrowser.dicom.units import unit_symbol

Samples = np.ndarray[Any, np.dtype[np.float32]]

WAVEFORM_DATA = 0x54001010
MOST_GROUPS = 64
MOST_CHANNELS = 512
MOST_TOGETHER = 4_096  # channels of all groups
MOST_READ = 16 << 20  # bytes of one stretch that is read at once
MOST_SAMPLE_RATE = 10_000_000.0
MOST_ANNOTATIONS = 2_000

# Waveform Sample Interpretation (5400,1006): how a sample is stored. MB and AB are the curves of ITU-T G.711.
_TYPES = {"SB": "i1", "UB": "u1", "MB": "u1", "AB": "u1", "SS": "<i2", "US": "<u2", "SL": "<i4", "UL": "<u4",
          "SV": "<i8", "UV": "<u8"}  # fmt: skip
_VOLTS = {"V": 1e3, "MV": 1.0, "mV": 1.0, "UV": 1e-3, "uV": 1e-3, "µV": 1e-3, "nV": 1e-6}
_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


class NoWaveform(DicomError):
    """There is no waveform that can be drawn; the reason says why."""

    code = "no_waveform"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel: what it measures, what one step of its samples is worth, and how it was filtered.

    `sensitivity` includes the correction factor; None where the object gives none, and samples are then shown as
    they are stored. `skew` is in seconds. Filters are in Hz.
    """

    number: int
    label: str
    source: Code | None
    sensitivity: float | None
    baseline: float
    unit: str
    skew: float
    status: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    notch: float | None = None
    modifiers: tuple[Code, ...] = ()

    @property
    def lead(self) -> str:
        """The standard lead of an ECG that the channel is, '' for none."""
        words = f"{self.label} {self.source.meaning if self.source else ''}".replace("-", " ").split()
        if self.source and self.source.scheme in ("MDC", "SCPECG") and (name := _MDC.get(self.source.value)):
            return name
        found = [_FOLDED[word.lower()] for word in words if word.lower() in _FOLDED]
        return found[0] if found else ""

    @property
    def name(self) -> str:
        """What to call the channel."""
        return self.lead or self.label or (self.source.text if self.source else "") or f"Channel {self.number}"

    @property
    def millivolts(self) -> float | None:
        """How many millivolts one unit is, None for what is no voltage."""
        return _VOLTS.get(self.unit) if self.sensitivity is not None else None


@dataclass(frozen=True, slots=True)
class Group:
    """Channels that were sampled together. `rate` in Hz; `offset` in seconds from the start of the acquisition."""

    number: int
    label: str
    originality: str
    rate: float
    samples: int
    channels: tuple[Channel, ...]
    sample_type: str
    bits: int
    padding: int | None
    path: str
    offset: float = 0.0
    declared_channels: int = 0

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples / self.rate

    @property
    def is_sound(self) -> bool:
        """Whether the group can be listened to: one or two channels at a rate of audio (PS3.3 A.34.2, A.34.10)."""
        return self.declared_channels in (1, 2) and 4_000 <= self.rate <= 96_000 and self.bits in (8, 16)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What was written or measured on a waveform. `times` in seconds from the start of the group `groups[0]`."""

    text: str
    concept: Code | None
    value: str
    unit: str
    channels: tuple[tuple[int, int], ...]
    times: tuple[float, ...]
    is_span: bool

    @property
    def is_measurement(self) -> bool:
        """Whether it is a number."""
        return self.value != "" and self.concept is not None


@dataclass(frozen=True, slots=True)
class Recording:
    """All that an object holds of waveforms; `problems` says of groups why they cannot be drawn."""

    groups: tuple[Group, ...]
    annotations: tuple[Annotation, ...]
    problems: tuple[str, ...] = ()


# IEEE 11073-10102 and SCP-ECG codes of the leads that are drawn at fixed places.
_MDC = {
    **{f"2:{number}": lead for number, lead in zip((1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), _LEADS, strict=True)},
    **{f"5.6.3-9-{number}": lead for number, lead in
       zip((1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), _LEADS, strict=True)},
}  # fmt: skip
_FOLDED = {lead.lower(): lead for lead in _LEADS}


def parse_recording(dataset: DataItem) -> Recording:
    """Return the waveforms that a data set describes; samples are read later (`read_samples`)."""
    groups: list[Group] = []
    problems: list[str] = []
    for place, item in enumerate(dataset.items("WaveformSequence")[:MOST_GROUPS]):
        if sum(len(group.channels) for group in groups) >= MOST_TOGETHER:
            problems.append(f"Group {place + 1} and what follows is left out: more than {MOST_TOGETHER:,} channels.")
            break
        try:
            groups.append(_group(item, place))
        except NoWaveform as error:
            problems.append(f"Group {place + 1}: {error.reason}")
    annotations = dataset.items("WaveformAnnotationSequence")[:MOST_ANNOTATIONS]
    rates = {group.number: group for group in groups}
    return Recording(tuple(groups), tuple(_annotation(item, rates) for item in annotations), tuple(problems))


def _group(item: DataItem, place: int) -> Group:
    rate, samples = item.number("SamplingFrequency"), item.integer("NumberOfWaveformSamples")
    count = item.integer("NumberOfWaveformChannels") or 0
    bits, kind = item.integer("WaveformBitsAllocated") or 0, item.text("WaveformSampleInterpretation")
    if rate is None or not 0 < rate <= MOST_SAMPLE_RATE:
        raise NoWaveform(f"the sampling frequency (003A,001A) is {item.text('SamplingFrequency') or 'missing'}.")
    if not samples or samples < 0:
        raise NoWaveform("there is no sample in it, by (003A,0010).")
    if not 0 < count <= 65_535:
        raise NoWaveform(f"the number of channels (003A,0005) is {count:,}.")
    if kind not in _TYPES or np.dtype(_TYPES[kind]).itemsize * 8 != bits:
        raise NoWaveform(f"samples of the kind “{kind[:16]}” with {bits} bits cannot be read.")
    definitions = item.items("ChannelDefinitionSequence")[: min(count, MOST_CHANNELS)]
    return Group(
        number=place + 1,
        label=item.text("MultiplexGroupLabel"),
        originality=item.text("WaveformOriginality"),
        rate=rate,
        samples=samples,
        channels=tuple(_channel(one, number + 1, rate) for number, one in enumerate(definitions)),
        sample_type=kind,
        bits=bits,
        padding=_padding(item, kind),
        path=item.bulk_path("WaveformData"),
        offset=(item.number("MultiplexGroupTimeOffset") or 0.0) / 1000.0,
        declared_channels=count,
    )


def _padding(item: DataItem, kind: str) -> int | None:
    """Return Waveform Padding Value (5400,100A), which has the form of a sample."""
    raw = read_binary(item.model.get("5400100A", {}), lambda path: b"")
    size = np.dtype(_TYPES[kind]).itemsize
    return int(np.frombuffer(raw[:size], _TYPES[kind])[0]) if len(raw) >= size else None


def _channel(item: DataItem, number: int, rate: float) -> Channel:
    sensitivity = item.number("ChannelSensitivity")
    correction = item.number("ChannelSensitivityCorrectionFactor")
    unit = item.code("ChannelSensitivityUnitsSequence")
    sample_skew = item.number("ChannelSampleSkew")
    skew = item.number("ChannelTimeSkew")
    source = item.first("ChannelSourceSequence")
    return Channel(
        number=number,
        label=item.text("ChannelLabel"),
        source=item.code("ChannelSourceSequence"),
        sensitivity=None if sensitivity is None else sensitivity * (1.0 if correction is None else correction),
        baseline=item.number("ChannelBaseline") or 0.0,
        unit=unit_symbol(unit.value or unit.meaning) if unit else "",
        skew=_bounded(skew if skew is not None else (sample_skew or 0.0) / rate),
        status=item.texts("ChannelStatus"),
        low=item.number("FilterLowFrequency"),
        high=item.number("FilterHighFrequency"),
        notch=item.number("NotchFilterFrequency"),
        modifiers=source.codes("ChannelSourceModifiersSequence") or item.codes("ChannelSourceModifiersSequence"),
    )


def _bounded(skew: float) -> float:
    """A skew is a fraction of the time between samples; one of hours would draw a channel off the paper."""
    return skew if abs(skew) <= 10.0 else 0.0


def _annotation(item: DataItem, groups: dict[int, Group]) -> Annotation:
    pairs = [int(number) for number in item.numbers("ReferencedWaveformChannels")[:512]]
    channels = tuple(zip(pairs[::2], pairs[1::2], strict=False))
    group = groups.get(channels[0][0]) if channels else next(iter(groups.values()), None)
    positions = item.numbers("ReferencedSamplePositions")[:64]
    times = tuple(number / 1000.0 for number in item.numbers("ReferencedTimeOffsets")[:64])
    if positions and group:
        times = tuple((number - 1) / group.rate for number in positions)
    unit, concept = item.code("MeasurementUnitsCodeSequence"), item.code("ConceptNameCodeSequence")
    value = item.text("NumericValue")
    answer = item.code("ConceptCodeSequence")
    return Annotation(
        text=item.text("UnformattedTextValue"),
        concept=concept,
        value=value or (answer.text if answer else ""),
        unit=unit_symbol(unit.value or unit.meaning) if unit else "",
        channels=channels,
        times=times,
        is_span=item.text("TemporalRangeType") in ("SEGMENT", "MULTISEGMENT"),
    )


def read_samples(file: BinaryIO, group: Group, channels: tuple[int, ...], first: int, count: int) -> list[Samples]:
    """Return stretches of channels (places from 0) in their units; what was padded is NaN.

    Args:
        first: the first sample, from 0.
        count: how many samples; fewer come where the data ends.

    Raises:
        NoWaveform: the data is missing.
        DicomError: the file cannot be opened.
    """
    stored = _read_stored(file, group, first, count)
    return [in_units(stored[:, channel], group.channels[channel], group.padding) for channel in channels]


def _read_stored(file: BinaryIO, group: Group, first: int, count: int) -> np.ndarray[Any, Any]:
    kind = np.dtype(_TYPES[group.sample_type])
    step = kind.itemsize * group.declared_channels
    try:
        value = find_value(open_data_set(file), group.path)
    except NoSuchValue:
        raise NoWaveform("The waveform data (5400,1010) is missing.") from None
    count = min(count, max(value.length // step - first, 0), MOST_READ // step)
    if count <= 0 or first < 0:
        return np.zeros((0, group.declared_channels), kind)
    raw = b"".join(value.read(first * step, (first + count) * step - 1))
    whole = len(raw) // step
    stored = np.frombuffer(raw[: whole * step], kind).reshape(whole, group.declared_channels)
    if group.sample_type in ("MB", "AB"):
        return _expanded(stored, group.sample_type)
    return stored


def in_units(stored: np.ndarray[Any, Any], channel: Channel, padding: int | None = None) -> Samples:
    """Return stored samples in the channel's unit: times the sensitivity, plus the baseline (PS3.3 C.10.9.1.4)."""
    with np.errstate(all="ignore"):
        real = stored.astype(np.float32)
        if channel.sensitivity is not None:
            real = real * np.float32(channel.sensitivity) + np.float32(channel.baseline)
        if padding is not None:
            real[stored == padding] = np.nan
        real[~np.isfinite(real)] = np.nan
    return real


def _expanded(stored: np.ndarray[Any, Any], kind: str) -> np.ndarray[Any, Any]:
    """Expand µ-law (MB) or A-law (AB) bytes to linear samples (ITU-T G.711)."""
    table = np.array([(_from_mu_law if kind == "MB" else _from_a_law)(byte) for byte in range(256)], np.int32)
    return np.asarray(table[stored])


def _from_mu_law(byte: int) -> int:
    byte = ~byte & 0xFF
    magnitude = (((byte & 0x0F) << 3) + 0x84 << (byte >> 4 & 7)) - 0x84
    return -magnitude if byte & 0x80 else magnitude


def _from_a_law(byte: int) -> int:
    byte ^= 0x55
    exponent, mantissa = byte >> 4 & 7, byte & 0x0F
    magnitude = (mantissa << 4) + 8 if not exponent else (mantissa << 4) + 0x108 << exponent - 1
    return magnitude if byte & 0x80 else -magnitude
