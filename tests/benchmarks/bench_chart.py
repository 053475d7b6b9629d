"""How long a hierarchy chart takes: `python -m tests.benchmarks.bench_chart`, on a data folder of its own.

A series of 3,000 instances with gaps, and a patient with 50 studies of 10 series. Prints the server's time of the whole
page (queries, layout, template) and of its parts; asserts nothing.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

SLICES, STUDIES, SERIES = 3_000, 50, 10


def main() -> None:
    """Make the data, draw each chart twenty times, print."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PACSBROWSER_DATA"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "pacsbrowser.settings"
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        _fill()
        _measure()


def _fill() -> None:
    from tests.datasets import ROOT, ingest_datasets, make_dataset

    begun = time.perf_counter()
    numbers = [number for number in range(1, SLICES + 12) if number not in {207, 208, 209, *range(1500, 1508)}]
    for start in range(0, len(numbers), 500):
        ingest_datasets(
            *(
                make_dataset(
                    InstanceNumber=number, SOPInstanceUID=f"{ROOT}.1.1.{number}", ImagePositionPatient=[0, 0, number]
                )
                for number in numbers[start : start + 500]
            )
        )
    for study in range(STUDIES):
        ingest_datasets(
            *(
                make_dataset(
                    PatientID="P2",
                    StudyInstanceUID=f"{ROOT}.2.{study}",
                    StudyDate=f"20{study + 10}0101",
                    SeriesInstanceUID=f"{ROOT}.2.{study}.{series}",
                    SeriesNumber=series,
                    Modality=("CT", "MR", "US", "SR")[series % 4],
                    SOPInstanceUID=f"{ROOT}.2.{study}.{series}.{number}",
                    InstanceNumber=number,
                )
                for series in range(SERIES)
                for number in range(1, 4 + series)
            )
        )
    sys.stdout.write(f"data made in {time.perf_counter() - begun:.1f} s\n")


def _measure() -> None:
    from django.conf import settings
    from django.test import Client

    from pacsbrowser.access.models import User
    from pacsbrowser.access.scope import Scope, scope_of
    from pacsbrowser.archive.hierarchy import find_patient_hierarchy
    from pacsbrowser.archive.models import Patient
    from pacsbrowser.pages.chart_layout import lay_out
    from pacsbrowser.pages.chart_links import Links

    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.ALLOWED_HOSTS.append("testserver")
    viewer = User.objects.create_user("bench")
    client = Client()
    client.force_login(viewer, backend="django.contrib.auth.backends.ModelBackend")
    scope: Scope = scope_of(viewer)
    for patient in Patient.objects.order_by("pk"):
        tree = find_patient_hierarchy(patient, scope)
        what = f"{tree.totals.studies} studies, {tree.totals.series} series, {tree.totals.instances} instances"
        chart = lay_out(tree, Links(), False)
        address = f"/patients/{patient.pk}/chart/"
        sys.stdout.write(f"{what}: {len(chart.boxes)} boxes, {len(client.get(address).content):,} bytes\n")
        _print("  queries", lambda patient=patient: find_patient_hierarchy(patient, scope))
        _print("  layout", lambda tree=tree: lay_out(tree, Links(), False))
        _print("  page", lambda address=address: client.get(address))


def _print(what: str, act: Callable[[], object]) -> None:
    walls, cpus = [], []
    for _ in range(20):
        wall, cpu = time.perf_counter(), time.process_time()
        act()
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.process_time() - cpu) * 1000)
    said = f"median {statistics.median(walls):.1f} ms, worst {max(walls):.1f} ms, of the processor {min(cpus):.1f} ms"
    sys.stdout.write(f"{what}: {said}\n")


if __name__ == "__main__":
    main()
