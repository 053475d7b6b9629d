"""Who calls: the user of the session, or of the token in the Authorization header, and what the call may do."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from pacsbrowser.access.models import User
from pacsbrowser.access.scope import Scope, scope_of
from pacsbrowser.access.tokens import find_token, note_use
from pacsbrowser.audit.models import Action
from pacsbrowser.audit.record import address_of
from pacsbrowser.audit.refusals import record_refusal
from pacsbrowser.dicomweb.problems import Problem

DOOR = "dicomweb"
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
_WHO = "Log in, or send an API token: Authorization: Bearer <token>."
_UNKNOWN = "The token is unknown, expired or revoked. Make one on the page API tokens; a password is not taken here."


@dataclass(frozen=True, slots=True)
class Caller:
    """A user with the rights of this call. `scope` says which studies exist for it."""

    user: User
    scope: Scope
    may_read: bool
    may_store: bool
    may_delete: bool
    token: str = ""


def identify(request: HttpRequest) -> Caller:
    """Return who calls, and let the request carry the user for the audit log.

    A token goes before a session. A session has to send its CSRF token with everything that changes the archive.

    Raises:
        Problem: 401 without a good credential, 403 without a CSRF token.
    """
    request.door = DOOR  # type: ignore[attr-defined]
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    if authorization:
        return _of_token(request, authorization)
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        raise Problem(401, _WHO, headers=_challenge(request))
    if request.method not in SAFE:
        _check_csrf(request)
    return Caller(user, scope_of(user), may_read=True, may_store=user.may_upload, may_delete=user.is_administrator)


def _of_token(request: HttpRequest, authorization: str) -> Caller:
    token = find_token(authorization)
    if token is None:
        record_refusal(Action.LOGIN_FAILED, door=DOOR, address=address_of(request), reason="no good API token")
        raise Problem(401, _UNKNOWN, headers=_challenge(request))
    note_use(token)
    user = token.user
    request.user = user
    request.credential = token.start  # type: ignore[attr-defined]
    return Caller(
        user,
        scope_of(user),
        may_read=token.may_read,
        may_store=token.may_store and user.may_upload,
        may_delete=token.may_store and user.is_administrator,
        token=token.start,
    )


def _challenge(request: HttpRequest) -> dict[str, str]:
    """Return the challenge (RFC 9110 11.6.1). A script in a browser gets no Basic: it would open a dialog."""
    in_browser = request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
    basic = "" if in_browser else ', Basic realm="DICOMweb: an API token as password", charset="UTF-8"'
    return {"WWW-Authenticate": f'Bearer realm="DICOMweb"{basic}'}


def _check_csrf(request: HttpRequest) -> None:
    """Demand the token in the header X-CSRFToken; the body is not looked at, it may be large."""
    guard = CsrfViewMiddleware(_never)
    missing = "X-CSRFToken" not in request.headers and not getattr(request, "_dont_enforce_csrf_checks", False)
    guard.process_request(request)
    if missing or guard.process_view(request, _never, (), {}) is not None:
        raise Problem(403, "A session has to send its CSRF token in the header X-CSRFToken.")


def _never(request: HttpRequest) -> HttpResponse:
    """Stand for the view, which the guard only looks at."""
    return HttpResponse()
