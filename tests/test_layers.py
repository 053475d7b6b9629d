"""The import contract of pyproject.toml holds; a break is shown with the line that makes it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_imports_go_down_only() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_study_patient_id_is_the_row_key() -> None:
    """`study.patient_id` is what Django makes of the foreign key; the Patient ID is `study.patient.patient_id`."""
    from pacsbrowser.archive.models import Study

    assert Study._meta.get_field("patient").get_attname() == "patient_id"
