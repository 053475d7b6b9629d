"""The rows of a list as plain values for the template: formatted once here, because a tag in a loop costs fifty times."""

from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.safestring import SafeString

from pacsbrowser.archive.search import PatientRow, StudyRow
from pacsbrowser.dicom.names import PersonName
from pacsbrowser.dicom.values import date_text, parse_date
from pacsbrowser.pages.templatetags.dicom_format import age, modality_badges

Cells = dict[str, Any]


@lru_cache(maxsize=4096)
def _badges(modalities: str) -> SafeString:
    return modality_badges(modalities)


@lru_cache(maxsize=4096)
def _display(name: str) -> str:
    return PersonName.parse(name).display


def _moment(sort_key: str) -> str:
    """Return YYYYMMDDHHMMSS as 2026-11-22 09:42; midnight is a time not given."""
    day = f"{sort_key[:4]}-{sort_key[4:6]}-{sort_key[6:8]}"
    return f"{day} {sort_key[8:10]}:{sort_key[10:12]}" if sort_key[8:14].strip("0") else day


def _received(stamp: object) -> str:
    """Return the day of a time stamp as the database has it, in the reader's zone."""
    moment = stamp if isinstance(stamp, datetime) else datetime.fromisoformat(str(stamp))
    if timezone.is_naive(moment):
        moment = moment.replace(tzinfo=ZoneInfo("UTC"))
    return timezone.localtime(moment).date().isoformat()


def _undated(raw_date: str | None, received: object) -> str:
    return f"received {_received(received)}" if received else (date_text(raw_date or "") or "")


@lru_cache(maxsize=4096)
def _born(raw: str, today: date) -> tuple[str, str, str]:
    """Return a birth date as shown, as a machine reads it ('' unless it is a whole date), and the age."""
    parsed = parse_date(raw)
    return date_text(raw), parsed.isoformat() if parsed else "", age(raw, today)


def _person(row: PatientRow | StudyRow) -> Cells:
    return {
        "name": row.name_display,
        "others": row.name_others,
        "id": row.patient_id,
        "issuer": row.issuer_of_patient_id,
        "mods": _badges(row.modalities),
        "findings": row.finding_count,
    }


def study_link(uid: str, key: int | None, holders: int) -> str:
    """Return the address of a study; with its holder where several studies have the UID."""
    return f"/studies/{uid}/?holder={key}" if holders > 1 else f"/studies/{uid}/"


def patient_cells(row: PatientRow, today: date) -> Cells:
    """Return what the list of patients shows of one."""
    born, born_iso, years = _born(row.patient_birth_date, today)
    uid = row.last_study_uid
    return {
        **_person(row),
        "href": f"/patients/{row.id}/",
        "last_href": study_link(uid, row.last_study_row, row.last_study_holders) if uid else "",
        "last": _moment(row.last_study) if row.last_study else "",
        "last_iso": _moment(row.last_study).replace(" ", "T") if row.last_study else "",
        "undated": "" if row.last_study else _undated(row.last_study_raw_date, row.last_study_received),
        "description": row.last_study_description or "",
        "born": born,
        "born_iso": born_iso,
        "age": years,
        "sex": row.patient_sex,
        "studies": f"{row.study_count:,}",
    }


def study_cells(row: StudyRow) -> Cells:
    """Return what the list of studies shows of one."""
    return {
        **_person(row),
        "href": study_link(row.study_instance_uid, row.id, row.holders),
        "patient_href": f"/patients/{row.patient}/",
        "date": _moment(row.date_sort) if row.date_sort else "",
        "date_iso": _moment(row.date_sort).replace(" ", "T") if row.date_sort else "",
        "raw_date": "" if row.date_sort else date_text(row.study_date),
        "undated": "" if row.date_sort else _undated(row.study_date, row.received),
        "description": row.study_description,
        "accession": row.accession_number,
        "series": f"{row.series_count:,}",
        "instances": f"{row.instance_count:,}",
        "referring": _display(row.referring_physician_name),
        "institution": row.institution_name,
    }
