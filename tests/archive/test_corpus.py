"""The larger corpus through ingest: real files make the expected tree, hostile ones have an expected outcome."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from pacsbrowser.archive import check
from pacsbrowser.archive.ingest import IngestResult, close_delivery, ingest
from pacsbrowser.archive.models import Finding, Instance, Outcome, Study
from pacsbrowser.archive.receive import stage_path
from pacsbrowser.archive.zip_files import is_zip
from pacsbrowser.archive.zips import ingest_zip
from tests.datasets import ingest_files, open_test_delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def dicom_files(corpus: Path) -> list[Path]:
    return sorted(
        path for path in (corpus / "dicom").rglob("*") if path.is_file() and path.suffix not in (".csv", ".json")
    )


def test_real_files_make_the_expected_tree(corpus: Path, dicom_files: list[Path]) -> None:
    delivery = open_test_delivery()
    plain = [path for path in dicom_files if not is_zip(path.read_bytes()[:4])]
    results = ingest([stage_path(path) for path in plain], delivery)
    for path in dicom_files:
        if path not in plain:
            ingest_zip(path, delivery, name=path.name)
    close_delivery(delivery)
    assert {result.outcome for result in results if not result.is_kept} <= {Outcome.DICOMDIR, Outcome.NOT_DICOM}
    expected = json.loads((corpus / "dicom" / "expected.json").read_text())
    assert tree() == sorted(expected_tree(expected))
    assert not [*check.check_files(), *check.check_store(), *check.check_counts()]


Row = tuple[str, str, str, str, tuple[str, ...]]


def tree() -> list[Row]:
    """(Patient ID, issuer, study UID, series UID, SOP UIDs) of what is stored."""
    rows: dict[tuple[str, str, str, str], list[str]] = {}
    for instance in Instance.objects.select_related("series__study__patient"):
        study = instance.series.study
        key = (
            study.patient.patient_id,
            study.patient.issuer_of_patient_id,
            study.study_instance_uid,
            instance.series.series_instance_uid,
        )
        rows.setdefault(key, []).append(instance.sop_instance_uid)
    return sorted((*key, tuple(sorted(uids))) for key, uids in rows.items())


def expected_tree(expected: dict[str, Any]) -> Iterator[Row]:
    for patient in expected["patients"]:
        for study in patient["studies"]:
            for series in study["series"]:
                uids = tuple(sorted(instance["sop_uid"] for instance in series["instances"]))
                yield (
                    (patient["patient_id"] or "").strip(),
                    patient["issuer"],
                    study["study_uid"],
                    series["series_uid"],
                    uids,
                )


def expectations(corpus: Path) -> list[dict[str, str]]:
    with (corpus / "malformed" / "expectations.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def word_for(results: list[IngestResult]) -> str:
    """The outcome of a file in the words of the expectations."""
    (result,) = results
    if result.outcome == Outcome.DICOMDIR:
        return "skip"
    if not result.is_kept:
        return "reject"
    warned = result.outcome == Outcome.CONFLICT or Finding.objects.exclude(severity="info").exists()
    return "accept_warn" if warned else "accept"


def test_hostile_files_together_leave_the_archive_whole(corpus: Path, hostile: list[dict[str, str]]) -> None:
    ingest_files(corpus / "malformed" / row["file"] for row in hostile)
    assert not [*check.check_files(), *check.check_store(), *check.check_counts()]


@pytest.fixture
def hostile(corpus: Path) -> list[dict[str, str]]:
    return [row for row in expectations(corpus) if row["category"] not in ("archive", "clash")]


def test_hostile_files_have_an_allowed_outcome(corpus: Path, hostile: list[dict[str, str]]) -> None:
    wrong = []
    for row in hostile:
        with transaction.atomic():
            found = word_for(ingest_files([corpus / "malformed" / row["file"]]))
            # The files are independent: the next one meets an empty archive.
            transaction.set_rollback(True)
        allowed = {row["expected"], *row["also_ok"].split()}
        if allowed >= {"accept", "reject"}:
            allowed.add("accept_warn")
        if found not in allowed:
            wrong.append((row["file"], row["expected"], row["also_ok"], found))
    assert not wrong, "\n".join(map(str, wrong))


def test_clashing_files_are_both_reachable(corpus: Path) -> None:
    for row in expectations(corpus):
        if row["category"] != "clash":
            continue
        (result,) = ingest_files([corpus / "malformed" / row["file"]])
        assert result.is_kept, row["file"]
    assert Study.objects.count() > 5
    codes = set(Finding.objects.values_list("code", flat=True))
    assert {"study_uid_shared", "series_uid_shared", "sop_uid_shared", "attribute_disagrees", "conflict"} <= codes
    assert not [*check.check_files(), *check.check_store(), *check.check_counts()]
