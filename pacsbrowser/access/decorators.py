"""Views that ask for more than a login."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from pacsbrowser.access.models import User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def required(allowed: Callable[[User], bool], reason: str) -> Callable[[View[P]], View[P]]:
    """Make a decorator: only whom `allowed` says yes to, others are told the reason (403)."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not (isinstance(request.user, User) and allowed(request.user)):
                raise PermissionDenied(reason)
            return view(request, *args, **kwargs)

        return cast("View[P]", checked)

    return decorate


def uploader_required(view: View[P]) -> View[P]:
    """Only uploaders and administrators."""
    return required(lambda user: user.may_upload, "This needs the role Uploader.")(view)


def administrator_required(view: View[P]) -> View[P]:
    """Only administrators."""
    return required(lambda user: user.is_administrator, "This needs the role Administrator.")(view)
