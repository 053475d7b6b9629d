"""One UID by the upload page: an object, then other content under its UID, then the object again."""

import pytest
from django.test import Client

from pacsbrowser.archive import check
from pacsbrowser.archive.models import Copy, Instance, Patient
from tests.datasets import make_dataset
from tests.pages.uploading import begin, client, send, uploader

__all__ = ["client", "uploader"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_an_object_then_other_content_then_the_object_again(client: Client) -> None:
    first, other = make_dataset(), make_dataset(PixelData=b"\1" * 128)
    where = begin(client)
    outcomes = [
        send(client, where, {name: file})[0]["outcome"] for name, file in (("a", first), ("b", other), ("c", first))
    ]
    assert outcomes == ["stored", "conflict", "already_here"]
    assert (Instance.objects.count(), Copy.objects.count()) == (1, 1)
    assert Patient.objects.get().instance_count == 1
    assert not [*check.check_files(), *check.check_store(), *check.check_counts()]
