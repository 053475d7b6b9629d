"""A UID with several holders: who may see one of them learns nothing of the others."""

import json

import pytest

from pacsbrowser.archive.models import Study
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


def test_an_address_can_be_about_one_holder() -> None:
    """What our own pages ask for: never the picture of the patient who has the same UIDs."""
    ingest_datasets(make_dataset(), make_dataset(PatientID="P2", PatientName="Other^Two", PixelData=bytes([7]) * 128))
    first, second = (Study.objects.get(patient__patient_id=one) for one in ("P1", "P2"))
    api, instance = Api(person()), f"studies/{ROOT}.1/series/{ROOT}.1.1/instances/{ROOT}.1.1.1"
    for holder, name, byte in ((first, "Doe", 0), (second, "Other", 7)):
        root = f"{BASE}/holders/{holder.pk}/{instance}"
        frame = api.get(f"{root}/frames/1", headers={"Accept": "application/octet-stream"})
        assert bytes([byte]) * 128 in body_of(frame)
        for address in (root, root.partition("/instances")[0]):
            (described,) = json.loads(body_of(api.get(f"{address}/metadata")))
            assert name in described["00100010"]["Value"][0]["Alphabetic"]
        assert api.get(f"{root}/rendered").status_code == 200
    assert api.get(f"{BASE}/holders/{second.pk + 1}/{instance}").status_code == 404


def test_a_holder_out_of_scope_does_not_exist() -> None:
    ingest_datasets(make_dataset(InstitutionName="There"))
    address = f"{BASE}/holders/{Study.objects.get().pk}/studies/{ROOT}.1/metadata"
    assert Api(person()).get(address).status_code == 200
    assert Api(person(institutions="Here")).get(address).status_code == 404
