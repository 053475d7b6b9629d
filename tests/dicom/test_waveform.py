"""Waveforms: real units, skew, padding, the codes of leads; hostile descriptions are refused with reasons."""

import io
from typing import Any

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.waveforms import multiplex_array

from pacsbrowser.dicom.data_item import read_object
from pacsbrowser.dicom.sound import wav_head
from pacsbrowser.dicom.waveform import WAVEFORM_DATA, Recording, parse_recording, read_samples
from tests.datasets import make_dataset

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
TWELVE_LEAD, VOICE = "1.2.840.10008.5.1.4.1.1.9.1.1", "1.2.840.10008.5.1.4.1.1.9.4.1"


def code(value: str, meaning: str, scheme: str = "UCUM") -> Dataset:
    """Return an item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def make_group(samples: np.ndarray[Any, Any], rate: float | str = 500, **changes: Any) -> Dataset:
    """Return a multiplex group of samples (count, channels), in steps of 5 µV."""
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformSamples, group.NumberOfWaveformChannels = samples.shape
    group.SamplingFrequency = rate
    group.ChannelDefinitionSequence = [make_channel(number) for number in range(samples.shape[1])]
    group.WaveformBitsAllocated = 8 * samples.dtype.itemsize
    group.WaveformSampleInterpretation = {"int16": "SS", "uint8": "UB", "int8": "SB"}[samples.dtype.name]
    group.WaveformData = samples.tobytes()
    for keyword, value in changes.items():
        if value is None:
            delattr(group, keyword)
        else:
            setattr(group, keyword, value)
    return group


def make_channel(number: int = 0, **changes: Any) -> Dataset:
    """Return a channel definition."""
    channel = Dataset()
    channel.ChannelLabel = f"C{number + 1}"
    channel.ChannelSourceSequence = [code("5.6.3-9-1", "Lead I", "SCPECG")]
    channel.ChannelSensitivity = "5"
    channel.ChannelSensitivityUnitsSequence = [code("uV", "microvolt")]
    channel.ChannelSensitivityCorrectionFactor = "1"
    channel.ChannelBaseline = "0"
    for keyword, value in changes.items():
        setattr(channel, keyword, value)
    return channel


def make_waveform(*groups: Dataset, sop_class: str = TWELVE_LEAD, **attributes: Any) -> bytes:
    """Return an object with these groups."""
    return make_dataset(
        SOPClassUID=sop_class, Modality="ECG", PixelData=None, Rows=None, Columns=None, WaveformSequence=list(groups),
        **attributes,
    )  # fmt: skip


def recording_of(file: bytes) -> Recording:
    return parse_recording(read_object(io.BytesIO(file), frozenset((WAVEFORM_DATA,))))


def test_samples_are_those_of_pydicom() -> None:
    path = get_testdata_file("waveform_ecg.dcm")
    from pydicom import dcmread

    expected = multiplex_array(dcmread(path), 0, as_raw=False)
    with open(path, "rb") as file:  # noqa: PTH123 pydicom gives a string
        recording = parse_recording(read_object(file, frozenset((WAVEFORM_DATA,))))
        group = recording.groups[0]
        found = read_samples(file, group, tuple(range(12)), 2000, 3000)
    assert np.allclose(np.column_stack(found), expected[2000:5000])
    assert [channel.lead for channel in group.channels] == list(LEADS)
    assert (group.duration, group.channels[0].unit, group.channels[0].high) == (10.0, "µV", 300.0)
    assert recording.groups[1].label == "MEDIAN BEAT"
    assert [one.text for one in recording.annotations][:2] == ["RITMO SINUSALE", "ECG NORMALE"]
    assert recording.annotations[2].unit == "ms" and recording.annotations[2].value == "982"
    assert recording.annotations[-1].times == pytest.approx((9.696,))


def test_sensitivity_correction_baseline_padding_and_skew_are_applied() -> None:
    samples = np.array([[1, 2], [3, -32768], [5, 6]], np.int16)
    channels = [
        make_channel(ChannelSensitivityCorrectionFactor="2", ChannelBaseline="100"),
        make_channel(1, ChannelSampleSkew="5"),
    ]
    group = make_group(samples, ChannelDefinitionSequence=channels)
    group.add_new(0x5400100A, "OW", b"\0\x80")
    file = make_waveform(group)
    parsed = recording_of(file).groups[0]
    first, second = read_samples(io.BytesIO(file), parsed, (0, 1), 0, 100)
    assert first.tolist() == [110, 130, 150]
    assert second[0] == 10 and np.isnan(second[1]) and second[2] == 30
    assert parsed.channels[1].skew == pytest.approx(0.01)


def test_mu_law_and_a_law_are_expanded() -> None:
    samples = np.array([[0xFF], [0x00], [0x80], [0x7F]], np.uint8)
    file = make_waveform(make_group(samples, 8000, WaveformSampleInterpretation="MB"), sop_class=VOICE)
    group = recording_of(file).groups[0]
    (found,) = read_samples(io.BytesIO(file), group, (0,), 0, 4)
    assert (found / 5).tolist() == [0, -32124, 32124, 0]
    head = wav_head(group, 4)
    assert head is not None and head[:4] == b"RIFF" and head[20:22] == b"\x07\0" and len(head) == 44
    a_law = make_waveform(make_group(samples, 8000, WaveformSampleInterpretation="AB"), sop_class=VOICE)
    (found,) = read_samples(io.BytesIO(a_law), recording_of(a_law).groups[0], (0,), 0, 4)
    assert (found / 5).tolist() == [848, -5504, 5504, -848]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SamplingFrequency": "0"}, "sampling frequency"),
        ({"SamplingFrequency": "-5"}, "sampling frequency"),
        ({"SamplingFrequency": "1e300"}, "sampling frequency"),
        ({"SamplingFrequency": None}, "sampling frequency"),
        ({"NumberOfWaveformSamples": 0}, "no sample"),
        ({"NumberOfWaveformChannels": 0}, "number of channels"),
        ({"WaveformSampleInterpretation": "XX"}, "cannot be read"),
        ({"WaveformBitsAllocated": 8}, "cannot be read"),
    ],
)
def test_a_group_that_cannot_be_drawn_says_why(changes: dict[str, Any], words: str) -> None:
    good = make_group(np.zeros((10, 1), np.int16))
    recording = recording_of(make_waveform(make_group(np.zeros((10, 1), np.int16), **changes), good))
    assert len(recording.groups) == 1 and recording.groups[0].number == 2
    assert words in recording.problems[0]


def test_what_a_header_promises_is_not_read_beyond_the_data() -> None:
    huge = make_group(np.ones((10, 2), np.int16), NumberOfWaveformSamples=4_000_000_000)
    huge.NumberOfWaveformChannels = 65_535
    file = make_waveform(huge)
    group = recording_of(file).groups[0]
    assert read_samples(io.BytesIO(file), group, (0,), 0, 4_000_000_000)[0].size == 0
    missing = make_waveform(make_group(np.ones((10, 2), np.int16), NumberOfWaveformSamples=4_000_000_000))
    (found,) = read_samples(io.BytesIO(missing), recording_of(missing).groups[0], (0,), 5, 4_000_000_000)
    assert found.size == 5


def test_sensitivities_that_are_no_numbers_leave_gaps() -> None:
    samples = np.ones((10, 1), np.int16)
    file = make_waveform(
        make_group(samples, ChannelDefinitionSequence=[make_channel(ChannelSensitivity="1e300", ChannelBaseline="0")])
    )
    (found,) = read_samples(io.BytesIO(file), recording_of(file).groups[0], (0,), 0, 10)
    assert np.isnan(found).all()
