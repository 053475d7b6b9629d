"""What the pages of waveforms, documents and videos open with, and the resources inside objects."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from django.test import Client
from PIL import Image
from pydicom.data import get_testdata_file

from pacsbrowser.archive.models import Instance
from pacsbrowser.pages.curves import draw_curves
from tests.datasets import ingest_datasets, ingest_files, make_dataset
from tests.dicom.test_encapsulated import CDA, PDF_CLASS, make_document, make_pdf
from tests.dicom.test_waveform import VOICE, make_channel, make_group, make_waveform
from tests.pages.browsing import body_of, client_of, instance_url, text_of, url_of

pytestmark = pytest.mark.django_db

CDA_CLASS, STL_CLASS = "1.2.840.10008.5.1.4.1.1.104.2", "1.2.840.10008.5.1.4.1.1.104.3"
VIDEO_CLASS, MPEG2, H264 = "1.2.840.10008.5.1.4.1.1.77.1.1.1", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.102"
PAGE = instance_url()


@pytest.fixture
def viewer() -> Client:
    """A person who may look."""
    return client_of("viewer")


def make_ecg(seconds: float = 10, rate: float = 500, leads: str = "I II III aVR aVL aVF V1 V2 V3 V4 V5 V6") -> bytes:
    """Return a 12-lead ECG whose leads are sines of one millivolt."""
    names = leads.split()
    wave = np.sin(np.arange(round(seconds * rate)) / rate * 2 * np.pi) * 200
    channels = []
    for number, name in enumerate(names):
        channel = make_channel(number, ChannelLabel=name)
        del channel.ChannelSourceSequence
        channels.append(channel)
    samples = np.repeat(wave[:, None], len(names), axis=1).astype(np.int16)
    return make_waveform(make_group(samples, rate, ChannelDefinitionSequence=channels))


def test_an_ecg_stands_on_true_paper(viewer: Client) -> None:
    ingest_datasets(make_ecg())
    page = text_of(viewer.get(PAGE))
    assert 'width="262mm"' in page and 'viewBox="0 0 262 ' in page
    assert (
        "three rows of four leads and a rhythm strip of lead II, 0 s to 10 s. 25 mm per second, 10 mm per millivolt"
        in page
    )
    paths = re.findall(r'class="trace" d="(M[^"]+)"', page)[1:]
    assert len(paths) == 13
    steps = [int(number) for number in re.findall(r"-?\d+", paths[-1])]
    # 10 s at 25 mm/s; a sine of 1 mV goes 10 mm up and 10 mm down, in hundredths of a millimetre
    assert sum(steps[2::2]) == pytest.approx(25_000, abs=30)
    heights = np.cumsum(steps[1::2])
    assert heights.max() - heights.min() == pytest.approx(2_000, abs=10)
    assert "300 mm" not in page and text_of(viewer.get(PAGE + "?speed=50&gain=20&layout=12x1")).count("mm/mV") > 2


def test_choices_that_do_not_exist_show_the_usual_sheet(viewer: Client) -> None:
    ingest_datasets(make_ecg())
    usual = re.search(r"<svg class=\"ecg\".*?</svg>", text_of(viewer.get(PAGE)), re.DOTALL)
    for query in ("layout=9x9&speed=nan&gain=1e9", "at=99999999999999999999", "at=-5&group=77&channel=x", "at=1:2:3:4"):
        found = re.search(r"<svg class=\"ecg\".*?</svg>", text_of(viewer.get(f"{PAGE}?{query}")), re.DOTALL)
        assert found and usual and found[0] == usual[0], query


def test_a_long_recording_is_paged_in_time(viewer: Client) -> None:
    ingest_datasets(make_ecg(3700, 100, "I II"))
    page = text_of(viewer.get(PAGE))
    assert "1:01:40" in page and "?at=10" in page and 'aria-label="Earlier"' not in page
    later = text_of(viewer.get(f"{PAGE}?at=1:00:00"))
    assert "shown 1:00:00 to 1:00:10" in later and "?at=3590" in later and "?at=3610" in later


def test_days_of_recording_are_paged_to_the_second(viewer: Client) -> None:
    ingest_datasets(make_ecg(3_000_000, 0.5, "I"))
    page = text_of(viewer.get(f"{PAGE}?at=1234567.5"))
    assert "?at=1234557.5" in page and "?at=1234577.5" in page


def test_the_numbers_of_an_axis_keep_their_digits() -> None:
    chart = draw_curves([("counts", "#000000", [(0, 1_000_100), (5, 1_000_400)])], "time", "counts", from_zero=False)
    assert chart
    assert [tick.label for tick in chart.up_ticks] == ["1000100", "1000200", "1000300", "1000400"]


def test_other_units_fill_their_row_and_say_what_a_centimetre_is(viewer: Client) -> None:
    wave = (np.sin(np.arange(2000) / 50) * 40 + 80).astype(np.int16)[:, None]
    channel = make_channel(0, ChannelLabel="ART <b>", ChannelSensitivity="1")
    del channel.ChannelSourceSequence
    channel.ChannelSensitivityUnitsSequence[0].CodeValue = "mm[Hg]"
    group = make_group(wave, 250, ChannelDefinitionSequence=[channel])
    ingest_datasets(make_waveform(group, sop_class="1.2.840.10008.5.1.4.1.1.9.2.1"))
    page = text_of(viewer.get(PAGE))
    assert re.search(r"1 cm = 50 mmHg, middle (79.5|80)<", page)
    assert "ART &lt;b&gt;" in page and "ART <b>" not in page


def test_hostile_waveforms_have_a_page_too(viewer: Client) -> None:
    broken = make_group(np.ones((10, 1), np.int16), "0")
    many = make_group(np.ones((4, 600), np.int16), "1e-3")
    wild = make_group(
        np.array([[-32768], [32767]] * 500, np.int16), "9999999",
        ChannelDefinitionSequence=[
            make_channel(ChannelSensitivity="1e30", ChannelBaseline="-1e30", ChannelTimeSkew="1e9")
        ],
    )  # fmt: skip
    ingest_datasets(make_waveform(broken, many, wild))
    page = text_of(viewer.get(PAGE))
    assert "the sampling frequency (003A,001A) is 0." in page
    assert "1 to 12" in page and "505 to 512" in page
    assert 'class="ecg"' in text_of(viewer.get(PAGE + "?group=3"))
    nothing = make_dataset(SOPClassUID=VOICE, PixelData=None, SOPInstanceUID="1.2.9")
    ingest_datasets(nothing)
    assert "The object holds no waveform" in text_of(viewer.get(url_of(Instance.objects.get(sop_instance_uid="1.2.9"))))


def test_an_ecg_of_ten_seconds_is_a_small_page(viewer: Client) -> None:
    import gzip

    ingest_files([Path(str(get_testdata_file("waveform_ecg.dcm")))])
    address = url_of(Instance.objects.get())
    page = body_of(viewer.get(address))
    assert len(gzip.compress(page)) < 100_000
    assert b"RITMO SINUSALE" in page and b"RR Interval" in page and b"982" in page


def test_a_voice_is_played_as_wav_with_ranges(viewer: Client) -> None:
    samples = np.arange(8000, dtype=np.int64).astype(np.uint8)[:, None]
    ingest_datasets(make_waveform(make_group(samples, 8000), sop_class=VOICE))
    assert "<audio controls" in text_of(viewer.get(PAGE))
    address = instance_url("instance_document").replace("/document", "/sound/1")
    whole = body_of(viewer.get(address))
    assert whole[:4] == b"RIFF" and whole[44:] == samples.tobytes()
    part = viewer.get(address, headers={"Range": "bytes=40-49"})
    assert part.status_code == 206 and body_of(part) == whole[40:50]
    assert viewer.get(address.replace("/1", "/7")[:-7] + "/sound/9").status_code == 404


def test_a_pdf_is_inline_sandboxed_and_ranged(viewer: Client) -> None:
    pdf = make_pdf()
    ingest_datasets(make_document(pdf))
    page = viewer.get(PAGE)
    assert '<object class="pdf" type="application/pdf"' in text_of(page)
    assert "object-src 'self'" in page.headers["Content-Security-Policy"]
    address = instance_url("instance_document")
    answer = viewer.get(address)
    assert body_of(answer) == pdf and answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert viewer.get(address + "?save").headers["Content-Disposition"].startswith("attachment")
    part = viewer.get(address, headers={"Range": "bytes=-5"})
    assert (part.status_code, body_of(part)) == (206, b"%%EOF")
    again = viewer.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and "sandbox" in again.headers["Content-Security-Policy"]


def test_the_first_page_of_a_pdf_is_a_picture(viewer: Client) -> None:
    ingest_datasets(make_document(make_pdf()))
    address = instance_url("instance_document") + "/1"
    picture = Image.open(io.BytesIO(viewer.get(address + "?small").content))
    assert picture.size == (160, 107)
    assert viewer.get(instance_url("instance_document") + "/3").status_code == 404


def test_html_that_calls_itself_a_pdf_is_only_saved(viewer: Client) -> None:
    ingest_datasets(make_document(b"<html><script>alert(1)</script></html>"))
    assert "<object" not in text_of(viewer.get(PAGE))
    answer = viewer.get(instance_url("instance_document"))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_cda_is_text_and_a_declared_type_is_refused(viewer: Client) -> None:
    ingest_datasets(make_document(CDA, "text/XML", CDA_CLASS))
    page = text_of(viewer.get(PAGE))
    assert "Discharge &lt;b&gt;" in page and "<td><bdi>Na</bdi></td>" in page and "&lt;ClinicalDocument" in page
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>'
    ingest_datasets(make_document(bomb, "text/XML", CDA_CLASS, study=2))
    page = text_of(viewer.get(instance_url(study=2)))
    assert "DOCTYPE), which is refused" in page and "&lt;!ENTITY" in page


def make_video(stream: bytes, transfer_syntax: str) -> bytes:
    """Return a video of two fragments."""
    from pydicom.encaps import encapsulate

    data = encapsulate([stream], fragments_per_frame=2)
    return make_dataset(
        transfer_syntax=transfer_syntax, SOPClassUID=VIDEO_CLASS, Modality="ES", SamplesPerPixel=3, BitsAllocated=8,
        BitsStored=8, HighBit=7, PhotometricInterpretation="YBR_PARTIAL_420", NumberOfFrames=75, FrameTime="40",
        PixelData=data,
    )  # fmt: skip


def test_a_video_plays_where_it_is_an_mp4_file(viewer: Client) -> None:
    stream = b"\0\0\0\x20ftypisom" + bytes(range(256)) * 4
    ingest_datasets(make_video(stream, H264))
    page = text_of(viewer.get(PAGE))
    assert "<video" in page and "3 s" in page
    address = instance_url("instance_video")
    answer = viewer.get(address)
    assert answer.headers["Content-Type"] == "video/mp4" and body_of(answer)[: len(stream)] == stream
    part = viewer.get(address, headers={"Range": "bytes=500-600"})
    assert part.status_code == 206 and body_of(part) == stream[500:601]


def test_a_video_that_no_browser_plays_says_why_and_can_be_saved(viewer: Client) -> None:
    ingest_datasets(make_video(b"\0\0\1\xb3" + bytes(400), MPEG2))
    page = text_of(viewer.get(PAGE))
    assert "<video" not in page and "bare MPEG video stream" in page
    answer = viewer.get(instance_url("instance_video") + "?save")
    assert answer.headers["Content-Disposition"].endswith('.mpv"')


def test_what_is_out_of_scope_is_as_if_it_were_not(viewer: Client) -> None:
    ingest_datasets(
        make_document(make_pdf()), make_dataset(SOPClassUID=PDF_CLASS, SOPInstanceUID="1.2.3", PixelData=None)
    )
    stranger = client_of("viewer", institutions="Elsewhere")
    for tail in ("document", "document/1", "video", "sound/1"):
        assert stranger.get(f"{PAGE}{tail}").status_code == 404
    empty = url_of(Instance.objects.get(sop_instance_uid="1.2.3"))
    assert "There is nothing to show." in text_of(viewer.get(empty))
    assert viewer.get(f"{empty}document").status_code == 404 and viewer.get(f"{empty}document/1").status_code == 404
