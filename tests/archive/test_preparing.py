"""What is derived of a study is prepared when it has come to rest, once, and goes on where it was interrupted."""

import fcntl
import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image

from pacsbrowser.archive.derived import folder
from pacsbrowser.archive.derived.metadata import series_metadata
from pacsbrowser.archive.derived.pictures import decoders, read_kept
from pacsbrowser.archive.derived.preparing import PATIENCE, REST, is_pending, prepare_pending
from pacsbrowser.archive.derived.previews import SMALL, has_preview, preview, preview_key, representative
from pacsbrowser.archive.models import Instance, Series, Study
from tests.datasets import ingest_datasets, make_dataset, make_series
from tests.live import LiveApp, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_decoders_left() -> Iterator[None]:
    """End the decoder processes with the test."""
    yield
    decoders().close()
    decoders.cache_clear()


def come_to_rest() -> None:
    Study.objects.update(received=timezone.now() - REST - timedelta(seconds=1))


def all_is_there(series: Series) -> bool:
    metadata = series_metadata(series)
    chunks = {path.name for path in (folder.derived_folder() / "metadata").glob(f"*/{series.pk}/*.z")}
    middle = representative(series)
    return {name for name, _ in metadata.chunks} == chunks and (
        middle is None or read_kept(preview_key(middle)) is not None
    )


def test_a_study_is_prepared_when_it_is_at_rest() -> None:
    ingest_datasets(*make_series(3))
    assert not is_pending()
    assert prepare_pending() == 0
    come_to_rest()
    assert is_pending()
    assert prepare_pending() == 1
    assert all_is_there(Series.objects.select_related("study").get())
    assert not is_pending()


def test_while_others_come_in_a_study_waits_but_not_for_ever() -> None:
    ingest_datasets(*make_series(1))
    come_to_rest()
    ingest_datasets(*make_series(1, study=2))
    assert not is_pending()
    assert prepare_pending() == 0
    first = Study.objects.order_by("pk")[:1].values("pk")
    Study.objects.filter(pk__in=first).update(received=timezone.now() - PATIENCE - timedelta(seconds=1))
    assert is_pending()
    assert prepare_pending() == 1


def test_a_study_that_grows_is_prepared_again() -> None:
    files = make_series(5)
    ingest_datasets(*files[:3])
    come_to_rest()
    prepare_pending()
    ingest_datasets(*files[3:])
    series = Series.objects.select_related("study").get()
    assert not all_is_there(series)
    Study.objects.update(received=timezone.now() - REST)
    assert prepare_pending() == 1
    assert all_is_there(series)


def test_it_goes_on_where_it_was_interrupted() -> None:
    for number in (1, 2, 3):
        ingest_datasets(*make_series(1, study=number))
    come_to_rest()
    assert prepare_pending(iter([False, True]).__next__) == 1
    assert is_pending()
    assert prepare_pending() == 2
    assert all(all_is_there(series) for series in Series.objects.select_related("study"))


def test_a_study_that_ends_the_process_again_and_again_is_passed_over() -> None:
    ingest_datasets(*make_series(1))
    ingest_datasets(*make_series(1, study=2))
    come_to_rest()
    mark = folder.derived_folder() / "prepared.json"
    folder.write(mark, json.dumps({"received": "1970-01-01T00:00:00+00:00", "study": 0, "tries": 3}).encode())
    assert prepare_pending() == 2
    assert [all_is_there(series) for series in Series.objects.order_by("pk").select_related("study")] == [False, True]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"received": "never", "study": 1, "tries": 0}', '{"received": 3}'])
def test_a_mark_that_cannot_be_read_is_the_beginning(text: str) -> None:
    ingest_datasets(*make_series(1))
    come_to_rest()
    folder.write(folder.derived_folder() / "prepared.json", text.encode())
    assert prepare_pending() == 1


def test_only_one_process_prepares() -> None:
    ingest_datasets(*make_series(1))
    come_to_rest()
    folder.derived_folder().mkdir(parents=True, exist_ok=True)
    with (folder.derived_folder() / "preparing.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert prepare_pending() == 0
    assert prepare_pending() == 1


def test_an_object_without_pictures_or_with_broken_ones_stops_nothing() -> None:
    ingest_datasets(
        make_dataset(PixelData=None, Rows=None, Columns=None),
        make_dataset(SOPInstanceUID="1.2.3", SeriesInstanceUID="1.2", PixelData=b"\0\0"),
    )
    come_to_rest()
    assert prepare_pending() == 1
    assert not is_pending()


def test_the_preview_of_a_series_is_of_its_middle() -> None:
    ingest_datasets(*make_series(5), make_dataset(SOPInstanceUID="1.9", InstanceNumber=9, PixelData=None))
    series = Series.objects.select_related("study").get()
    middle = representative(series)
    assert middle is not None and middle.instance_number == "3"
    image = preview(middle)
    assert image[8:12] == b"WEBP" and read_kept(preview_key(middle)) == image
    lone = Instance.objects.get(sop_instance_uid="1.9")
    assert [has_preview(middle), has_preview(lone)] == [True, False]


def test_a_preview_has_the_shape_of_what_it_shows() -> None:
    ingest_datasets(make_dataset(PixelSpacing=[2, 1]))
    picture = Image.open(BytesIO(preview(Instance.objects.select_related("blob").get())))
    assert picture.size == (SMALL // 2, SMALL)


def test_the_worker_prepares_by_itself(tmp_path: Path, django_db_blocker: Any) -> None:
    file = tmp_path / "one.dcm"
    file.write_bytes(make_dataset())
    with LiveApp(tmp_path / "live", django_db_blocker) as app:
        app.ingest(file)
        with sqlite3.connect(tmp_path / "live" / "data" / "index.sqlite3") as index:
            index.execute("UPDATE archive_study SET received = datetime(received, '-1 hour')")
        wait_until(lambda: list((tmp_path / "live" / "data" / "derived" / "metadata").glob("*/*/*.z")), 40, "metadata")
