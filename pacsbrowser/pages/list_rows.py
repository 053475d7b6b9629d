"""The cells of a list's rows. They are formatted here, because tags in a loop of fifty rows cost five times as much."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from pacsbrowser.archive.search import PatientRow, StudyRow
from pacsbrowser.archive.search.arrivals import ArrivedStudy
from pacsbrowser.dicom.names import PersonName
from pacsbrowser.dicom.values import date_text, parse_date
from pacsbrowser.pages.templatetags.dicom_format import age, counted, dicom_date, icon, modality_badges

Cells = dict[str, SafeString | str]

_NO_NAME = format_html('<span class="none">{}</span>', "(no name)")
_NO_ID = format_html('<span class="badge">{}</span>', "No ID")
_NO_SEX = format_html('<span aria-hidden="true">–</span><span class="visually-hidden">{}</span>', "not given")
_NOTHING = format_html('<span class="none">{}</span>', "none")
_NOT_GIVEN = format_html('<span class="none">{}</span>', "not given")
_NO_DATE = format_html('<span class="none">{}</span>', "no date")
_EMPTY = SafeString()


# A row's elements stand here for the same reason: a variable of the template for each cell takes twice as long.
_PICK = (
    '<td class="pick"><input type="checkbox" name="pick" value="{key}" form="selection" '
    'aria-label="Select {label}"></td>'
)
_PATIENT = (
    f'<tr>{_PICK}<th scope="row" class="who">{{who}}</th><td data-label="ID" data-id>{{id}}</td>'
    '<td class="last" data-label="Last Study">{last}</td><td data-label="Birth date">{born}</td>'
    '<td data-label="Sex">{sex}</td><td class="num" data-label="Studies">{studies}</td>'
    '<td data-label="Modalities">{mods}</td></tr>'
)
_STUDY = (
    f'<tr>{_PICK}<th scope="row">{{date}}</th><td class="who" data-label="Patient">{{who}}</td>'
    '<td data-label="ID" data-id>{id}</td><td data-label="Modalities">{mods}</td>'
    '<td class="cut" data-label="Description">{description}</td><td data-label="Accession">{accession}</td>'
    '<td class="num" data-label="Series">{series}</td><td class="num" data-label="Instances">{instances}</td>'
    '<td data-label="Referring">{referring}</td><td data-label="Institution">{institution}</td></tr>'
)


def patient_lines(rows: Sequence[PatientRow], today: date, focus: bool = False) -> list[SafeString]:
    """Return the rows of the list of patients; with `focus` the browser goes to the first of them."""
    return [format_html(_PATIENT, **_patient(row, today, focus and place == 0)) for place, row in enumerate(rows)]


def study_lines(rows: Sequence[StudyRow], focus: bool = False) -> list[SafeString]:
    """Return the rows of the list of studies."""
    return [format_html(_STUDY, **cells) for cells in study_rows(rows, focus)]


def study_rows(rows: Sequence[StudyRow], focus: bool = False) -> list[Cells]:
    """Return the cells of studies."""
    return [_study(row, focus and place == 0) for place, row in enumerate(rows)]


def study_link(uid: str, key: int | None, holders: int) -> str:
    """Return the address of a study; with its holder where several studies have the UID."""
    return f"/studies/{uid}/?holder={key}" if holders > 1 else f"/studies/{uid}/"


def arrived_line(one: ArrivedStudy, delivery: UUID) -> SafeString:
    """Return a study that a delivery brought: whose, what, and how many objects of it."""
    study, patient = one.study, one.study.patient
    of = f" of {study.instance_count:,}" if one.added != study.instance_count else ""
    missing = _EMPTY
    if one.missing:
        missing = format_html(
            ' <span class="badge warn">{}{} missing</span>', icon("warning"), counted(one.missing, "number")
        )
    return format_html(
        '<li><a id="s-{}-{}" href="{}"><bdi>{}</bdi></a> <span class="id">{}</span> {} {} '
        '<span class="muted">{}</span> <span class="faint">{}{}</span>{}</li>',
        delivery, study.pk, study_link(study.study_instance_uid, study.pk, one.holders),
        patient.name_display or "(no name)", patient.patient_id or "No ID", _badges(study.modalities),
        dicom_date(study.study_date), study.study_description, counted(one.added, "instance"), of, missing,
    )  # fmt: skip


def _patient(row: PatientRow, today: date, focus: bool) -> Cells:
    return {
        "key": str(row.id),
        "label": f"{row.name_display or '(no name)'}, {row.patient_id or 'No ID'}",
        "who": _who(row, f"/patients/{row.id}/", focus, row.finding_count),
        "id": _id(row),
        "last": _last(row),
        "born": _born(row.patient_birth_date, today),
        "sex": row.patient_sex or _NO_SEX,
        "studies": f"{row.study_count:,}",
        "mods": _badges(row.modalities),
    }


def _study(row: StudyRow, focus: bool) -> Cells:
    address = study_link(row.study_instance_uid, row.id, row.holders)
    return {
        "key": str(row.id),
        "label": f"study {date_text(row.study_date) or 'without date'} of {row.name_display or '(no name)'}",
        "date": _dated(row, address, focus),
        "who": _who(row, f"/patients/{row.patient}/"),
        "id": _id(row),
        "mods": _badges(row.modalities),
        "description": row.study_description or _NOTHING,
        "accession": format_html('<span class="id">{}</span>', row.accession_number)
        if row.accession_number
        else _NOTHING,
        "series": f"{row.series_count:,}",
        "instances": f"{row.instance_count:,}",
        "referring": _physician(row.referring_physician_name),
        "institution": row.institution_name or _NOTHING,
        "plain_date": row.date_sort and _moment(row.date_sort),
        "href": address,
    }


def _who(row: PatientRow | StudyRow, address: str, focus: bool = False, findings: int = 0) -> SafeString:
    name = format_html("<bdi>{}</bdi>", row.name_display) if row.name_display else _NO_NAME
    others = format_html(' <bdi class="name-alt">{}</bdi>', row.name_others) if row.name_others else _EMPTY
    return format_html(
        '<a href="{}"{}>{}</a>{}{}', address, " autofocus" if focus else "", name, others, _findings(findings)
    )


@lru_cache(maxsize=256)
def _findings(count: int) -> SafeString:
    if not count:
        return _EMPTY
    words = counted(count, "open finding").removeprefix(f"{count:,} ")
    return format_html(
        ' <span class="badge warn">{}{}<span class="visually-hidden"> {}</span></span>', icon("warning"), count, words
    )


def _id(row: PatientRow | StudyRow) -> SafeString:
    if not row.patient_id:
        return _NO_ID
    if not row.issuer_of_patient_id:
        return format_html('<span class="id">{}</span>', row.patient_id)
    return format_html(
        '<span class="id">{}</span> <span class="issuer">{}</span>', row.patient_id, row.issuer_of_patient_id
    )


def _last(row: PatientRow) -> SafeString:
    """The latest study: its date leads to it, or in grey that it has none, and when it came."""
    if not row.last_study_uid:
        return _NO_DATE
    address = study_link(row.last_study_uid, row.last_study_row, row.last_study_holders)
    text = row.last_study_description or ""
    if row.last_study:
        shown = _moment(row.last_study)
        return format_html(
            '<a href="{}"><time datetime="{}">{}</time></a> <span class="muted">{}</span>',
            address, shown.replace(" ", "T"), shown, text,
        )  # fmt: skip
    raw = date_text(row.last_study_raw_date or "") or "no date"
    return format_html(
        '<a class="none" href="{}">{}</a> <span class="faint">received {}</span> <span class="muted">{}</span>',
        address, raw, _received(row.last_study_received), text,
    )  # fmt: skip


def _dated(row: StudyRow, address: str, focus: bool) -> SafeString:
    own = " autofocus" if focus else ""
    findings = _findings(row.finding_count)
    if row.date_sort:
        shown = _moment(row.date_sort)
        return format_html(
            '<a href="{}"{}><time datetime="{}">{}</time></a>{}',
            address, own, shown.replace(" ", "T"), shown, findings,
        )  # fmt: skip
    return format_html(
        '<a class="none" href="{}"{}>{}</a> <span class="faint">received {}</span>{}',
        address, own, date_text(row.study_date) or "no date", _received(row.received), findings,
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _badges(modalities: str) -> SafeString:
    return modality_badges(modalities)


@lru_cache(maxsize=4096)
def _physician(name: str) -> SafeString:
    shown = PersonName.parse(name).display
    return format_html("<bdi>{}</bdi>", shown) if shown else _NOTHING


@lru_cache(maxsize=4096)
def _born(raw: str, today: date) -> SafeString:
    """Return a birth date with the age today."""
    parsed, text = parse_date(raw), date_text(raw)
    if parsed:
        return format_html('<time datetime="{0}">{0}</time> <span class="faint">{1}</span>', text, age(raw, today))
    return format_html('<span class="none">{}</span>', text) if text else _NOT_GIVEN


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
