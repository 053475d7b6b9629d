"""A UID with several holders: who may see one of them learns nothing of the others."""

import pytest

from tests.datasets import ROOT, ingest_datasets, make_dataset
from tests.dicomweb.parts import body_of
from tests.dicomweb.tools import BASE, Api, person

pytestmark = pytest.mark.django_db(transaction=True)

PATHS_OF_A_STUDY = ("", "/metadata", "/rendered", "/thumbnail", "/series/{e}", "/series/{e}/metadata")


def test_of_two_holders_only_the_visible_one_exists() -> None:
    """The same UIDs under two patients of two institutions: nothing tells of the other, not even an ETag."""
    here = make_dataset(InstitutionName="Here", PatientName="Here^One")
    there = make_dataset(InstitutionName="There", PatientID="P2", PatientName="There^Two", Rows=4, Columns=16)
    ingest_datasets(here)
    limited = Api(person(institutions="Here"))
    study, accept = f"{BASE}/studies/{ROOT}.1", {"Accept": "*/*"}
    places = [study + path.format(e=f"{ROOT}.1.1") for path in PATHS_OF_A_STUDY]
    before = [limited.get(place, headers=accept) for place in places]
    ingest_datasets(there)
    after = [limited.get(place, headers=accept) for place in places]
    assert [one["ETag"] for one in before] == [one["ETag"] for one in after]
    for answer in after:
        assert b"There" not in body_of(answer)
    for level in ("studies", "series", "instances"):
        (only,) = limited.get(f"{BASE}/{level}").json()
        assert only["00100010"]["Value"] == [{"Alphabetic": "Here^One"}]
    assert "Warning" not in limited.get(f"{BASE}/studies?limit=1").headers
    assert len(Api(person()).get(f"{BASE}/studies").json()) == 2
    stranger = Api(person(institutions="Elsewhere"))
    assert [stranger.get(place, headers=accept).status_code for place in places] == [404] * len(places)
    uids = f"studyUID={ROOT}.1&seriesUID={ROOT}.1.1&objectUID={ROOT}.1.1.1"
    assert stranger.get(f"/wado?requestType=WADO&{uids}").json()["detail"] == "There is no such object."
    assert limited.delete(study).content == limited.delete(f"{BASE}/studies/1.2.3").content
