"""The tag browser: nesting, laziness, the filter, exports, broken headers."""

import csv
import io
import json

import pytest
from pydicom.dataset import Dataset

from tests.datasets import ROOT, ingest_datasets, make_dataset
from tests.pages.browsing import client_of, instance_url, text_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
TAGS = "instance_tags"


def nested() -> bytes:
    """Return an object with a sequence in a sequence."""
    inner, outer = Dataset(), Dataset()
    inner.CodeValue, inner.CodeMeaning = "121311", "Localizer"
    outer.ReferencedSOPInstanceUID = "1.2.3.4"
    outer.PurposeOfReferenceCodeSequence = [inner]
    return make_dataset(ReferencedImageSequence=[outer, outer], ImageComments="word " * 400)


def test_the_whole_header_is_a_table() -> None:
    ingest_datasets(nested())
    page = text_of(client_of().get(instance_url()))
    for shown in ("PatientName", "(0010,0010)", "Doe^Jane", "Group 0008, identifying", "= CT Image Storage", "2 items"):
        assert shown in page
    assert 'id="tag-00100010"' in page and "Person Name: up to three groups" in page
    assert "128 bytes" in page and "Hex dump" in page and "CodeMeaning" not in page


def test_a_sequence_opens_by_htmx_and_as_a_page() -> None:
    ingest_datasets(nested())
    client, url = client_of(), f"{instance_url(TAGS)}?path=00081140"
    assert f'hx-get="{url}"' in text_of(client.get(instance_url()))
    rows = text_of(client.get(url, headers=HTMX))
    assert rows.lstrip().startswith("<tr") and "Item 2" in rows and "PurposeOfReferenceCodeSequence" in rows
    assert "CodeMeaning" not in rows
    assert 'data-path="00081140/1/0040A170"' in rows
    whole = text_of(client.get(url))
    assert "<!doctype html>" in whole and "Item 2" in whole
    assert "Localizer" in text_of(client.get(f"{instance_url(TAGS)}?path=00081140/1/0040A170", headers=HTMX))


def test_the_filter_keeps_the_parents_of_a_hit() -> None:
    ingest_datasets(nested())
    client = client_of()
    for words in ("localizer", "CodeMeaning", "00080104", "(0008,0104)"):
        page = text_of(client.get(instance_url(), {"tags": words}))
        assert "CodeMeaning" in page and "ReferencedImageSequence" in page and "Item 1" in page, words
        assert 'id="tag-00100010"' not in page
    answer = client.get(instance_url(TAGS), {"tags": "localizer"}, headers=HTMX)
    assert answer.headers["HX-Replace-Url"] == f"{instance_url()}?tags=localizer"
    assert text_of(answer).lstrip().startswith('<div id="tag-table"')
    assert "No element matches" in text_of(client.get(instance_url(), {"tags": "no such thing"}))


def test_a_long_value_is_folded_and_whole_on_its_own_page() -> None:
    ingest_datasets(nested())
    client = client_of()
    page = text_of(client.get(instance_url()))
    assert "characters: “" in page and "?value=00204000" in page
    assert text_of(client.get(f"{instance_url(TAGS)}?value=00204000")).count("word") >= 400


def test_csv_and_json_hold_every_element() -> None:
    ingest_datasets(nested())
    client = client_of()
    rows = list(csv.DictReader(io.StringIO(text_of(client.get(f"{instance_url(TAGS)}?format=csv")))))
    assert {"PatientName", "CodeMeaning"} <= {row["keyword"] for row in rows}
    answer = client.get(f"{instance_url(TAGS)}?format=json")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{ROOT}.1.1.1_tags.json"'
    assert {"PatientName", "CodeMeaning"} <= {row.get("keyword") for row in json.loads(text_of(answer))}


@pytest.mark.parametrize("query", ["path=zzz", "path=99999999", "value=x", "value=00080005/0", "path=00081140/9"])
def test_a_path_that_is_not_there_is_not_found(query: str) -> None:
    ingest_datasets(nested())
    assert client_of().get(f"{instance_url(TAGS)}?{query}").status_code == 404


def test_a_header_that_breaks_shows_what_can_be_read_and_where_it_breaks() -> None:
    data = make_dataset(ImageComments="x" * 200)
    ingest_datasets(data[: data.index(b"x" * 200) + 50])
    page = text_of(client_of().get(instance_url()))
    assert "The header breaks" in page and "PatientName" in page and "(byte " in page


def test_private_elements_have_their_creator() -> None:
    dataset = Dataset()
    block = dataset.private_block(0x0019, "EXAMPLE CREATOR", create=True)
    block.add_new(0x08, "LO", "secret")
    private = {element.tag: element for element in dataset}
    from pydicom import dcmread

    from tests.datasets import save

    whole = dcmread(io.BytesIO(make_dataset()))
    for element in private.values():
        whole.add(element)
    del whole.file_meta
    ingest_datasets(save(whole))
    page = text_of(client_of().get(instance_url()))
    assert "Group 0019, private, creator “EXAMPLE CREATOR”" in page and "secret" in page


def test_a_very_long_header_is_paged_without_a_gap() -> None:
    from pydicom import dcmread

    from tests.datasets import save

    whole = dcmread(io.BytesIO(make_dataset()))
    block = whole.private_block(0x0019, "EXAMPLE", create=True)
    for number in range(0x01, 0xFF):
        block.add_new(number, "LO", f"private {number}")
    other = whole.private_block(0x0021, "EXAMPLE", create=True)
    for number in range(0x01, 0xFF):
        other.add_new(number, "LO", f"further {number}")
    del whole.file_meta
    ingest_datasets(save(whole))
    client = client_of()
    page = text_of(client.get(instance_url()))
    first = page.split("&amp;first=")[1].split('"')[0]
    rest = text_of(client.get(f"{instance_url(TAGS)}?path=&first={first}", headers=HTMX))
    for number in range(0x01, 0xFF):
        for words in (f">private {number}<", f">further {number}<"):
            assert (words in page) != (words in rest), words
