"""Writing an event: one explicit call where something happens."""

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from pacsbrowser.audit.models import Action, Event, Result
from pacsbrowser.statements import as_stored, insert, rows_of

# A person who leafs through a study makes one event, not one per page.
SEEN_AGAIN = timedelta(minutes=5)
# Asked at every search: Django takes longer to build such a query than SQLite to answer it.
_LATEST = """SELECT CAST(detail AS text) FROM audit_event
    WHERE user_id = %s AND action = %s AND study = '' AND time > %s ORDER BY time DESC LIMIT 20"""


def address_of(request: HttpRequest) -> str:
    """The client's address; what a header says counts only if a trusted proxy sent it."""
    address: str = request.META.get("REMOTE_ADDR", "")
    if address in settings.TRUSTED_PROXIES:
        claimed = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", 1)[-1].strip()
        address = claimed or address
    return address[:64]


def record(
    action: Action | str,
    *,
    request: HttpRequest | None = None,
    who: str = "",
    address: str = "",
    outcome: Result | str = Result.SUCCESS,
    patient: str = "",
    study: str = "",
    object: str = "",
    detail: Mapping[str, Any] | None = None,
    door: str = "",
) -> Event:
    """Add one event. With a request, who, role, address and door are taken from it unless given."""
    event = Event(
        action=Action(action),
        outcome=Result(outcome),
        who=who,
        address=address,
        door=door,
        patient=_text(patient, 256),
        study=_text(study, 64),
        object=_text(object, 256),
        detail=dict(detail or {}),
    )
    if request is not None:
        _say_who(event, request)
    event.who = _text(event.who, 150)
    # a search waits for its event: Django takes longer to build the statement than the database to run it
    with transaction.atomic(savepoint=False):
        insert([event])
    return event


def record_view(request: HttpRequest, level: str, uid: str, study_uid: str, patient_key: str) -> None:
    """Record that a patient, study, series or instance was looked at: once per user, study and five minutes."""
    _record_once(Action.VIEW, request, uid, study_uid, patient_key, {"level": level})


def record_download(request: HttpRequest, level: str, uid: str, study_uid: str, patient_key: str) -> None:
    """Record that a program fetched objects of a study: once per user, study and five minutes."""
    _record_once(Action.DOWNLOAD, request, uid, study_uid, patient_key, {"level": level, "what": "DICOMweb"})


def _record_once(
    action: Action, request: HttpRequest, uid: str, study_uid: str, patient_key: str, detail: Mapping[str, Any]
) -> None:
    if not was_recorded(action, request, study_uid, patient=patient_key):
        record(action, request=request, patient=patient_key, study=study_uid, object=uid, detail=detail)


def was_recorded(
    action: Action, request: HttpRequest, study: str, *, object: str | None = None, patient: str | None = None
) -> bool:
    """Say whether the user's act on a study was recorded in the last minutes already.

    Args:
        object: of this object, where it matters.
        patient: of this patient, where it matters.
    """
    same = {"user_id": getattr(request.user, "pk", None), "action": action.value, "study": _text(study, 64)}
    same |= {name: _text(value, 256) for name, value in (("object", object), ("patient", patient)) if value is not None}
    conditions = [f"{name} IS NULL" if value is None else f"{name} = %s" for name, value in same.items()]
    since = as_stored(Event, "time", timezone.now() - SEEN_AGAIN)
    # Asked by every request that reads: Django takes longer to build such a query than SQLite to answer it.
    sql = f"SELECT 1 FROM audit_event WHERE {' AND '.join(conditions)} AND time > %s LIMIT 1"  # noqa: S608 own names
    return bool(rows_of(sql, [*(value for value in same.values() if value is not None), since]))


def did_lately(request: HttpRequest, action: Action, detail: Mapping[str, Any]) -> bool:
    """Whether this user's very same act, but for what was found, is among the latest events: a page that goes on.

    A cursor in an address proves nothing: without this, whoever invents one would read unrecorded.
    """
    since = as_stored(Event, "time", timezone.now() - SEEN_AGAIN)
    latest = rows_of(_LATEST, [getattr(request.user, "pk", None), action.value, since])
    return any(_asked(one) == dict(detail) for (one,) in latest)


@lru_cache(maxsize=256)
def _asked(detail: str) -> dict[str, Any]:
    """Return the detail of an event but for what was found; remembered, as each search looks at those before it."""
    return {key: value for key, value in json.loads(detail).items() if key != "found"}


def _say_who(event: Event, request: HttpRequest) -> None:
    event.address = event.address or address_of(request)
    event.door = event.door or getattr(request, "door", "web")
    if credential := getattr(request, "credential", ""):
        event.detail = {**event.detail, "token": credential}
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        event.user_id = user.pk
        event.who = event.who or user.get_username()
        event.role = getattr(user, "role", "")


def _text(value: str, length: int) -> str:
    """What a database takes: no NUL, no lone surrogate, not longer than the column."""
    return str(value).replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()[:length]
