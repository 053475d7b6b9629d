"""The drawing: areas in proportion, nothing lower than a line, text that stays in its box, hostile text harmless."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacsbrowser.access.scope import EVERYTHING
from pacsbrowser.archive.hierarchy import find_patient_hierarchy
from pacsbrowser.archive.models import Patient
from pacsbrowser.pages.chart_layout import INSTANCE, LINE, SERIES, STUDY, Box, Chart, lay_out
from pacsbrowser.pages.chart_links import Links
from pacsbrowser.pages.chart_text import fit, harmless, width_of, wrap, wrap_uid
from tests.datasets import ROOT, ingest_datasets, make_series

TEXTS = st.text(max_size=60)


def draw(by_bytes: bool = False) -> Chart:
    return lay_out(find_patient_hierarchy(Patient.objects.get(), EVERYTHING), Links(), by_bytes)


def column(chart: Chart, place: tuple[int, int]) -> list[Box]:
    return [box for box in chart.boxes if abs(box.x - place[0]) <= 2]


@pytest.mark.django_db
def test_one_image_and_two_look_like_it() -> None:
    ingest_datasets(*make_series(1, series=1), *make_series(2, series=2))
    chart = draw()
    one, two = column(chart, SERIES)
    instances = column(chart, INSTANCE)
    assert round(two.height / one.height, 1) == 2.0
    assert len(instances) == 3
    assert max(box.height for box in instances) - min(box.height for box in instances) <= 1
    assert [label.text for box in instances for label in box.labels if label.kind == "b"] == ["1", "1", "2"]
    texts = "".join(label.text for label in instances[2].labels if label.kind == "t3")
    assert texts == f"{ROOT}.1.2.2"


@pytest.mark.django_db
def test_heights_are_in_proportion_and_never_lower_than_a_line() -> None:
    ingest_datasets(*make_series(200, series=1), *make_series(100, series=2), *make_series(1, series=3))
    large, half, least = column(draw(), SERIES)
    assert large.height / half.height == pytest.approx(2, rel=0.01)
    assert least.height == LINE
    study = column(draw(), STUDY)[0]
    assert study.y == large.y and study.y + study.height == pytest.approx(least.y + least.height, abs=0.2)


@pytest.mark.django_db
def test_bytes_instead_of_instances() -> None:
    ingest_datasets(*make_series(4, series=1), *make_series(4, series=2, PixelData=bytes(40_000)))
    small, large = column(draw(by_bytes=True), SERIES)
    assert large.height > 5 * small.height
    equal = column(draw(), SERIES)
    assert equal[0].height == equal[1].height


@pytest.mark.django_db
def test_many_instances_are_one_bar_with_its_gaps() -> None:
    files = make_series(300)
    del files[206:209]
    ingest_datasets(*files)
    chart = draw()
    bar = column(chart, INSTANCE)
    assert [box.kind for box in bar] == ["cell", "missing", "cell"]
    assert bar[1].title == "207 to 209 missing, series 1" and bar[1].height >= 3
    assert {"1", "207 to 209 missing", "300"} <= {note.text for note in chart.notes}
    assert chart.has_gaps and column(chart, SERIES)[0].alert


@pytest.mark.django_db
def test_boxes_of_a_column_do_not_overlap() -> None:
    for study, counts in enumerate(((1, 3, 70), (2,), (40, 1)), start=1):
        for series, count in enumerate(counts, start=1):
            ingest_datasets(*make_series(count, study=study, series=series))
    chart = draw()
    for place in (STUDY, SERIES):
        boxes = sorted(column(chart, place), key=lambda box: box.y)
        for above, below in pairwise(boxes):
            assert above.y + above.height <= below.y + 0.2
    assert max(box.y + box.height for box in chart.boxes) <= chart.height


@pytest.mark.django_db
def test_a_shared_study_uid_keeps_its_holder_in_the_links() -> None:
    ingest_datasets(*make_series(1), *make_series(1, PatientID="P2"))
    patient = Patient.objects.get(patient_id="P1")
    chart = lay_out(find_patient_hierarchy(patient, EVERYTHING), Links(), False)
    study = patient.studies.get()
    assert all(f"?holder={study.pk}" in box.href for box in chart.boxes if box.group != "pat")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "attributes",
    [
        {"PatientName": "<script>alert(1)</script>^" + "x" * 60, "SeriesDescription": "]]>&<&amp;\"'" * 4},
        {"PatientName": "قباني^لنزار", "StudyDescription": "\u202eesrever\u2066", "Modality": "RTSTRUCTURESETXX"},
        {"PatientName": "", "StudyDescription": "", "SeriesDescription": "", "SeriesNumber": None},
    ],
)
def test_labels_stay_in_their_boxes(attributes: dict[str, Any]) -> None:
    ingest_datasets(*make_series(2, **attributes))
    for box in draw().boxes:
        for label in box.labels:
            size, mono = {"t2": (11, False), "t3": (10.5, True)}.get(label.kind, (12, False))
            width = width_of(label.text, size, bold=label.kind == "b", mono=mono)
            assert label.x + width <= box.width, (label.text, box.width)
            assert label.y <= box.height


@given(TEXTS, st.integers(20, 300), st.booleans())
def test_fitted_text_fits(text: str, room: int, bold: bool) -> None:
    fitted = fit(text, room, bold=bold)
    assert width_of(fitted, bold=bold) <= room
    assert fitted == text or fitted.endswith("…")


@given(TEXTS, st.integers(30, 200), st.integers(1, 5))
def test_wrapped_text_fits_and_loses_nothing_but_spaces(text: str, room: int, lines: int) -> None:
    wrapped = wrap(text, room, lines)
    assert len(wrapped) <= lines and all(width_of(line) <= room for line in wrapped)
    if not any(line.endswith("…") for line in wrapped):
        assert "".join("".join(wrapped).split()) == "".join(text.split())


@given(st.text("0123456789.", min_size=1, max_size=64), st.integers(60, 300), st.integers(1, 4))
def test_a_uid_never_loses_its_end(uid: str, room: int, lines: int) -> None:
    wrapped = wrap_uid(uid, room, lines)
    assert len(wrapped) <= lines and uid.endswith("".join(wrapped).lstrip("…"))


@given(st.text(max_size=40))
def test_harmless_text_can_stand_in_xml(text: str) -> None:
    cleaned = harmless(text)
    assert all(letter.isprintable() for letter in cleaned)
    assert not set(cleaned) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
