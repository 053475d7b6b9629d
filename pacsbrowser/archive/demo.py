"""Demonstration data: taken in once, by the same way as everything else, and said of on every page."""

import io

from django.conf import settings

from pacsbrowser.archive.ingest import close_delivery, ingest, open_delivery
from pacsbrowser.archive.models import Delivery, Door
from pacsbrowser.archive.receive import stage, stage_path
from pacsbrowser.dicom.demonstration import example_files, made_objects

# Its presence in the data folder is what pages ask for, without a query.
MARK = "demo"


def load_demo() -> int:
    """Take the demonstration data in, unless that was done before; return how many objects are new.

    What a person has put into the trash since stays there. A load that was interrupted is done again: what is here
    already stays as it is.
    """
    (settings.PACSBROWSER_DATA / MARK).touch()
    if Delivery.objects.filter(door=Door.DEMO, finished__isnull=False).exists():
        return 0
    delivery = open_delivery(Door.DEMO, label="Demonstration data")
    made = [stage(io.BytesIO(content), name) for name, content in made_objects()]
    results = ingest(made, delivery)
    results += ingest([stage_path(path, f"pydicom/{path.name}") for path in example_files()], delivery)
    close_delivery(delivery)
    return sum(result.outcome == "stored" for result in results)
