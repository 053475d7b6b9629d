"""Logins, logouts, failures and lock-outs become audit events: the one place where signals are listened to."""

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from pacsbrowser.access.models import User
from pacsbrowser.audit.models import Action, Result
from pacsbrowser.audit.record import record


def connect() -> None:
    """Start listening."""
    user_logged_in.connect(_logged_in, dispatch_uid="audit")
    user_logged_out.connect(_logged_out, dispatch_uid="audit")
    user_login_failed.connect(_login_failed, dispatch_uid="audit")
    user_locked_out.connect(_locked_out, dispatch_uid="audit")


def _logged_in(request: HttpRequest, user: User, **_: Any) -> None:
    record(Action.LOGIN, request=request, who=user.username)


def _logged_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        record(Action.LOGOUT, request=request, who=user.username)


def _login_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    # who is logged in already gives the old password only to change it
    inside = request is not None and hasattr(request, "user") and request.user.is_authenticated
    who, detail = str(credentials.get("username", "")), {"reason": "wrong old password"} if inside else None
    record(Action.LOGIN_FAILED, request=request, who=who, outcome=Result.FAILED, detail=detail)


def _locked_out(request: HttpRequest, username: str, **_: Any) -> None:
    record(
        Action.LOGIN_FAILED,
        request=request,
        who=username or "",
        outcome=Result.REFUSED,
        detail={"reason": "locked after repeated failures"},
    )
