"""Waveforms that are sound (PS3.3 A.34.2 voice, A.34.10 general audio) as a WAV file: a head before their samples."""

from struct import pack

from pacsbrowser.dicom.encapsulated import Form
from pacsbrowser.dicom.waveform import Group

WAV = Form("audio/wav", "wav", "WAV file")
PCM, A_LAW, MU_LAW = 1, 6, 7
_FORMATS = {"UB": PCM, "SS": PCM, "MB": MU_LAW, "AB": A_LAW}
MOST_BYTES = 0xFFFF_FF00


def wav_head(group: Group, length: int) -> bytes | None:
    """Return what stands before samples to make a WAV file of them; None for samples that no player takes as such.

    Args:
        length: the bytes of the samples.
    """
    kind = _FORMATS.get(group.sample_type)
    if kind is None or not group.is_sound or length > MOST_BYTES:
        return None
    frame = group.declared_channels * group.bits // 8
    rate = round(group.rate)
    form = pack("<HHIIHH", kind, group.declared_channels, rate, rate * frame, frame, group.bits)
    return b"".join(
        (b"RIFF", pack("<I", 36 + length), b"WAVEfmt ", pack("<I", len(form)), form, b"data", pack("<I", length))
    )
